//! The client of the Consul-shaped HTTP API.

mod shapes;

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::connection::{Link, Peer, REQUEST_TIMEOUT, Reply, line};
use crate::text::{key_path, segment, with_query};
use crate::{ClientError, RegistryAddress};

pub use shapes::{
    CatalogNode, CatalogService, HealthCheck, HealthEntry, HealthNode, HealthService, KvEntry,
    Weights,
};

/// A client of one server's or agent's HTTP API, `/v1/…` as Consul has it.
///
/// Nothing is connected before the first request.
#[derive(Debug)]
pub struct RegistryClient {
    link: Link,
}

/// An answer and the index to wait from for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed<T> {
    /// `X-Consul-Index`.
    pub index: u64,
    /// The answer.
    pub value: T,
}

/// Ask for the answer once it differs from the one with this index, or when
/// the wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocking {
    /// The index of the answer at hand; 0 answers at once.
    pub index: u64,
    /// How long at most; servers cap it at 10 minutes.
    pub wait: Duration,
}

/// Which instances of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthQuery {
    /// Only those whose checks all pass.
    pub passing: bool,
    /// Only those with all of these tags.
    pub tags: Vec<String>,
    /// Wait for a change.
    pub blocking: Option<Blocking>,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckStatus {
    /// Works.
    Passing,
    /// Works, and somebody should look.
    Warning,
    /// Does not work.
    Critical,
}

/// A result to report for a check of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckReport<'a> {
    /// The check's id: `service:NAME` for a service's only one.
    pub check: &'a str,
    /// What was found.
    pub status: CheckStatus,
    /// A line for people.
    pub note: &'a str,
}

impl RegistryClient {
    /// A client of the API at `address`.
    pub fn new(address: RegistryAddress) -> Self {
        Self {
            link: Link::new(Peer::Registry(address)),
        }
    }

    /// All services with the tags of their instances.
    pub async fn services(
        &self,
        blocking: Option<Blocking>,
    ) -> Result<Indexed<BTreeMap<String, Vec<String>>>, ClientError> {
        self.get("/v1/catalog/services".to_owned(), blocking).await
    }

    /// All nodes.
    pub async fn nodes(
        &self,
        blocking: Option<Blocking>,
    ) -> Result<Indexed<Vec<CatalogNode>>, ClientError> {
        self.get("/v1/catalog/nodes".to_owned(), blocking).await
    }

    /// All instances of a service, whatever their health.
    pub async fn instances(
        &self,
        service: &str,
        blocking: Option<Blocking>,
    ) -> Result<Indexed<Vec<CatalogService>>, ClientError> {
        self.get(
            format!("/v1/catalog/service/{}", segment(service)),
            blocking,
        )
        .await
    }

    /// Instances of a service with their health.
    pub async fn health(
        &self,
        service: &str,
        query: &HealthQuery,
    ) -> Result<Indexed<Vec<HealthEntry>>, ClientError> {
        let mut path = format!("/v1/health/service/{}", segment(service));
        if query.passing {
            with_query(&mut path, "passing", None);
        }
        for tag in &query.tags {
            with_query(&mut path, "tag", Some(tag));
        }
        self.get(path, query.blocking).await
    }

    /// The entry of a key, `None` where there is none. The index of both can be
    /// waited from.
    pub async fn kv_get(
        &self,
        key: &str,
        blocking: Option<Blocking>,
    ) -> Result<Indexed<Option<KvEntry>>, ClientError> {
        let found: Indexed<Vec<KvEntry>> = self.get_or_empty(kv_path(key), blocking).await?;
        Ok(Indexed {
            index: found.index,
            value: found.value.into_iter().next(),
        })
    }

    /// All entries whose key starts with `prefix`, in the order of their keys.
    pub async fn kv_list(
        &self,
        prefix: &str,
        blocking: Option<Blocking>,
    ) -> Result<Indexed<Vec<KvEntry>>, ClientError> {
        let mut path = kv_path(prefix);
        with_query(&mut path, "recurse", None);
        self.get_or_empty(path, blocking).await
    }

    /// The keys that start with `prefix`, in order; with a separator, cut after
    /// its first occurrence past the prefix.
    pub async fn kv_keys(
        &self,
        prefix: &str,
        separator: Option<&str>,
        blocking: Option<Blocking>,
    ) -> Result<Indexed<Vec<String>>, ClientError> {
        let mut path = kv_path(prefix);
        with_query(&mut path, "keys", None);
        if let Some(separator) = separator {
            with_query(&mut path, "separator", Some(separator));
        }
        self.get_or_empty(path, blocking).await
    }

    /// Sets a key. With `only_at`, only if its entry's `ModifyIndex` is that (0:
    /// only if there is none); `false` says that it was not.
    pub async fn kv_put(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        only_at: Option<u64>,
    ) -> Result<bool, ClientError> {
        let mut path = kv_path(key);
        if let Some(index) = only_at {
            with_query(&mut path, "cas", Some(&index.to_string()));
        }
        self.done(Method::PUT, &path, value.into()).await
    }

    /// Deletes a key, `only_at` as in [`kv_put`](Self::kv_put). A key that is
    /// not there counts as deleted.
    pub async fn kv_delete(&self, key: &str, only_at: Option<u64>) -> Result<bool, ClientError> {
        let mut path = kv_path(key);
        if let Some(index) = only_at {
            with_query(&mut path, "cas", Some(&index.to_string()));
        }
        self.done(Method::DELETE, &path, Bytes::new()).await
    }

    /// Deletes every key that starts with `prefix`.
    pub async fn kv_delete_tree(&self, prefix: &str) -> Result<bool, ClientError> {
        let mut path = kv_path(prefix);
        with_query(&mut path, "recurse", None);
        self.done(Method::DELETE, &path, Bytes::new()).await
    }

    /// Reports a check's result to the agent.
    pub async fn report(&self, report: CheckReport<'_>) -> Result<(), ClientError> {
        let verb = match report.status {
            CheckStatus::Passing => "pass",
            CheckStatus::Warning => "warn",
            CheckStatus::Critical => "fail",
        };
        let mut path = format!("/v1/agent/check/{verb}/{}", segment(report.check));
        if !report.note.is_empty() {
            with_query(&mut path, "note", Some(report.note));
        }
        let reply = self
            .link
            .fetch(Method::PUT, &path, Bytes::new(), Some(REQUEST_TIMEOUT))
            .await?;
        refuse_failure(&Method::PUT, &path, &reply)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: String,
        blocking: Option<Blocking>,
    ) -> Result<Indexed<T>, ClientError> {
        let (path, reply) = self.ask(path, blocking).await?;
        refuse_failure(&Method::GET, &path, &reply)?;
        read(&path, &reply, &reply.body)
    }

    /// The key-value store answers 404 and no body where nothing is.
    async fn get_or_empty<T: DeserializeOwned>(
        &self,
        path: String,
        blocking: Option<Blocking>,
    ) -> Result<Indexed<Vec<T>>, ClientError> {
        let (path, reply) = self.ask(path, blocking).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return read(&path, &reply, b"[]");
        }
        refuse_failure(&Method::GET, &path, &reply)?;
        read(&path, &reply, &reply.body)
    }

    async fn ask(
        &self,
        mut path: String,
        blocking: Option<Blocking>,
    ) -> Result<(String, Reply), ClientError> {
        let mut limit = REQUEST_TIMEOUT;
        if let Some(Blocking { index, wait }) = blocking {
            with_query(&mut path, "index", Some(&index.to_string()));
            with_query(&mut path, "wait", Some(&format!("{}ms", wait.as_millis())));
            // Servers spread the ends of waits over a sixteenth more.
            limit += wait + wait / 16;
        }
        let reply = self
            .link
            .fetch(Method::GET, &path, Bytes::new(), Some(limit))
            .await?;
        Ok((path, reply))
    }

    async fn done(&self, method: Method, path: &str, body: Bytes) -> Result<bool, ClientError> {
        let reply = self
            .link
            .fetch(method.clone(), path, body, Some(REQUEST_TIMEOUT))
            .await?;
        refuse_failure(&method, path, &reply)?;
        serde_json::from_slice(&reply.body).map_err(|source| ClientError::Protocol {
            request: line(&method, path),
            source: source.into(),
        })
    }
}

impl KvEntry {
    /// The value's bytes.
    pub fn bytes(&self) -> Result<Vec<u8>, ClientError> {
        let encoded = self.value.as_deref().unwrap_or_default();
        BASE64_STANDARD
            .decode(encoded)
            .map_err(|source| ClientError::Protocol {
                request: format!("GET /v1/kv/{}", self.key),
                source: source.into(),
            })
    }
}

fn kv_path(key: &str) -> String {
    format!("/v1/kv/{}", key_path(key))
}

fn refuse_failure(method: &Method, path: &str, reply: &Reply) -> Result<(), ClientError> {
    if reply.status.is_success() {
        return Ok(());
    }
    Err(ClientError::Refused {
        request: line(method, path),
        status: reply.status,
        text: String::from_utf8_lossy(&reply.body).trim().to_owned(),
    })
}

fn read<T: DeserializeOwned>(
    path: &str,
    reply: &Reply,
    body: &[u8],
) -> Result<Indexed<T>, ClientError> {
    let protocol = |source: Box<dyn std::error::Error + Send + Sync>| ClientError::Protocol {
        request: line(&Method::GET, path),
        source,
    };
    let index = reply
        .headers
        .get("x-consul-index")
        .ok_or_else(|| protocol("there is no X-Consul-Index".into()))?
        .to_str()
        .map_err(|source| protocol(source.into()))?
        .parse()
        .map_err(|source: std::num::ParseIntError| protocol(source.into()))?;
    let value = serde_json::from_slice(body).map_err(|source| protocol(source.into()))?;
    Ok(Indexed { index, value })
}
