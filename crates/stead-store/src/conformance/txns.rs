//! Transactions: guards, writes, revisions.

use super::{Case, cases, delete, key, pairs, put, range};
use crate::{CommitOutcome, Guard, KeyRange, Revision, StoreError, Txn, Write};

cases![
    a_transaction_with_an_effect_adds_one_revision,
    a_transaction_without_an_effect_keeps_the_revision,
    an_entry_carries_its_history_numbers,
    guards_hold_or_nothing_changes,
    the_first_failing_guard_is_named,
    a_deleted_range_is_half_open,
    no_key_is_written_twice,
    concurrent_updates_with_guards_lose_none,
    acknowledged_writes_are_visible,
];

async fn a_transaction_with_an_effect_adds_one_revision(case: Case) {
    assert_eq!(case.write(vec![put("a", "1")]).await, case.revision(1));
    let both = vec![put("b", "1"), delete("a"), put("c", "1")];
    assert_eq!(case.write(both).await, case.revision(2));
    assert_eq!(case.write(vec![put("b", "1")]).await, case.revision(3));
    assert_eq!(case.store.revision().await.unwrap(), case.revision(3));
    assert_eq!(case.all().await, pairs(&[("b", "1"), ("c", "1")]));
}

async fn a_transaction_without_an_effect_keeps_the_revision(case: Case) {
    case.write(vec![put("a", "1")]).await;
    let nothing = [
        vec![],
        vec![delete("absent")],
        vec![Write::DeleteRange(range("b", "c")), delete("d")],
        vec![Write::DeleteRange(range("b", "a"))],
    ];
    for writes in nothing {
        assert_eq!(
            case.write(writes.clone()).await,
            case.revision(1),
            "{writes:?}"
        );
    }
    let guarded = case.commit(vec![Guard::Exists(key("a"))], vec![]).await;
    assert_eq!(guarded, CommitOutcome::Done(case.revision(1)));
    assert_eq!(case.store.revision().await.unwrap(), case.revision(1));
}

async fn an_entry_carries_its_history_numbers(case: Case) {
    case.write(vec![put("a", "1")]).await;
    case.write(vec![put("other", "1")]).await;
    case.write(vec![put("a", "")]).await;
    let entry = case.entry("a").await.unwrap();
    assert_eq!(entry.created, case.revision(1));
    assert_eq!(entry.modified, case.revision(3));
    assert_eq!(entry.version, 2);
    assert_eq!(entry.value, "");
    assert_eq!(entry.lease, None);
    case.write(vec![delete("a")]).await;
    assert_eq!(case.entry("a").await, None);
    case.write(vec![put("a", "again")]).await;
    let entry = case.entry("a").await.unwrap();
    assert_eq!((entry.created, entry.version), (case.revision(5), 1));
}

async fn guards_hold_or_nothing_changes(case: Case) {
    case.write(vec![put("a", "1"), put("dir/x", "1")]).await;
    case.write(vec![put("dir/y", "1"), put("gone/z", "1")])
        .await;
    case.write(vec![delete("gone/z")]).await;
    let at = |count| case.revision(count);
    let dir = || KeyRange::prefix("dir/");
    let table = [
        (Guard::Absent(key("b")), true),
        (Guard::Absent(key("a")), false),
        (Guard::Absent(key("gone/z")), true),
        (Guard::Exists(key("a")), true),
        (Guard::Exists(key("gone/z")), false),
        (Guard::Modified(key("a"), at(1)), true),
        (Guard::Modified(key("a"), at(2)), false),
        (Guard::Modified(key("b"), Revision(0)), false),
        (Guard::Modified(key("gone/z"), at(2)), false),
        (Guard::Unchanged(dir(), at(2)), true),
        (Guard::Unchanged(dir(), at(3)), true),
        (Guard::Unchanged(dir(), at(1)), false),
        (Guard::Unchanged(KeyRange::key("dir/x"), at(1)), true),
        (Guard::Unchanged(range("dir/", "dir/y"), at(1)), true),
        (Guard::Unchanged(KeyRange::prefix("gone/"), at(1)), true),
        (Guard::Unchanged(KeyRange::prefix("none/"), at(0)), true),
        (Guard::Unchanged(KeyRange::prefix(""), at(1)), false),
    ];
    let mut newest = at(3);
    for (guard, holds) in table {
        let outcome = case
            .commit(vec![guard.clone()], vec![put("mark", "1")])
            .await;
        let expected = if holds {
            newest.0 += 1;
            CommitOutcome::Done(newest)
        } else {
            CommitOutcome::Conflict {
                guard: 0,
                revision: newest,
            }
        };
        assert_eq!(outcome, expected, "{guard:?}");
        assert_eq!(case.entry("mark").await.is_some(), holds, "{guard:?}");
        if holds {
            newest = case.write(vec![delete("mark")]).await;
        }
    }
}

async fn the_first_failing_guard_is_named(case: Case) {
    case.write(vec![put("a", "1")]).await;
    let guards = vec![
        Guard::Exists(key("a")),
        Guard::Absent(key("a")),
        Guard::Exists(key("b")),
    ];
    let outcome = case.commit(guards, vec![put("c", "1")]).await;
    let expected = CommitOutcome::Conflict {
        guard: 1,
        revision: case.revision(1),
    };
    assert_eq!(outcome, expected);
    assert_eq!(case.entry("c").await, None);
}

async fn a_deleted_range_is_half_open(case: Case) {
    let keys = ["a", "b", "b\0", "ba", "c"];
    case.write(keys.iter().map(|key| put(key, "1")).collect())
        .await;
    case.write(vec![Write::DeleteRange(KeyRange::key("b"))])
        .await;
    assert_eq!(
        case.all().await,
        pairs(&[("a", "1"), ("b\0", "1"), ("ba", "1"), ("c", "1")])
    );
    case.write(vec![Write::DeleteRange(range("b", "c")), put("d", "1")])
        .await;
    assert_eq!(
        case.all().await,
        pairs(&[("a", "1"), ("c", "1"), ("d", "1")])
    );
    case.write(vec![Write::DeleteRange(KeyRange::prefix(""))])
        .await;
    assert_eq!(case.all().await, []);
}

async fn no_key_is_written_twice(case: Case) {
    case.write(vec![put("a", "1"), put("b", "1")]).await;
    let twice = [
        (vec![put("a", "2"), put("a", "3")], "a"),
        (vec![put("a", "2"), delete("a")], "a"),
        (vec![delete("a"), delete("a")], "a"),
        (
            vec![Write::DeleteRange(range("a", "c")), put("b", "2")],
            "b",
        ),
        (
            vec![delete("b"), Write::DeleteRange(KeyRange::prefix("b"))],
            "b",
        ),
        (
            vec![
                Write::DeleteRange(range("b", "d")),
                Write::DeleteRange(range("a", "c")),
            ],
            "b",
        ),
    ];
    for (writes, name) in twice {
        match case.refused(writes.clone()).await {
            StoreError::DuplicateKey(twice) => assert_eq!(twice, key(name), "{writes:?}"),
            error => panic!("{writes:?} was refused with {error:?}"),
        }
    }
    let apart = vec![
        Write::DeleteRange(range("a", "b")),
        put("b", "2"),
        Write::DeleteRange(range("c", "d")),
    ];
    case.write(apart).await;
    assert_eq!(case.all().await, pairs(&[("b", "2")]));
    assert_eq!(case.store.revision().await.unwrap(), case.revision(2));
}

async fn concurrent_updates_with_guards_lose_none(case: Case) {
    const TASKS: u64 = 8;
    const EACH: u64 = 25;
    case.write(vec![put("count", "0")]).await;
    let tasks = (0..TASKS).map(|_| {
        let store = std::sync::Arc::clone(&case.store);
        tokio::spawn(async move {
            for _ in 0..EACH {
                loop {
                    let read = store
                        .range(KeyRange::key("count"), crate::ReadAt::Latest, None)
                        .await
                        .unwrap();
                    let entry = &read.entries[0];
                    let count: u64 = String::from_utf8_lossy(&entry.value).parse().unwrap();
                    let txn = Txn {
                        guards: vec![Guard::Modified(key("count"), entry.modified)],
                        writes: vec![put("count", &(count + 1).to_string())],
                    };
                    if let CommitOutcome::Done(_) = store.commit(txn).await.unwrap() {
                        break;
                    }
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        super::soon(task).await.unwrap();
    }
    let total = (TASKS * EACH).to_string();
    assert_eq!(case.all().await, pairs(&[("count", &total)]));
    assert_eq!(case.entry("count").await.unwrap().version, TASKS * EACH + 1);
}

async fn acknowledged_writes_are_visible(case: Case) {
    for count in 1..=50 {
        let revision = case.write(vec![put("a", &count.to_string())]).await;
        let entry = case.entry("a").await.unwrap();
        assert_eq!(entry.value, count.to_string());
        assert_eq!(entry.modified, revision);
        assert_eq!(case.store.revision().await.unwrap(), revision);
    }
}
