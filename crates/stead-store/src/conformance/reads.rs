//! Reads of ranges, now and in the past.

use bytes::Bytes;

use super::{Case, cases, delete, pairs, put, range, text};
use crate::{KeyRange, ReadAt, StoreError, Write};

cases![
    a_range_is_ascending_and_half_open,
    a_prefix_is_every_key_that_starts_with_it,
    keys_and_values_are_any_bytes,
    a_limit_says_whether_there_is_more,
    the_past_is_as_it_was,
    a_revision_to_come_is_refused,
    compaction_forgets_the_past_and_keeps_the_present,
];

async fn a_range_is_ascending_and_half_open(case: Case) {
    for name in ["c", "a", "b", "d"] {
        case.write(vec![put(name, name)]).await;
    }
    let read = |range| case.entries(range, ReadAt::Latest);
    assert_eq!(
        text(&read(range("b", "d")).await),
        pairs(&[("b", "b"), ("c", "c")])
    );
    assert_eq!(text(&read(range("d", "b")).await), []);
    assert_eq!(text(&read(KeyRange::key("c")).await), pairs(&[("c", "c")]));
    let rest = KeyRange {
        start: "c".into(),
        end: None,
    };
    assert_eq!(text(&read(rest).await), pairs(&[("c", "c"), ("d", "d")]));
    let all = case
        .store
        .range(KeyRange::prefix(""), ReadAt::Latest, None)
        .await
        .unwrap();
    assert_eq!(all.entries.len(), 4);
    assert_eq!(all.revision, case.revision(4));
    assert!(!all.more);
}

async fn a_prefix_is_every_key_that_starts_with_it(case: Case) {
    let keys: [&[u8]; 7] = [b"p", b"p/", b"p/a", b"p/\xff", b"p/\xff\xff", b"p0", b"q"];
    for key in keys {
        let write = Write::Put {
            key: Bytes::from_static(key),
            value: Bytes::new(),
            lease: None,
        };
        case.write(vec![write]).await;
    }
    let table: [(&'static [u8], &[&[u8]]); 5] = [
        (b"p/", &keys[1..5]),
        (b"p/\xff", &keys[3..5]),
        (b"", &keys),
        (b"p", &keys[..6]),
        (b"\xff\xff", &[]),
    ];
    for (prefix, expected) in table {
        let found = case.entries(KeyRange::prefix(prefix), ReadAt::Latest).await;
        let found: Vec<&[u8]> = found.iter().map(|entry| &entry.key[..]).collect();
        assert_eq!(found, expected, "{prefix:?}");
    }
}

async fn keys_and_values_are_any_bytes(case: Case) {
    let every: Bytes = (0..=u8::MAX).collect();
    let write = Write::Put {
        key: every.clone(),
        value: every.clone(),
        lease: None,
    };
    case.write(vec![write]).await;
    let found = case
        .entries(KeyRange::key(every.clone()), ReadAt::Latest)
        .await;
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].key, &found[0].value), (&every, &every));
}

async fn a_limit_says_whether_there_is_more(case: Case) {
    case.write(vec![put("a", "1"), put("b", "1"), put("c", "1")])
        .await;
    case.write(vec![delete("a"), put("d", "1")]).await;
    let table = [
        (ReadAt::Latest, 0, 0, true),
        (ReadAt::Latest, 2, 2, true),
        (ReadAt::Latest, 3, 3, false),
        (ReadAt::Latest, 9, 3, false),
        (ReadAt::Revision(case.revision(1)), 2, 2, true),
        (ReadAt::Revision(case.revision(1)), 3, 3, false),
    ];
    for (at, limit, count, more) in table {
        let read = case
            .store
            .range(KeyRange::prefix(""), at, Some(limit))
            .await
            .unwrap();
        assert_eq!(
            (read.entries.len(), read.more),
            (count, more),
            "{at:?}, {limit}"
        );
    }
}

async fn the_past_is_as_it_was(case: Case) {
    case.write(vec![put("b", "1")]).await;
    case.write(vec![put("a", "1"), put("b", "2")]).await;
    case.write(vec![delete("a"), put("c", "1")]).await;
    case.write(vec![put("a", "2"), delete("b")]).await;
    let expected = [
        pairs(&[]),
        pairs(&[("b", "1")]),
        pairs(&[("a", "1"), ("b", "2")]),
        pairs(&[("b", "2"), ("c", "1")]),
        pairs(&[("a", "2"), ("c", "1")]),
    ];
    for (count, expected) in (0..).zip(expected) {
        let at = ReadAt::Revision(case.revision(count));
        let read = case
            .store
            .range(KeyRange::prefix(""), at, None)
            .await
            .unwrap();
        assert_eq!(text(&read.entries), expected, "{at:?}");
        assert_eq!(read.revision, case.revision(count));
    }
    let then = case
        .entries(KeyRange::key("b"), ReadAt::Revision(case.revision(3)))
        .await;
    assert_eq!(then[0].created, case.revision(1));
    assert_eq!(then[0].modified, case.revision(2));
    assert_eq!(then[0].version, 2);
}

async fn a_revision_to_come_is_refused(case: Case) {
    case.write(vec![put("a", "1")]).await;
    let asked = case.revision(2);
    let at = ReadAt::Revision(asked);
    let read = case.store.range(KeyRange::key("a"), at, None).await;
    assert!(
        matches!(read, Err(StoreError::Future { asked: a, newest }) if a == asked && newest == case.revision(1)),
        "{read:?}"
    );
    let compacted = case.store.compact(asked).await;
    assert!(
        matches!(compacted, Err(StoreError::Future { .. })),
        "{compacted:?}"
    );
}

async fn compaction_forgets_the_past_and_keeps_the_present(case: Case) {
    case.write(vec![put("a", "1"), put("b", "1")]).await;
    case.write(vec![put("a", "2")]).await;
    case.write(vec![delete("b")]).await;
    let limit = case.revision(2);
    case.store.compact(limit).await.unwrap();
    case.store.compact(limit).await.unwrap();
    case.store.compact(case.revision(1)).await.unwrap();
    let read = |count| {
        let at = ReadAt::Revision(case.revision(count));
        case.store.range(KeyRange::prefix(""), at, None)
    };
    let gone = read(1).await;
    assert!(
        matches!(gone, Err(StoreError::Compacted { oldest }) if oldest == limit),
        "{gone:?}"
    );
    assert_eq!(
        text(&read(2).await.unwrap().entries),
        pairs(&[("a", "2"), ("b", "1")])
    );
    assert_eq!(text(&read(3).await.unwrap().entries), pairs(&[("a", "2")]));
    assert_eq!(case.all().await, pairs(&[("a", "2")]));
    assert_eq!(case.store.revision().await.unwrap(), case.revision(3));
}
