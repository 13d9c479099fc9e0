//! systemd: units written and read, and the manager that runs them.
//!
//! - [`unit`]: unit files, quoted as systemd reads them
//! - [`Systemd`]: the manager over D-Bus, asynchronous; [`blocking`] is the same for those who wait
//! - [`journal`]: the journal in its native protocol
//! - [`listen`]: sockets that systemd opened for this process
//!
//! Follows `systemd.syntax(7)`, `systemd.exec(5)`, `systemd.service(5)`,
//! `org.freedesktop.systemd1(5)` and "Native Journal Protocol"; what needs a newer version than
//! 252 says so.

pub mod blocking;
mod bus;
mod changes;
mod error;
mod files;
mod job;
pub mod journal;
pub mod listen;
mod properties;
mod relations;
mod status;
pub mod unit;

pub use bus::{Scope, Systemd, Whom};
pub use changes::Changes;
pub use error::SystemdError;
pub use files::{Enabled, FileChange, ListedFile, ListedUnit};
pub use job::{Job, JobResult, Verb};
pub use relations::Relations;
pub use status::{ActiveState, Exit, LoadState, Status};
