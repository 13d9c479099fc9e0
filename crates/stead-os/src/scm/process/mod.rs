//! A process that the service control manager starts as a service.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use stead_os::control::{Accepted, Control};
//! use stead_os::scm::process::{self, DispatchError, Exit};
//!
//! let ended = process::run("till", Accepted::ENDING, |mut session| {
//!     session.reporter.running();
//!     while let Some(control) = session.controls.wait() {
//!         if control.ends() {
//!             session.reporter.stopping(Duration::from_secs(5));
//!             break;
//!         }
//!     }
//!     Exit::Success
//! });
//! match ended {
//!     Ok(exit) => println!("ended: {exit:?}"),
//!     Err(DispatchError::NotAService) => println!("started by hand"),
//!     Err(error) => println!("{error}"),
//! }
//! ```

mod dispatch;
mod handler;
mod status;

pub use dispatch::{DispatchError, Session, run};
pub use status::Reporter;

use std::num::NonZeroU32;

/// How a service ended, as the service control manager is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// As it should.
    Success,
    /// By an error of Windows.
    Windows(NonZeroU32),
    /// By an error of its own: a service-specific exit code.
    Service(NonZeroU32),
}

impl Exit {
    /// What a panic is reported as, by the number with which Rust programs end that panic.
    pub const PANICKED: Self = Self::Service(NonZeroU32::new(101).expect("it is not 0"));
}
