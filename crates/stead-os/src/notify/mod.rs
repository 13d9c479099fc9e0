//! The readiness protocol of `sd_notify(3)`: datagrams of `KEY=VALUE` lines from a program to
//! whoever supervises it, with the sender's process id vouched for by the kernel.
//!
//! [`NotifySocket`] is the supervisor's end, [`send`] the program's.

mod message;
mod sender;
#[cfg(feature = "programs")]
mod socket;

pub use message::{Field, Message};
pub use sender::{barrier, send};
#[cfg(feature = "programs")]
pub use socket::{MAX_MESSAGE, NotifyError, NotifySocket, Received};

#[cfg(all(test, feature = "programs"))]
mod tests;
