//! Services of the operating system: a definition is installed with the platform's manager and
//! controlled there.
//!
//! - [`Resolved`]: a service whose every path is absolute, as its installed copy has it;
//! - [`place`]: where definitions, state and logs of installed services are;
//! - [`preflight`]: what a sandbox would break, and who could change what is installed;
//! - [`Manager`]: the verbs, and [`Shown`], how a service stands;
//! - [`systemd`]: units, and the verbs over D-Bus.
//!
//! Who runs the program, the manager or Stead as its host, is decided by
//! [`stead_model::plan`]. Everything here blocks: its callers are a person at a command line and
//! programs that install themselves.

mod error;
mod manager;
pub mod place;
pub mod preflight;
mod resolved;
#[cfg(target_os = "linux")]
pub mod systemd;

pub use error::NativeError;
pub use manager::{Done, Installation, Manager, Plan, Request, Shown, Step};
pub use resolved::{ResolveError, Resolved};
