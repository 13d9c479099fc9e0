//! The embedded engine in a real folder.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use stead_store::{
    Change, CommitOutcome, Embedded, KeyRange, Options, ReadAt, Revision, Store, StoreError, Txn,
    Write,
};

fn put(key: &str, value: &str) -> Txn {
    Txn {
        guards: vec![],
        writes: vec![Write::Put {
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::copy_from_slice(value.as_bytes()),
            lease: None,
        }],
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    for count in 1..=3 {
        let outcome = store.commit(put("a", &count.to_string())).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Done(Revision(count)));
    }
    drop(store);
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    let read = store
        .range(KeyRange::key("a"), ReadAt::Latest, None)
        .await
        .unwrap();
    assert_eq!(read.revision, Revision(3));
    assert_eq!(read.entries[0].value, "3");
    assert_eq!(read.entries[0].version, 3);
    let past = store
        .range(KeyRange::key("a"), ReadAt::Revision(Revision(2)), None)
        .await
        .unwrap();
    assert_eq!(past.entries[0].value, "2");
    let seen: Vec<_> = store
        .watch(Revision(1))
        .take(2)
        .map(|commit| commit.unwrap().revision.0)
        .collect()
        .await;
    assert_eq!(seen, [2, 3]);
}

#[tokio::test]
async fn a_lease_that_is_not_kept_alive_takes_its_keys_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path(), Options::default()).unwrap();
    let ttl = Duration::from_millis(50);
    let start = std::time::Instant::now();
    let lease = store.grant(ttl).await.unwrap();
    let mut txn = put("a", "1");
    let Write::Put { lease: held, .. } = &mut txn.writes[0] else {
        unreachable!()
    };
    *held = Some(lease);
    store.commit(txn).await.unwrap();
    let mut watch = store.watch(Revision(1));
    let commit = watch.next().await.unwrap().unwrap();
    assert!(start.elapsed() >= ttl);
    assert_eq!(commit.changes, [Change::Delete(Bytes::from("a"))]);
    assert!(matches!(
        store.keep_alive(lease).await,
        Err(StoreError::NoLease(_))
    ));
}

#[test]
fn a_second_open_names_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Embedded::open(folder.path(), Options::default()).unwrap();
    let second = Embedded::open(folder.path(), Options::default()).unwrap_err();
    let StoreError::InUse { pid, .. } = second else {
        panic!("{second}")
    };
    assert_eq!(pid, Some(std::process::id()));
}
