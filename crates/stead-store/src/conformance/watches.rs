//! Watching.

use std::sync::Arc;

use futures::StreamExt;

use super::{Case, cases, delete, key, put, soon};
use crate::{Change, Commit, Revision, StoreError, Txn, Write};

cases![
    a_watch_begins_in_the_past_and_goes_on,
    a_commit_lists_its_changes_in_key_order,
    transactions_without_effect_are_not_seen,
    a_watcher_misses_nothing_of_concurrent_writes,
    a_watch_of_forgotten_history_says_so,
    a_watch_of_the_future_is_refused,
];

async fn next(
    watch: &mut futures::stream::BoxStream<'static, Result<Arc<Commit>, StoreError>>,
) -> Arc<Commit> {
    soon(watch.next()).await.expect("the watch ended").unwrap()
}

async fn a_watch_begins_in_the_past_and_goes_on(case: Case) {
    for count in 1..=3 {
        case.write(vec![put("a", &count.to_string())]).await;
    }
    for after in 0..=3 {
        let mut watch = case.store.watch(case.revision(after));
        for count in after + 1..=3 {
            assert_eq!(next(&mut watch).await.revision, case.revision(count));
        }
    }
    let mut watch = case.store.watch(case.revision(3));
    let store = Arc::clone(&case.store);
    let waiting = tokio::spawn(async move {
        let commit = next(&mut watch).await;
        (commit, watch)
    });
    let txn = Txn {
        guards: vec![],
        writes: vec![put("a", "4")],
    };
    store.commit(txn).await.unwrap();
    let (commit, mut watch) = soon(waiting).await.unwrap();
    assert_eq!(commit.revision, case.revision(4));
    case.write(vec![delete("a")]).await;
    let commit = next(&mut watch).await;
    assert_eq!(commit.changes, [Change::Delete(key("a"))]);
}

async fn a_commit_lists_its_changes_in_key_order(case: Case) {
    case.write(vec![put("b", "1"), put("d/1", "1"), put("d/2", "1")])
        .await;
    let writes = vec![
        put("e", "1"),
        Write::DeleteRange(crate::KeyRange::prefix("d/")),
        delete("absent"),
        put("a", "1"),
        delete("b"),
    ];
    case.write(writes).await;
    let mut watch = case.store.watch(case.revision(1));
    let commit = next(&mut watch).await;
    assert_eq!(commit.revision, case.revision(2));
    let a = case.entry("a").await.unwrap();
    let e = case.entry("e").await.unwrap();
    let expected = [
        Change::Put(a),
        Change::Delete(key("b")),
        Change::Delete(key("d/1")),
        Change::Delete(key("d/2")),
        Change::Put(e),
    ];
    assert_eq!(commit.changes, expected);
}

async fn transactions_without_effect_are_not_seen(case: Case) {
    let mut watch = case.store.watch(case.start);
    case.write(vec![delete("absent")]).await;
    let guard = crate::Guard::Exists(key("absent"));
    case.commit(vec![guard], vec![put("a", "1")]).await;
    case.write(vec![put("b", "1")]).await;
    let commit = next(&mut watch).await;
    assert_eq!(commit.revision, case.revision(1));
    assert_eq!(commit.changes.len(), 1);
}

async fn a_watcher_misses_nothing_of_concurrent_writes(case: Case) {
    const WRITERS: u64 = 20;
    const EACH: u64 = 50;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(&case.store);
            tokio::spawn(async move {
                for count in 0..EACH {
                    let txn = Txn {
                        guards: vec![],
                        writes: vec![
                            put(&format!("{writer}"), &count.to_string()),
                            put(&format!("{writer}/twin"), &count.to_string()),
                        ],
                    };
                    store.commit(txn).await.unwrap();
                }
            })
        })
        .collect();
    let watchers: Vec<_> = (0..4)
        .map(|_| {
            let mut watch = case.store.watch(case.start);
            let start = case.start;
            tokio::spawn(async move {
                let mut versions = std::collections::HashMap::new();
                for count in 1..=WRITERS * EACH {
                    let commit = next(&mut watch).await;
                    assert_eq!(commit.revision, Revision(start.0 + count));
                    assert_eq!(commit.changes.len(), 2);
                    for change in &commit.changes {
                        let Change::Put(entry) = change else {
                            panic!("nobody deleted: {change:?}")
                        };
                        let version = versions.entry(entry.key.clone()).or_insert(0);
                        *version += 1;
                        assert_eq!(entry.version, *version);
                        assert_eq!(entry.value, (*version - 1).to_string());
                    }
                }
            })
        })
        .collect();
    for task in writers.into_iter().chain(watchers) {
        soon(task).await.unwrap();
    }
}

async fn a_watch_of_forgotten_history_says_so(case: Case) {
    for count in 1..=4 {
        case.write(vec![put("a", &count.to_string())]).await;
    }
    let limit = case.revision(3);
    case.store.compact(limit).await.unwrap();
    let mut watch = case.store.watch(case.revision(2));
    let answer = soon(watch.next()).await;
    assert!(
        matches!(answer, Some(Err(StoreError::Compacted { oldest })) if oldest == limit),
        "{answer:?}"
    );
    assert!(soon(watch.next()).await.is_none());
    let mut watch = case.store.watch(limit);
    assert_eq!(next(&mut watch).await.revision, case.revision(4));
}

async fn a_watch_of_the_future_is_refused(case: Case) {
    case.write(vec![put("a", "1")]).await;
    let mut watch = case.store.watch(case.revision(2));
    let answer = soon(watch.next()).await;
    assert!(
        matches!(answer, Some(Err(StoreError::Future { .. }))),
        "{answer:?}"
    );
    assert!(soon(watch.next()).await.is_none());
}
