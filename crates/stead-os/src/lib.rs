//! The operating system's side: processes, groups, jobs. The only crate with `unsafe`.
//!
//! - [`process`]: start programs, and keep their trees in hand
//! - [`notify`]: the readiness protocol of systemd, both ends (Unix)
//! - `pipe`: the control pipe (Windows)
//! - [`eventlog`]: the Windows event log; its texts are in every executable that links this
//! - [`listener`]: who listens on a port
//! - [`memory`]: this process's own
//! - [`host`]: the machine itself, and the user's place on it

pub mod eventlog;
pub mod host;
pub mod listener;
pub mod memory;
#[cfg(unix)]
pub mod notify;
#[cfg(windows)]
pub mod pipe;
pub mod process;
#[cfg(target_os = "linux")]
pub mod readiness;
#[cfg(windows)]
mod wide;
