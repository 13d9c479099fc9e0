//! Wire shapes of the HTTP APIs and of the control socket: serde and nothing else.
//!
//! [`consul`] holds the shapes of Consul's HTTP API, version 1.

pub mod consul;
