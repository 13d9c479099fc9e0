//! A whole registry on a port of its own, and a client for it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use stead_registry::{Local, LocalOptions, Options, Registry};
use stead_server::{Bounds, HostNames, consul, serve};
use stead_store::Embedded;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Stack {
    pub(crate) registry: Registry,
    pub(crate) local: Local,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    router: Router,
    client: Client<HttpConnector, Full<Bytes>>,
    server: JoinHandle<Result<(), stead_server::ServeError>>,
    store: Arc<Embedded>,
    folder: TempDir,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    #[track_caller]
    pub(crate) fn index(&self) -> u64 {
        self.headers["x-consul-index"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap()
    }
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::start_with(Bounds::default()).await
    }

    pub(crate) async fn start_with(bounds: Bounds) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), bounds).await
    }

    pub(crate) async fn start_in(folder: TempDir, bounds: Bounds) -> Self {
        let store =
            Arc::new(Embedded::open(folder.path(), stead_store::Options::default()).unwrap());
        let registry = Registry::open(store.clone(), Options::default())
            .await
            .unwrap();
        let listener = stead_server::listen(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let mut options = LocalOptions::new("one", "127.0.0.1");
        options.server_port = address.port();
        "1.20.0".clone_into(&mut options.version);
        let local = Local::open(&registry, options).await.unwrap();
        let shutdown = CancellationToken::new();
        let state = consul::Consul::new(local.clone(), bounds.clone(), shutdown.clone());
        let router = consul::router(state, HostNames::new(["registry.example"]));
        let token = shutdown.clone();
        let shared = router.clone();
        let server = tokio::spawn(async move { serve(listener, shared, &bounds, token).await });
        Self {
            registry,
            local,
            address,
            shutdown,
            router,
            client: Client::builder(TokioExecutor::new()).build_http(),
            server,
            store,
            folder,
        }
    }

    /// The router that is routes, to be called without a connection.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Stops the server as a user would, and hands back what is left on the disk.
    pub(crate) async fn stop(self) -> TempDir {
        self.shutdown.cancel();
        drop((self.client, self.router, self.local));
        self.server.await.unwrap().unwrap();
        self.registry.close().await;
        self.store.close();
        self.folder
    }

    pub(crate) async fn restart(self) -> Self {
        Self::start_in(self.stop().await, Bounds::default()).await
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Reply {
        let reply = async {
            let response = self.client.request(request).await.unwrap();
            let (parts, body) = response.into_parts();
            Reply {
                status: parts.status,
                headers: parts.headers,
                body: body.collect().await.unwrap().to_bytes(),
            }
        };
        tokio::time::timeout(DEADLINE, reply)
            .await
            .expect("no answer in time")
    }

    pub(crate) async fn request(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Reply {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .body(Full::new(body.into()))
            .unwrap();
        self.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.request("GET", path, "").await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        self.request("PUT", path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.request("DELETE", path, "").await
    }

    #[track_caller]
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns once this many queries wait.
    pub(crate) async fn waiting(&self, count: usize) {
        until(|| self.registry.waiters() == count).await;
    }
}

/// Returns once the condition holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait)
        .await
        .expect("the condition never held");
}
