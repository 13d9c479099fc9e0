//! The operating system's side: processes, groups, jobs. The only crate with `unsafe`.
//!
//! - [`command_line`]: command lines as Windows' programs part them
//! - [`scm`]: services under Windows' service control manager
//! - [`process`]: start programs, and keep their trees in hand
//! - [`notify`]: the readiness protocol of systemd, both ends (Unix)
//! - `systemd`: its units, its manager over D-Bus, its journal, its sockets (Linux)
//! - `pipe`: the control pipe (Windows)
//! - [`listener`]: who listens on a port
//! - [`memory`]: this process's own
//! - [`host`]: the machine itself, and the user's place on it

pub mod command_line;
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
#[cfg(target_os = "linux")]
pub mod systemd;
pub mod scm;
#[cfg(windows)]
mod wide;
