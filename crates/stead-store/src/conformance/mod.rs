//! What [`Store`] promises, as cases every engine must pass.
//!
//! An engine's tests call [`run`] with a way to make an empty store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test suite: a broken promise panics"
)]

mod leases;
mod limits;
mod reads;
mod txns;
mod watches;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};

use crate::{
    CommitOutcome, Entry, Guard, Key, KeyRange, LeaseId, ReadAt, Revision, Store, StoreError, Txn,
    Write,
};

/// How long a case may wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A case's store, and the shortest time to live the engine has.
struct Case {
    store: Arc<dyn Store>,
    ttl: Duration,
    /// The revision the store began with.
    start: Revision,
}

type Run = fn(Case) -> BoxFuture<'static, ()>;

/// Runs every case, each on a store of its own from `fresh`, and panics with the names of those
/// that failed. `ttl` is the shortest time to live the engine grants.
pub async fn run<S: Store>(ttl: Duration, fresh: impl AsyncFn() -> S) {
    let groups: [&[(&str, Run)]; 5] = [
        txns::CASES,
        reads::CASES,
        watches::CASES,
        leases::CASES,
        limits::CASES,
    ];
    let mut failed = Vec::new();
    for (name, case) in groups.into_iter().flatten() {
        let store: Arc<dyn Store> = Arc::new(fresh().await);
        let start = store.revision().await.unwrap();
        let case = case(Case { store, ttl, start });
        if AssertUnwindSafe(case).catch_unwind().await.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "cases that failed: {failed:?}");
}

/// Lists cases as name and function.
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        pub(super) const CASES: &[(&str, super::Run)] = &[
            $((stringify!($case), |case| futures::FutureExt::boxed($case(case)))),*
        ];
    };
}
use cases;

impl Case {
    /// The revision `count` transactions after the start.
    fn revision(&self, count: u64) -> Revision {
        Revision(self.start.0 + count)
    }

    async fn commit(&self, guards: Vec<Guard>, writes: Vec<Write>) -> CommitOutcome {
        self.store.commit(Txn { guards, writes }).await.unwrap()
    }

    /// Commits without guards and answers the revision.
    async fn write(&self, writes: Vec<Write>) -> Revision {
        match self.commit(vec![], writes).await {
            CommitOutcome::Done(revision) => revision,
            conflict @ CommitOutcome::Conflict { .. } => panic!("{conflict:?} without guards"),
        }
    }

    async fn refused(&self, writes: Vec<Write>) -> StoreError {
        let txn = Txn {
            guards: vec![],
            writes,
        };
        self.store.commit(txn).await.unwrap_err()
    }

    async fn entries(&self, range: KeyRange, at: ReadAt) -> Vec<Entry> {
        self.store.range(range, at, None).await.unwrap().entries
    }

    async fn entry(&self, key: &str) -> Option<Entry> {
        let key = KeyRange::key(Bytes::copy_from_slice(key.as_bytes()));
        self.entries(key, ReadAt::Latest).await.pop()
    }

    /// Every key and value now.
    async fn all(&self) -> Vec<(String, String)> {
        text(&self.entries(KeyRange::prefix(""), ReadAt::Latest).await)
    }
}

fn text(entries: &[Entry]) -> Vec<(String, String)> {
    let lossy = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    entries
        .iter()
        .map(|entry| (lossy(&entry.key), lossy(&entry.value)))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn key(key: &str) -> Key {
    Bytes::copy_from_slice(key.as_bytes())
}

fn put(name: &str, value: &str) -> Write {
    Write::Put {
        key: key(name),
        value: key(value),
        lease: None,
    }
}

fn put_with(name: &str, value: &str, lease: LeaseId) -> Write {
    Write::Put {
        key: key(name),
        value: key(value),
        lease: Some(lease),
    }
}

fn delete(name: &str) -> Write {
    Write::Delete(key(name))
}

fn range(start: &str, end: &str) -> KeyRange {
    KeyRange {
        start: key(start),
        end: Some(key(end)),
    }
}

/// Waits for something that must happen.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("nothing happened in time")
}
