use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, header};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use stead_registry::{Answer, Query};
use tokio::time::Instant;

use super::Consul;
use super::params::{Consistency, Params};
use super::reply::{self, Failure};

/// Bytes of a refused body that are read and thrown away.
const DISCARDED_MAX: usize = 64 << 20;
/// How long that may take.
const DISCARD_TIME: Duration = Duration::from_secs(2);

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
            self.discard(body).await;
            return Err(Failure::too_large(what, limit));
        }
        let mut body = body;
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Failure::bad_request(format!("Request body could not be read: {error}"))
            })?;
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            if piece.len() > limit - read.len() {
                self.discard(body).await;
                return Err(Failure::too_large(what, limit));
            }
            read.extend_from_slice(&piece);
        }
        Ok(read.freeze())
    }

    /// Reads a body that is refused, within bounds: a client that sends all of it before it looks
    /// for the answer would otherwise meet a closed connection instead. One that waits to be told
    /// to go on (RFC 9110, 10.1.1) is answered at once.
    async fn discard(&self, mut body: Body) {
        if self.headers.contains_key(header::EXPECT) {
            return;
        }
        let mut left = DISCARDED_MAX;
        let read = async {
            while let Some(Ok(frame)) = body.frame().await {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                if bytes >= left {
                    return;
                }
                left -= bytes;
            }
        };
        // Too slow is as good as too long.
        let _ = tokio::time::timeout(DISCARD_TIME, read).await;
    }

    /// The body as JSON, its keys in any case.
    pub(super) async fn decode<T: DeserializeOwned>(&self, body: Body) -> Result<T, Failure> {
        let limit = self.consul.inner.bounds.body;
        let body = self.read_body(body, "body", limit).await?;
        stead_api::consul::decode(&body)
            .map_err(|error| Failure::bad_request(format!("Request decode failed: {error}")))
    }

    /// An answer that is not filtered where a filter was asked for would be a wrong one.
    pub(super) fn refuse_filter(&self) -> Result<(), Failure> {
        match self.params.get("filter") {
            None | Some("") => Ok(()),
            Some(_) => Err(Failure::bad_request("Filter expressions are not supported")),
        }
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
        self.refuse_filter()?;
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
