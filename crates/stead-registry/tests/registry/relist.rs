//! A store whose watch breaks again and again, as one does whose reader fell behind or whose
//! history was compacted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use stead_registry::{Cas, Options, Registry};
use stead_store::{
    Commit, CommitOutcome, Embedded, KeyRange, LeaseId, Limits, RangeResult, ReadAt, Revision,
    Store, StoreError, Txn,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stack::{DEADLINE, tree};

/// Each watch tells this many commits and then loses all until the next list.
const COMMITS_A_WATCH: usize = 7;

struct Forgetful {
    store: Embedded,
    watches: AtomicUsize,
}

#[async_trait::async_trait]
impl Store for Forgetful {
    async fn commit(&self, txn: Txn) -> Result<CommitOutcome, StoreError> {
        self.store.commit(txn).await
    }

    async fn range(
        &self,
        range: KeyRange,
        at: ReadAt,
        limit: Option<usize>,
    ) -> Result<RangeResult, StoreError> {
        self.store.range(range, at, limit).await
    }

    fn watch(&self, after: Revision) -> BoxStream<'static, Result<Arc<Commit>, StoreError>> {
        self.watches.fetch_add(1, Ordering::Relaxed);
        let told = self.store.watch(after).take(COMMITS_A_WATCH);
        let lost = futures::stream::iter([Err(StoreError::Lagged { buffer: 7 })]);
        told.chain(lost).boxed()
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        self.store.revision().await
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.store.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.store.keep_alive(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.store.revoke(lease).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.store.compact(revision).await
    }

    fn limits(&self) -> Limits {
        self.store.limits()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_breaks_loses_no_change_and_takes_no_index_back() {
    const WRITES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Forgetful {
        store: Embedded::open(folder.path(), stead_store::Options::default()).unwrap(),
        watches: AtomicUsize::new(0),
    });
    let registry = Registry::open(store.clone(), Options::default())
        .await
        .unwrap();
    let mut tasks = JoinSet::new();
    for watcher in 0..4 {
        let (registry, writer) = (registry.clone(), registry.clone());
        tasks.spawn(async move {
            let mut index = 1;
            loop {
                let query = tree(&format!("w{watcher}/"));
                let until = Instant::now() + DEADLINE;
                let answer = registry.ask(query, Some(index), until).await;
                assert!(answer.index > index, "a change was missed");
                index = answer.index;
                if registry.kv_get(&format!("w{watcher}/end")).is_some() {
                    return;
                }
            }
        });
        tasks.spawn(async move {
            for place in 0..WRITES {
                let key = format!("w{watcher}/{}", place % 5);
                if place % 3 == 2 {
                    writer.kv_delete(&key, Cas::Always).await.unwrap();
                } else {
                    let value = place.to_string().into();
                    writer.kv_put(&key, value, 0, Cas::Always).await.unwrap();
                }
            }
            let end = format!("w{watcher}/end");
            writer
                .kv_put(&end, "".into(), 0, Cas::Always)
                .await
                .unwrap();
        });
    }
    tasks.join_all().await;
    assert!(
        store.watches.load(Ordering::Relaxed) > 10,
        "the watch never broke"
    );
    registry.close().await;
}

#[tokio::test]
async fn a_store_that_closes_leaves_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), stead_store::Options::default()).unwrap();
    let store = Arc::new(store);
    let registry = Registry::open(store.clone(), Options::default())
        .await
        .unwrap();
    let waiter = tokio::spawn({
        let registry = registry.clone();
        async move {
            registry
                .ask(tree("a"), Some(1), Instant::now() + DEADLINE)
                .await
        }
    });
    crate::stack::until(|| registry.waiters() == 1).await;
    let begun = Instant::now();
    store.close();
    waiter.await.unwrap();
    assert!(begun.elapsed() < DEADLINE / 2);
    assert!(
        registry
            .kv_put("a", "".into(), 0, Cas::Always)
            .await
            .is_err()
    );
    registry.close().await;
}
