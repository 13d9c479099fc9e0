//! The revisioned key-value store: one trait, its engines, one conformance suite.
//!
//! The semantics are etcd v3's: one revision per committed transaction, guards before
//! writes, ordered range reads at a revision, a watch that is gap-free or says
//! [`StoreError::Compacted`], and leases. Nothing above this crate knows which engine is under it.

mod check;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod embedded;
mod types;

pub use embedded::{Embedded, History, Options};
pub use types::*;

use futures::stream::BoxStream;

/// A revisioned, durable, watchable key-value store.
///
/// Implementations are cheap to clone behind an `Arc` and safe to call from any task.
#[async_trait::async_trait]
pub trait Store: Send + Sync + 'static {
    /// Checks the guards and, if all hold, applies the writes under one new revision.
    ///
    /// Returns once the result is durable. A transaction whose guards fail changes nothing and
    /// answers [`CommitOutcome::Conflict`]. A transaction without an effective write (no writes,
    /// or deletes of absent keys only) keeps the revision.
    async fn commit(&self, txn: Txn) -> Result<CommitOutcome, StoreError>;

    /// Reads keys in ascending order.
    ///
    /// [`ReadAt::Latest`] is linearizable; [`ReadAt::Revision`] answers
    /// [`StoreError::Compacted`] for a revision whose history is gone.
    async fn range(
        &self,
        range: KeyRange,
        at: ReadAt,
        limit: Option<usize>,
    ) -> Result<RangeResult, StoreError>;

    /// Every commit after `after`, in order, without a gap; then each new one as it is durable.
    ///
    /// The stream ends with [`StoreError::Compacted`] when `after` is older than the history
    /// kept, with [`StoreError::Lagged`] when the reader is too slow for the engine's bounded
    /// buffer (re-list and watch again), and with `None` when the store closes.
    fn watch(
        &self,
        after: Revision,
    ) -> BoxStream<'static, Result<std::sync::Arc<Commit>, StoreError>>;

    /// The newest durable revision.
    async fn revision(&self) -> Result<Revision, StoreError>;

    /// Grants a lease: keys written with it are deleted, in one transaction, once `ttl` has
    /// passed without [`Store::keep_alive`]. A lower bound: expiry is never early.
    async fn grant(&self, ttl: std::time::Duration) -> Result<LeaseId, StoreError>;

    /// Starts a lease's time to live anew. An unknown or expired lease is an error.
    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError>;

    /// Ends a lease now and deletes its keys in one transaction.
    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError>;

    /// Forgets the history before `revision`; current values stay.
    async fn compact(&self, revision: Revision) -> Result<(), StoreError>;

    /// The limits of this engine, the same for all engines unless configured.
    fn limits(&self) -> Limits;
}
