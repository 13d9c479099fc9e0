use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use stead_api::consul::{Check, Node, Service, Status};
use stead_registry::{Answer, Batch, HealthFilter, NodeMeta, Options, Query, Registry};
use stead_store::Embedded;
use tempfile::TempDir;
use tokio::time::Instant;

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A registry with a data folder of its own.
pub(crate) struct Stack {
    pub(crate) registry: Registry,
    pub(crate) store: Arc<Embedded>,
    folder: TempDir,
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), Options::default()).await
    }

    pub(crate) async fn start_with(options: Options) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), options).await
    }

    async fn start_in(folder: TempDir, options: Options) -> Self {
        let store = Embedded::open(folder.path(), stead_store::Options::default()).unwrap();
        let store = Arc::new(store);
        let registry = Registry::open(store.clone(), options).await.unwrap();
        Self {
            registry,
            store,
            folder,
        }
    }

    pub(crate) async fn stop(self) -> TempDir {
        self.registry.close().await;
        self.store.close();
        self.folder
    }

    pub(crate) async fn restart(self) -> Self {
        Self::start_in(self.stop().await, Options::default()).await
    }

    /// Returns once this many queries wait.
    pub(crate) async fn waiting(&self, count: usize) {
        until(|| self.registry.waiters() == count).await;
    }

    /// Waits for a change after `index`; fails the test if none comes.
    pub(crate) async fn change(&self, query: &Query, index: u64) -> Answer {
        let until = Instant::now() + DEADLINE;
        let answer = self.registry.ask(query.clone(), Some(index), until).await;
        assert!(answer.index > index, "no change of {query:?} after {index}");
        answer
    }

    /// Does something and asserts that nobody who waits for `query` is woken by it.
    pub(crate) async fn assert_quiet<T>(&self, query: Query, act: impl Future<Output = T>) -> T {
        let before = self.registry.ask_now(query.clone());
        let waiting = self.registry.waiters();
        let registry = self.registry.clone();
        let asked = query.clone();
        let waiter = tokio::spawn(async move {
            let until = Instant::now() + DEADLINE;
            registry.ask(asked, Some(before.index), until).await
        });
        until(|| self.registry.waiters() > waiting).await;
        let result = act.await;
        // The view holds the write by now, so whoever it wakes has been woken.
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished(), "{query:?} was woken");
        assert_eq!(
            self.registry.ask_now(query.clone()).index,
            before.index,
            "{query:?}"
        );
        waiter.abort();
        let _ = waiter.await;
        result
    }

    pub(crate) async fn do_batch(&self, fill: impl FnOnce(&mut Batch)) {
        let mut batch = Batch::new();
        fill(&mut batch);
        self.registry.catalog(batch).await.unwrap();
    }

    pub(crate) fn json(&self, query: Query) -> Value {
        let answer = self.registry.ask_now(query);
        serde_json::from_slice(&answer.bytes.expect("an answer")).unwrap()
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

pub(crate) fn node(name: &str) -> Node {
    Node {
        node: name.to_owned(),
        address: "10.0.0.1".to_owned(),
        ..Node::default()
    }
}

pub(crate) fn service(name: &str, id: &str) -> Service {
    Service {
        id: id.to_owned(),
        service: name.to_owned(),
        ..Service::default()
    }
}

pub(crate) fn check(node: &str, id: &str, service: &str, status: Status) -> Check {
    Check {
        node: node.to_owned(),
        check_id: id.to_owned(),
        service_id: service.to_owned(),
        status,
        ..Check::default()
    }
}

pub(crate) fn health(service: &str) -> Query {
    Query::Health {
        service: service.into(),
        tags: Vec::new(),
        filter: HealthFilter::Any,
        meta: NodeMeta::default(),
    }
}

pub(crate) fn instances(service: &str) -> Query {
    Query::Instances {
        service: service.into(),
        tags: Vec::new(),
        meta: NodeMeta::default(),
    }
}

pub(crate) fn services() -> Query {
    Query::Services {
        meta: NodeMeta::default(),
    }
}

pub(crate) fn nodes() -> Query {
    Query::Nodes {
        meta: NodeMeta::default(),
    }
}

pub(crate) fn tree(prefix: &str) -> Query {
    Query::Tree {
        prefix: prefix.to_owned().into(),
    }
}

pub(crate) fn key(key: &str) -> Query {
    Query::Key {
        key: key.to_owned().into(),
    }
}
