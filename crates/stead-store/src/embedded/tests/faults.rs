//! A disk that is full, that fails, or that brings back other bytes than it was given.

use std::sync::Arc;

use bytes::Bytes;

use super::disk::Simulated;
use crate::embedded::{Embedded, Options};
use crate::{CommitOutcome, KeyRange, ReadAt, Revision, Store, StoreError, Txn, Write};

fn open(disk: &Simulated) -> Result<Embedded, StoreError> {
    let options = Options {
        checkpoint_bytes: 1 << 20,
        ..Options::default()
    };
    Embedded::open_on(Arc::new(disk.clone()), options, None)
}

fn pair(count: usize) -> Txn {
    let put = |key: &str| Write::Put {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: format!("{count} {}", "x".repeat(10_000)).into(),
        lease: None,
    };
    Txn {
        guards: vec![],
        writes: vec![put("a"), put("b")],
    }
}

async fn values(store: &Embedded) -> (Revision, Vec<String>) {
    let read = store
        .range(KeyRange::prefix(""), ReadAt::Latest, None)
        .await
        .unwrap();
    let value = |entry: &crate::Entry| {
        let text = String::from_utf8(entry.value.to_vec()).unwrap();
        text.split(' ').next().unwrap().to_owned()
    };
    (read.revision, read.entries.iter().map(value).collect())
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room() {
    let disk = Simulated::new(1);
    let store = open(&disk).unwrap();
    store.commit(pair(1)).await.unwrap();
    let seen = values(&store).await;
    disk.set_room(50_000);
    let mut written = 1;
    let refused = loop {
        match store.commit(pair(written + 1)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1_000, "the disk never filled");
    };
    let StoreError::Io { source, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
    let before = values(&store).await;
    assert!(before.0 > seen.0);
    assert_eq!(before.1, [written.to_string(), written.to_string()]);
    store.commit(pair(0)).await.unwrap_err();
    assert_eq!(values(&store).await, before);
    disk.set_room(10 << 20);
    let next = Revision(before.0.0 + 1);
    let outcome = store.commit(pair(7_777)).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Done(next));
    drop(store);
    let store = open(&disk.power_cycle()).unwrap();
    let expected = vec!["7777".to_owned(), "7777".to_owned()];
    assert_eq!(values(&store).await, (next, expected));
}

#[tokio::test]
async fn a_failed_sync_fails_its_group_and_no_other() {
    let disk = Simulated::new(2);
    let store = open(&disk).unwrap();
    store.commit(pair(1)).await.unwrap();
    // The group's, and the one after the group was cut off again.
    for failures in 1..=3 {
        disk.fail_syncs(failures);
        let before = values(&store).await;
        store.commit(pair(2)).await.unwrap_err();
        assert_eq!(values(&store).await, before);
        disk.fail_syncs(0);
        store.commit(pair(3)).await.unwrap();
    }
    drop(store);
    let store = open(&disk.power_cycle()).unwrap();
    let expected = vec!["3".to_owned(), "3".to_owned()];
    assert_eq!(values(&store).await, (Revision(4), expected));
}

#[tokio::test]
async fn every_changed_byte_of_a_log_is_noticed() {
    let disk = Simulated::new(3);
    let store = open(&disk).unwrap();
    for count in 0..4 {
        store.commit(pair(count)).await.unwrap();
    }
    // The values alone.
    let end = 4 * 20_000;
    drop(store);
    for at in (0..end).step_by(997) {
        let copy = disk.restart();
        copy.damage("log.00000001", |bytes| bytes[at] ^= 0x10);
        let answer = open(&copy);
        assert!(
            matches!(answer, Err(StoreError::Corrupt { .. })),
            "byte {at}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_missing_or_shortened_file_is_noticed() {
    let disk = Simulated::new(4);
    let store = open(&disk).unwrap();
    let mut count = 0;
    while !disk.names().iter().any(|name| name == "snapshot.00000001") {
        count += 1;
        assert!(count < 1_000, "no snapshot was written");
        store.commit(pair(count)).await.unwrap();
    }
    let newest = values(&store).await;
    drop(store);
    assert_eq!(values(&open(&disk.restart()).unwrap()).await, newest);
    let names = disk.names();
    for name in &names {
        let copy = disk.restart();
        copy.damage(name, |bytes| bytes.truncate(20));
        let answer = open(&copy);
        assert!(
            matches!(answer, Err(StoreError::Corrupt { .. })),
            "{name}: {answer:?}"
        );
        let copy = disk.restart();
        copy.damage(name, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        if name.starts_with("snapshot") {
            assert!(matches!(open(&copy), Err(StoreError::Corrupt { .. })));
        }
    }
}
