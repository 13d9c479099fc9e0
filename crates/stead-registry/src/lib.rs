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
//! An answer's index is max(revision of what matches, the cell's revision); cells and tombstones
//! are written in the same transaction as a delete; a server that started later answers max(its
//! cell, the request's index) once its view has reached that revision. It is never 0. It never
//! goes backwards while one server lives or a data folder survives. An unrelated write wakes
//! nobody: what one waits for is a cell (a service's health, a node, a key, a prefix, …), and a
//! change that leaves an answer's bytes as they were leaves its index too.

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
