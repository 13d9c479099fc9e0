//! Fixtures for tests: real programs, free ports, conditions with a deadline.
//!
//! For tests only, from any crate, and of none: nothing here knows Stead's own code, so a test
//! of the running binary ([`Stack`]) sees what a user would see.
//!
//! - [`eventually`] and its kin wait for a condition, never for a time.
//! - [`free_port`] and [`folder`] give what nobody else uses.
//! - [`http`] is a client of a few lines, independent of the one under test.
//! - `processes` (Unix) reads what runs from the system itself.
//! - `programs` (Unix) are real programs to supervise, some of them ill-mannered.
//! - `Stack` (Unix) is a running `stead up` in a folder of its own.
//! - `Machine` (Linux) is a booted system with a real systemd, to install services into.

#![allow(
    clippy::missing_panics_doc,
    clippy::expect_used,
    reason = "a fixture that cannot do its part fails the test; that is what it is for"
)]

mod folder;
pub mod http;
#[cfg(target_os = "linux")]
mod machine;
mod ports;
mod wait;

#[cfg(unix)]
pub mod processes;
#[cfg(unix)]
pub mod programs;
#[cfg(unix)]
mod stack;

pub use folder::folder;
#[cfg(target_os = "linux")]
pub use machine::{Machine, MachineBuilder, MachineUser};
pub use ports::free_port;
#[cfg(unix)]
pub use stack::{Ended, Stack, StackBuilder};
pub use wait::{DEADLINE, eventually, eventually_async, eventually_some};
