//! Consul's HTTP API, version 1, over the registry.

mod agent;
mod catalog;
mod health;
mod kv;
mod params;
mod reply;
mod request;
mod routes;

use std::sync::Arc;

use axum::Router;
use stead_registry::{Local, Registry};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{Bounds, HostNames, host};

/// What the API is served from.
#[derive(Clone, Debug)]
pub struct Consul {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    local: Local,
    bounds: Bounds,
    shutdown: CancellationToken,
    waiters: Semaphore,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consul")
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

impl Consul {
    /// Over a machine's agent and its registry. After `shutdown`, waiting queries answer with
    /// what there is.
    pub fn new(local: Local, bounds: Bounds, shutdown: CancellationToken) -> Self {
        Self {
            inner: Arc::new(Inner {
                registry: local.registry().clone(),
                local,
                waiters: Semaphore::new(bounds.waiters),
                bounds,
                shutdown,
            }),
        }
    }
}

/// The routes under `/v1/`, which only requests for these names reach.
pub fn router(consul: Consul, names: HostNames) -> Router {
    let routes = Router::new().fallback(routes::dispatch).with_state(consul);
    host::guard(routes, names)
}
