//! The Windows event log: what is written there, and the registration without which the viewer
//! cannot say what it means.
//!
//! - [`Event`] and [`EVENTS`]: the kinds of events, by stable numbers. Their texts are in every
//!   executable that links this crate, as a message table.
//! - [`EventLog`]: writes events, without ever holding up who logs them.
//! - `register`, `unregister` and `is_registered` (Windows): the source's key in the registry.
//!
//! After "Event Logging" of Microsoft's documentation: event sources, message files and the
//! bounds of `ReportEventW`.

mod log;
mod messages;
mod record;
#[cfg(windows)]
mod registration;
#[cfg(windows)]
mod system;

pub use log::{EventLog, QUEUE_MAX, Recording, Sink};
pub use messages::*;
pub use record::{Call, SOURCE_MAX, SourceError, TEXT_MAX, check_source};
#[cfg(windows)]
pub use registration::{
    Registered, RegistrationError, Unregistered, is_registered, register, unregister,
};
#[cfg(windows)]
pub use system::message;
