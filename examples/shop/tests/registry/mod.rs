//! As much of a registry as the shop asks for: healthy instances, with blocking
//! queries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

/// What is registered, and up to which index each service's followers have
/// been answered.
#[derive(Default)]
struct Content {
    index: u64,
    instances: BTreeMap<String, Vec<Value>>,
    waiting_from: BTreeMap<String, u64>,
}

pub(crate) struct Registry {
    content: Arc<watch::Sender<Content>>,
    address: String,
    _serving: JoinSet<()>,
}

impl Registry {
    pub(crate) async fn serve() -> Self {
        let content = Arc::new(watch::Sender::new(Content {
            index: 1,
            ..Content::default()
        }));
        let router = Router::new()
            .route("/v1/health/service/{name}", get(health))
            .with_state(Arc::clone(&content));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            content,
            address,
            _serving: serving,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Registers a service's instances in the place of those it had.
    pub(crate) fn set(&self, service: &str, instances: &[(&str, u32)]) {
        let entries = instances
            .iter()
            .map(|(authority, weight)| {
                let (address, port) = authority.rsplit_once(':').unwrap();
                json!({
                    "Node": {"Node": "here", "Address": address},
                    "Service": {
                        "ID": authority, "Service": service, "Address": "",
                        "Port": port.parse::<u16>().unwrap(),
                        "Weights": {"Passing": weight, "Warning": 1},
                    },
                    "Checks": [],
                })
            })
            .collect();
        self.content.send_modify(|content| {
            content.index += 1;
            content.instances.insert(service.to_owned(), entries);
        });
    }

    /// Waits until a follower of the service asks for what comes after the
    /// present content, which it has therefore taken in.
    pub(crate) async fn answered(&self, service: &str) {
        let mut content = self.content.subscribe();
        let answered =
            content.wait_for(|content| content.waiting_from.get(service) == Some(&content.index));
        timeout(DEADLINE, answered).await.unwrap().unwrap();
    }
}

async fn health(
    State(content): State<Arc<watch::Sender<Content>>>,
    Path(service): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    assert!(query.contains_key("passing"));
    let after: u64 = query["index"].parse().unwrap();
    assert!(query["wait"].ends_with("ms"));
    content.send_if_modified(|content| {
        content.waiting_from.insert(service.clone(), after) != Some(after)
    });
    let mut changes = content.subscribe();
    let content = changes
        .wait_for(|content| content.index > after)
        .await
        .unwrap();
    let found = content.instances.get(&service).cloned().unwrap_or_default();
    ([("X-Consul-Index", content.index)], Json(found)).into_response()
}
