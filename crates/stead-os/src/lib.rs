//! The operating system's side: processes, groups, jobs. The only crate with `unsafe`.
//!
//! - [`process`]: start programs, and keep their trees in hand
//! - [`notify`]: the readiness protocol of systemd, both ends (Unix)
//! - [`listener`]: who listens on a port
//! - `pipe`: the control pipe, both ends (Windows)

pub mod listener;
#[cfg(unix)]
pub mod notify;
#[cfg(windows)]
pub mod pipe;
pub mod process;
#[cfg(windows)]
mod wide;
