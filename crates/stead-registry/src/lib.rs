//! Catalogue, health and key-value state over a store, with watches. Knows no HTTP.
//!
//! A [`Registry`] lists the store once and then follows its commits, which one task applies to an
//! immutable view. Every query is answered from the view; every write is a transaction that is
//! guarded by what the view showed, and answers once the view holds it.
//!
//! - [`Query`], [`Registry::ask`]: questions, with or without waiting for a change.
//! - [`Batch`], [`Registry::catalog`]: nodes, services and checks, many in one transaction.
//! - [`Registry::kv_put`] and its siblings: the key-value store.
//! - [`Local`]: the services and checks of the machine's own agent.
//!
//! # Index
//!
//! An answer's index is the greatest of the revisions of what matches it and of what was deleted
//! from it. Tombstones are written in the transaction of the deletion. It is never 0 and never
//! goes backwards while one server lives or a data folder survives; an unrelated write leaves it
//! as it is.

mod batch;
mod error;
mod follow;
mod groups;
mod keys;
mod kv;
mod local;
mod progress;
mod query;
mod registry;
mod ttl;
mod view;

pub use batch::{Batch, CheckState};
pub use error::RegistryError;
pub use kv::{Cas, KvEntry};
pub use local::{
    Definitions, Local, LocalCheck, LocalOptions, LocalService, ServiceRegistration, TtlUpdate,
};
pub use query::{HealthFilter, NodeMeta, Query, tags};
pub use registry::{Answer, Index, Options, Registry};

/// A name: of a node, a service, an instance, a check. Cheap to clone.
pub type Name = std::sync::Arc<str>;
