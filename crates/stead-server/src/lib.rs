//! The HTTP face of the registry, in Consul's shapes.
//!
//! - [`consul::router`]: the API under `/v1/`, as an axum router over a registry.
//! - [`listen`], [`serve`]: runs a router on a listener until told to stop, then answers who waits.
//! - [`HostNames`]: which names a request may call this server by; a browser page must not reach
//!   it by DNS rebinding.
//! - [`Bounds`]: every bound by its name.

mod bounds;
pub mod consul;
mod host;
mod serve;

pub use bounds::Bounds;
pub use host::HostNames;
pub use serve::{BACKLOG, ServeError, listen, serve};
