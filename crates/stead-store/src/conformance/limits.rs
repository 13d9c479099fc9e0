//! Limits: what is at one is accepted, what is over one is refused whole.

use bytes::Bytes;

use super::{Case, cases, delete, key, put};
use crate::{Guard, StoreError, Txn, Write};

cases![
    what_is_at_a_limit_is_accepted,
    what_is_over_a_limit_is_refused,
];

fn sized(key: usize, value: usize) -> Write {
    Write::Put {
        key: vec![b'k'; key].into(),
        value: vec![b'v'; value].into(),
        lease: None,
    }
}

async fn what_is_at_a_limit_is_accepted(case: Case) {
    let limits = case.store.limits();
    case.write(vec![sized(limits.key, 0)]).await;
    case.write(vec![sized(1, limits.value)]).await;
    assert_eq!(case.entry("k").await.unwrap().value.len(), limits.value);
    let many = (0..limits.operations).map(|count| put(&format!("many/{count}"), "1"));
    case.write(many.collect()).await;
    // One byte of key each.
    let half = limits.transaction / 2 - 1;
    let rest = limits.transaction - half - 2;
    case.write(vec![sized(1, half), put_bytes("l", rest)]).await;
}

fn put_bytes(name: &str, size: usize) -> Write {
    Write::Put {
        key: key(name),
        value: Bytes::from(vec![b'v'; size]),
        lease: None,
    }
}

async fn what_is_over_a_limit_is_refused(case: Case) {
    let limits = case.store.limits();
    let half = limits.transaction / 2;
    let absent = Guard::Absent(key("absent"));
    let deletes = (0..limits.operations).map(|count| delete(&count.to_string()));
    let table = [
        (vec![], vec![sized(limits.key + 1, 0)], limits.key),
        (vec![], vec![sized(1, limits.value + 1)], limits.value),
        (vec![absent], deletes.collect(), limits.operations),
        (
            vec![],
            vec![
                put_bytes("l", half),
                put_bytes("m", limits.transaction - half),
            ],
            limits.transaction,
        ),
        (
            vec![Guard::Exists(vec![b'g'; limits.key + 1].into())],
            vec![],
            limits.key,
        ),
    ];
    for (place, (guards, writes, limit)) in table.into_iter().enumerate() {
        match case.store.commit(Txn { guards, writes }).await {
            Err(StoreError::TooLarge { limit: named, .. }) => {
                assert_eq!(named, limit, "row {place}");
            }
            other => panic!("row {place} was answered with {other:?}"),
        }
    }
    assert_eq!(case.all().await, []);
    assert_eq!(case.store.revision().await.unwrap(), case.start);
}
