use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use serde::de::DeserializeOwned;
use stead_registry::{Answer, Query};
use tokio::time::Instant;

use super::Consul;
use super::params::{Consistency, Params};
use super::reply::{self, Failure};

/// A request that found its route.
pub(super) struct Call {
    pub(super) consul: Consul,
    pub(super) method: Method,
    /// What follows the route's prefix, decoded.
    pub(super) rest: String,
    pub(super) params: Params,
    pub(super) headers: HeaderMap,
}

impl Call {
    pub(super) fn pretty(&self) -> bool {
        self.params
            .get("pretty")
            .is_some_and(|value| value != "false" && value != "0")
    }

    /// What follows the prefix, which must not be empty.
    pub(super) fn subject(&self, missing: &'static str) -> Result<&str, Failure> {
        match self.rest.as_str() {
            "" => Err(Failure::bad_request(missing)),
            subject => Ok(subject),
        }
    }

    /// Refuses another data centre.
    pub(super) fn check_datacenter(&self, named: &str) -> Result<(), Failure> {
        if named.is_empty() || named == self.consul.inner.registry.datacenter() {
            Ok(())
        } else {
            Err(Failure::internal("No path to datacenter"))
        }
    }

    /// The body, up to a bound.
    pub(super) async fn read_body(
        &self,
        body: Body,
        what: &'static str,
        limit: usize,
    ) -> Result<Bytes, Failure> {
        let announced = self.headers.get(header::CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit as u64) {
            return Err(Failure::too_large(what, limit));
        }
        to_bytes(body, limit).await.map_err(|error| {
            let cause = std::error::Error::source(&error);
            if cause.is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>) {
                Failure::too_large(what, limit)
            } else {
                Failure::bad_request(format!("Request body could not be read: {error}"))
            }
        })
    }

    /// The body as JSON, its keys in any case.
    pub(super) async fn decode<T: DeserializeOwned>(&self, body: Body) -> Result<T, Failure> {
        let limit = self.consul.inner.bounds.body;
        let body = self.read_body(body, "body", limit).await?;
        stead_api::consul::decode(&body)
            .map_err(|error| Failure::bad_request(format!("Request decode failed: {error}")))
    }

    pub(super) fn too_many_waiters(&self) -> Failure {
        let bound = self.consul.inner.bounds.waiters;
        Failure::new(
            http::StatusCode::SERVICE_UNAVAILABLE,
            format!("The bound of {bound} waiting queries is reached"),
        )
    }

    /// Answers a question, waiting if the request says so.
    pub(super) async fn answer(&self, query: Query) -> Result<Response, Failure> {
        let (answer, consistency) = self.ask(query).await?;
        Ok(reply::answer(answer, consistency, self.pretty()))
    }

    /// Asks the registry, waiting if the request says so.
    pub(super) async fn ask(&self, query: Query) -> Result<(Answer, Consistency), Failure> {
        let blocking = self.params.blocking()?;
        let consistency = self.params.consistency()?;
        self.check_datacenter(self.params.get("dc").unwrap_or_default())?;
        if self
            .params
            .get("filter")
            .is_some_and(|filter| !filter.is_empty())
        {
            return Err(Failure::bad_request("Filter expressions are not supported"));
        }
        let inner = &self.consul.inner;
        if consistency == Consistency::Consistent {
            inner.registry.sync().await?;
        }
        if blocking.index == 0 {
            return Ok((inner.registry.ask_now(query), consistency));
        }
        let Ok(_place) = inner.waiters.try_acquire() else {
            return Err(self.too_many_waiters());
        };
        let until = Instant::now() + blocking.wait + jitter(blocking.wait);
        let asked = inner
            .registry
            .ask(query.clone(), Some(blocking.index), until);
        let answer = tokio::select! {
            answer = asked => answer,
            () = inner.shutdown.cancelled() => inner.registry.ask_now(query),
        };
        Ok((answer, consistency))
    }
}

/// Up to a sixteenth, so that clients who began together do not come back together.
fn jitter(wait: Duration) -> Duration {
    (wait / 16).mul_f64(rand::random())
}
