//! systemd: units written and read, and the manager that runs them.
//!
//! - [`mod@unit`]: unit files, quoted as systemd reads them
//! - `Systemd`: the manager over D-Bus, asynchronous; `blocking` is the same for those who wait
//! - [`journal`]: the journal in its native protocol
//! - [`listen`]: sockets that systemd opened for this process
//!
//! Follows `systemd.syntax(7)`, `systemd.exec(5)`, `systemd.service(5)`,
//! `org.freedesktop.systemd1(5)` and "Native Journal Protocol"; what needs a newer version than
//! 252 says so.

#[cfg(feature = "bus")]
pub mod blocking;
#[cfg(feature = "bus")]
mod bus;
#[cfg(feature = "bus")]
mod changes;
#[cfg(feature = "bus")]
mod error;
#[cfg(feature = "bus")]
mod files;
#[cfg(feature = "bus")]
mod job;
pub mod journal;
pub mod listen;
#[cfg(feature = "bus")]
mod properties;
#[cfg(feature = "bus")]
mod relations;
#[cfg(feature = "bus")]
mod status;
pub mod unit;

#[cfg(feature = "bus")]
pub use bus::{Scope, Systemd, Whom};
#[cfg(feature = "bus")]
pub use changes::Changes;
#[cfg(feature = "bus")]
pub use error::SystemdError;
#[cfg(feature = "bus")]
pub use files::{Enabled, FileChange, ListedFile, ListedUnit};
#[cfg(feature = "bus")]
pub use job::{Job, JobResult, Verb};
#[cfg(feature = "bus")]
pub use relations::Relations;
#[cfg(feature = "bus")]
pub use status::{ActiveState, Exit, LoadState, Status};
