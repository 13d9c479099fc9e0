//! Names, definitions, lifecycle, restart and health: plain data and pure functions.
//!
//! Nothing here reads a file, a clock or a socket. What time it is comes in as a [`Moment`] (for
//! decisions) or as a `jiff::Timestamp` (for records), so each rule is a table that a test can
//! walk through.
//!
//! - [`definition`]: `stead.toml` as typed data, with exact errors.
//! - [`lifecycle`]: the one state machine and how it maps to SCM, systemd and launchd.
//! - [`restart`]: whether and when a program that ended is started again.
//! - [`health`]: what a streak of check results means.
//! - [`plan`]: who does what a definition asks once it is installed as a native service.
//! - [`name`]: the names of services, stacks and environments.

pub mod definition;
pub mod health;
pub mod lifecycle;
pub mod name;
pub mod plan;
pub mod restart;
mod time;

pub use definition::{Definition, Service};
pub use name::{ServiceName, StackName};
pub use time::Moment;
