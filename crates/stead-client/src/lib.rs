//! Typed client of the control socket and of the HTTP API.
//!
//! - [`ControlClient`] talks to one agent over its control socket: what runs
//!   here, start it, stop it, read its logs.
//! - [`RegistryClient`] talks to the Consul-shaped HTTP API: who runs where,
//!   which of them are healthy, keys and values, check results.
//! - [`ControlAddress`] and [`RegistryAddress`] say where these are, and
//!   [`Surroundings`] finds the control socket when nobody says.
//!
//! Every error names the request and its subject; see [`ClientError`].
//! Timeouts: connecting takes at most [`CONNECT_TIMEOUT`], an ordinary request
//! [`REQUEST_TIMEOUT`]; a verb and a log stream take as long as the agent does.

mod address;
mod connection;
mod control;
mod error;
mod find;
mod registry;
mod text;

pub use address::{ControlAddress, RegistryAddress};
pub use connection::{CONNECT_TIMEOUT, MAX_ANSWER, REQUEST_TIMEOUT};
pub use control::{ControlClient, LogOptions, LogStream, Verb};
pub use error::ClientError;
pub use find::{Surroundings, find_control};
pub use registry::{
    Blocking, CatalogNode, CatalogService, CheckReport, CheckStatus, HealthCheck, HealthEntry,
    HealthNode, HealthQuery, HealthService, Indexed, KvEntry, RegistryClient, Weights,
};

pub use stead_api::control::{Agent, Check, Problem, ProblemKind, Service, Transition};
