//! Wire shapes of the HTTP APIs and of the control socket: serde and nothing else.

pub mod consul;
pub mod control;
