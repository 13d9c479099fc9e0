//! The operating system's side: processes, groups, jobs. The only crate with `unsafe`.
//!
//! - [`command_line`]: command lines as Windows' programs part them
//! - [`control`]: what the system asks of a service, on its way to the service's thread
//! - [`scm`]: services under Windows' service control manager
//! - [`process`]: start programs, and keep their trees in hand
//! - [`notify`]: the readiness protocol of systemd, both ends (Unix)
//! - `systemd`: its units, its manager over D-Bus, its journal, its sockets (Linux)
//! - `pipe`: the control pipe (Windows)
//! - [`eventlog`]: the Windows event log; its texts are in every executable that links this
//! - [`listener`]: who listens on a port
//! - [`memory`]: this process's own
//! - [`host`]: the machine itself, and the user's place on it

pub mod command_line;
pub mod control;
pub mod eventlog;
pub mod host;
pub mod listener;
pub mod memory;
#[cfg(unix)]
pub mod notify;
#[cfg(all(windows, feature = "programs"))]
pub mod pipe;
#[cfg(feature = "programs")]
pub mod process;
#[cfg(target_os = "linux")]
pub mod readiness;
pub mod scm;
#[cfg(target_os = "linux")]
pub mod systemd;
#[cfg(windows)]
mod wide;
