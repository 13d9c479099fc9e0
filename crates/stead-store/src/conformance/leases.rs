//! Leases.

use std::time::{Duration, Instant};

use futures::StreamExt;

use super::{Case, cases, delete, key, pairs, put, put_with, soon};
use crate::{Change, LeaseId, Revision, StoreError};

cases![
    an_expired_lease_takes_its_keys_in_one_transaction,
    a_lease_kept_alive_lives_on,
    a_revoked_lease_takes_its_keys_in_one_transaction,
    a_key_hangs_on_the_lease_of_its_last_write,
    an_unknown_lease_is_refused,
    leases_have_ids_of_their_own,
];

async fn an_expired_lease_takes_its_keys_in_one_transaction(case: Case) {
    let granted = Instant::now();
    let lease = case.store.grant(case.ttl).await.unwrap();
    case.write(vec![put_with("b", "1", lease), put("other", "1")])
        .await;
    case.write(vec![put_with("a", "1", lease)]).await;
    assert_eq!(case.entry("a").await.unwrap().lease, Some(lease));
    let mut watch = case.store.watch(case.revision(2));
    let commit = soon(watch.next()).await.unwrap().unwrap();
    assert!(granted.elapsed() >= case.ttl, "it expired early");
    assert_eq!(commit.revision, case.revision(3));
    assert_eq!(
        commit.changes,
        [Change::Delete(key("a")), Change::Delete(key("b"))]
    );
    assert_eq!(case.all().await, pairs(&[("other", "1")]));
    let late = case.store.keep_alive(lease).await;
    assert!(matches!(late, Err(StoreError::NoLease(id)) if id == lease));
}

async fn a_lease_kept_alive_lives_on(case: Case) {
    // Long enough that a loaded machine renews it in time.
    let ttl = case.ttl.max(Duration::from_secs(2));
    let kept = case.store.grant(ttl).await.unwrap();
    case.write(vec![put_with("kept", "1", kept)]).await;
    let first_end = Instant::now() + ttl;
    while Instant::now() < first_end {
        // The end of a neighbour is the clock.
        let before = case.store.revision().await.unwrap();
        let tick = case.store.grant(case.ttl).await.unwrap();
        case.write(vec![put_with("tick", "1", tick)]).await;
        let mut watch = case.store.watch(Revision(before.0 + 1));
        soon(watch.next()).await.unwrap().unwrap();
        case.store.keep_alive(kept).await.unwrap();
    }
    assert_eq!(case.all().await, pairs(&[("kept", "1")]));
}

async fn a_revoked_lease_takes_its_keys_in_one_transaction(case: Case) {
    let lease = case.store.grant(super::PATIENCE * 100).await.unwrap();
    case.write(vec![put_with("b", "1", lease), put_with("a", "1", lease)])
        .await;
    case.write(vec![put("c", "1")]).await;
    case.store.revoke(lease).await.unwrap();
    let mut watch = case.store.watch(case.revision(2));
    let commit = soon(watch.next()).await.unwrap().unwrap();
    assert_eq!(
        commit.changes,
        [Change::Delete(key("a")), Change::Delete(key("b"))]
    );
    assert_eq!(case.store.revision().await.unwrap(), case.revision(3));
    let again = case.store.revoke(lease).await;
    assert!(matches!(again, Err(StoreError::NoLease(_))), "{again:?}");
    let empty = case.store.grant(super::PATIENCE * 100).await.unwrap();
    case.store.revoke(empty).await.unwrap();
    assert_eq!(case.store.revision().await.unwrap(), case.revision(3));
}

async fn a_key_hangs_on_the_lease_of_its_last_write(case: Case) {
    let first = case.store.grant(super::PATIENCE * 100).await.unwrap();
    let second = case.store.grant(super::PATIENCE * 100).await.unwrap();
    for name in ["detached", "moved", "recreated", "stays"] {
        case.write(vec![put_with(name, "1", first)]).await;
    }
    case.write(vec![put("detached", "2"), put_with("moved", "2", second)])
        .await;
    case.write(vec![delete("recreated")]).await;
    case.write(vec![put("recreated", "2")]).await;
    case.store.revoke(first).await.unwrap();
    assert_eq!(
        case.all().await,
        pairs(&[("detached", "2"), ("moved", "2"), ("recreated", "2")])
    );
    case.store.revoke(second).await.unwrap();
    assert_eq!(
        case.all().await,
        pairs(&[("detached", "2"), ("recreated", "2")])
    );
}

async fn an_unknown_lease_is_refused(case: Case) {
    let unknown = LeaseId(u64::from(u32::MAX));
    let refused = case
        .refused(vec![put("a", "1"), put_with("b", "1", unknown)])
        .await;
    assert!(
        matches!(refused, StoreError::NoLease(id) if id == unknown),
        "{refused:?}"
    );
    assert_eq!(case.all().await, []);
    let kept = case.store.keep_alive(unknown).await;
    assert!(matches!(kept, Err(StoreError::NoLease(_))), "{kept:?}");
    let revoked = case.store.revoke(unknown).await;
    assert!(
        matches!(revoked, Err(StoreError::NoLease(_))),
        "{revoked:?}"
    );
}

async fn leases_have_ids_of_their_own(case: Case) {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..10 {
        let lease = case.store.grant(super::PATIENCE * 100).await.unwrap();
        assert!(seen.insert(lease), "{lease:?} was granted twice");
        case.store.revoke(lease).await.unwrap();
    }
}
