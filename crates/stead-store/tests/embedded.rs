//! The embedded engine in a real folder.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use stead_store::{
    Change, CommitOutcome, Embedded, History, KeyRange, LeaseId, Options, ReadAt, Revision, Store,
    StoreError, Txn, Write,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder, Options::default()).unwrap()
}

fn txn(key: &str, value: &str, lease: Option<LeaseId>) -> Txn {
    Txn {
        guards: vec![],
        writes: vec![Write::Put {
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::copy_from_slice(value.as_bytes()),
            lease,
        }],
    }
}

fn put(key: &str, value: &str) -> Txn {
    txn(key, value, None)
}

async fn value(store: &Embedded, key: &'static str, at: ReadAt) -> Option<String> {
    let read = store.range(KeyRange::key(key), at, None).await.unwrap();
    let entry = read.entries.first()?;
    Some(String::from_utf8(entry.value.to_vec()).unwrap())
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("nothing happened in time")
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("not/yet/there");
    let store = open(&folder);
    for count in 1..=3 {
        let outcome = store.commit(put("a", &count.to_string())).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Done(Revision(count)));
    }
    drop(store);
    let store = open(&folder);
    assert_eq!(store.revision().await.unwrap(), Revision(3));
    let read = store
        .range(KeyRange::key("a"), ReadAt::Latest, None)
        .await
        .unwrap();
    assert_eq!(read.entries[0].value, "3");
    assert_eq!(read.entries[0].version, 3);
    let then = ReadAt::Revision(Revision(2));
    assert_eq!(value(&store, "a", then).await.as_deref(), Some("2"));
    let seen: Vec<_> = store
        .watch(Revision(1))
        .take(2)
        .map(|commit| commit.unwrap().revision.0)
        .collect()
        .await;
    assert_eq!(seen, [2, 3]);
}

#[tokio::test]
async fn compaction_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    for count in 1..=3 {
        store.commit(put("a", &count.to_string())).await.unwrap();
    }
    store.compact(Revision(2)).await.unwrap();
    drop(store);
    let store = open(folder.path());
    let then = ReadAt::Revision(Revision(1));
    let read = store.range(KeyRange::key("a"), then, None).await;
    assert!(
        matches!(
            read,
            Err(StoreError::Compacted {
                oldest: Revision(2)
            })
        ),
        "{read:?}"
    );
}

#[tokio::test]
async fn leases_begin_anew_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let ttl = Duration::from_secs(1);
    let short = store.grant(ttl).await.unwrap();
    let long = store.grant(PATIENCE * 100).await.unwrap();
    let revoked = store.grant(PATIENCE * 100).await.unwrap();
    store.commit(txn("a", "1", Some(short))).await.unwrap();
    store.commit(txn("b", "1", Some(long))).await.unwrap();
    store.revoke(revoked).await.unwrap();
    drop(store);
    let opened = Instant::now();
    let store = open(folder.path());
    assert!(matches!(
        store.keep_alive(revoked).await,
        Err(StoreError::NoLease(_))
    ));
    let mut watch = store.watch(Revision(2));
    let commit = soon(watch.next()).await.unwrap().unwrap();
    assert!(opened.elapsed() >= ttl);
    assert_eq!(commit.changes, [Change::Delete(Bytes::from("a"))]);
    let next = store.grant(PATIENCE).await.unwrap();
    assert!(next > revoked, "{next:?} was granted before");
    store.revoke(long).await.unwrap();
    assert_eq!(value(&store, "b", ReadAt::Latest).await, None);
}

#[tokio::test]
async fn a_watcher_that_is_too_slow_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        history: History {
            commits: 10,
            ..History::default()
        },
        ..Options::default()
    };
    let store = Embedded::open(folder.path(), options).unwrap();
    store.commit(put("a", "0")).await.unwrap();
    let mut watch = store.watch(Revision(0));
    soon(watch.next()).await.unwrap().unwrap();
    for count in 1..=11 {
        store.commit(put("a", &count.to_string())).await.unwrap();
    }
    let answer = soon(watch.next()).await;
    assert!(
        matches!(answer, Some(Err(StoreError::Lagged { buffer: 10 }))),
        "{answer:?}"
    );
    assert!(soon(watch.next()).await.is_none());
    let mut watch = store.watch(Revision(0));
    let answer = soon(watch.next()).await;
    assert!(
        matches!(
            answer,
            Some(Err(StoreError::Compacted {
                oldest: Revision(2)
            }))
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn history_older_than_its_age_is_forgotten_with_the_next_commit() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        history: History {
            age: Duration::ZERO,
            ..History::default()
        },
        ..Options::default()
    };
    let store = Embedded::open(folder.path(), options).unwrap();
    let start = Instant::now();
    store.commit(put("a", "0")).await.unwrap();
    // Ages are in milliseconds.
    while start.elapsed() < Duration::from_secs(1) {
        store.commit(put("a", "1")).await.unwrap();
        let oldest = ReadAt::Revision(Revision(0));
        let read = store.range(KeyRange::key("a"), oldest, None).await;
        if matches!(read, Err(StoreError::Compacted { .. })) {
            return;
        }
    }
    panic!("all history was kept");
}

#[tokio::test]
async fn a_closed_store_ends_watches_and_refuses_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut watch = store.watch(Revision(0));
    store.commit(put("a", "1")).await.unwrap();
    store.close();
    let commit = soon(watch.next()).await.unwrap().unwrap();
    assert_eq!(commit.revision, Revision(1));
    assert!(soon(watch.next()).await.is_none());
    let refused = store.commit(put("a", "2")).await;
    assert!(matches!(refused, Err(StoreError::Closed)), "{refused:?}");
    assert_eq!(
        value(&store, "a", ReadAt::Latest).await.as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn an_interrupted_write_at_the_end_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.commit(put("a", "1")).await.unwrap();
    // Taken while the store is open, so that nothing says it was closed.
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("data")).unwrap();
    let mut log = fs::read(folder.path().join("data/log.00000001")).unwrap();
    let end = log.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    log[end + 5..end + 50].fill(0xaa);
    fs::write(copy.path().join("data/log.00000001"), log).unwrap();
    let store = open(copy.path());
    assert_eq!(store.revision().await.unwrap(), Revision(1));
    store.commit(put("a", "2")).await.unwrap();
    drop(store);
    let store = open(copy.path());
    assert_eq!(
        value(&store, "a", ReadAt::Latest).await.as_deref(),
        Some("2")
    );
}

#[tokio::test]
async fn a_damaged_store_is_kept_aside_and_never_read() {
    for garbage in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        store.commit(put("a", "1")).await.unwrap();
        store.commit(put("a", "2")).await.unwrap();
        drop(store);
        let log = folder.path().join("data/log.00000001");
        let mut bytes = fs::read(&log).unwrap();
        if garbage {
            bytes = b"not a store at all".to_vec();
        } else {
            bytes[40] ^= 1;
        }
        fs::write(&log, &bytes).unwrap();
        let error = Embedded::open(folder.path(), Options::default()).unwrap_err();
        let StoreError::Corrupt { path, kept, source } = error else {
            panic!("{error:?}")
        };
        assert_eq!(path, folder.path().join("data"));
        assert!(source.to_string().contains("log.00000001"), "{source}");
        assert_eq!(fs::read(kept.join("log.00000001")).unwrap(), bytes);
        assert!(kept.to_string_lossy().contains("data.corrupt-"), "{kept:?}");
        let store = open(folder.path());
        assert_eq!(store.revision().await.unwrap(), Revision(0));
    }
}

#[test]
fn a_second_open_names_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = Embedded::open(folder.path(), Options::default()).unwrap_err();
    let StoreError::InUse { path, pid } = second else {
        panic!("{second}")
    };
    assert_eq!(path, folder.path());
    assert_eq!(pid, Some(std::process::id()));
    drop(first);
    open(folder.path());
}
