//! Services without an asynchronous runtime: the same words, and calls that
//! block.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! use stead::blocking::{Context, Service, run};
//! use stead::{Accepted, Control, Error};
//!
//! struct Sweeper;
//!
//! impl Service for Sweeper {
//!     const NAME: &'static str = "sweeper";
//!     const ACCEPTS: Accepted = Accepted::ENDING.and(Accepted::RELOAD);
//!
//!     fn run(self, context: Context) -> Result<(), Error> {
//!         context.ready();
//!         while !context.is_stopping() {
//!             // The work itself, then a rest that a control cuts short.
//!             if let Some(Control::Reload) = context.control_within(Duration::from_secs(60)) {
//!                 context.reloaded();
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     run(Sweeper)
//! }
//! ```
//!
//! All that the [crate's documentation](crate) says of services holds, but for
//! two things. Heartbeats to the registry take the asynchronous kind. And the
//! watchdog is pinged while the service waits in [`Context::control`],
//! [`Context::control_within`] or [`Context::drain`], and whenever it says that
//! it is [`alive`](Context::alive): so a service that works for longer than half
//! of the watchdog's patience says so in between.
//!
//! With `default-features = false` this is all that is in the crate, and neither
//! a runtime nor a logger comes into the program.

mod context;

use std::process::ExitCode;

pub use context::Context;

use crate::{Accepted, Error};

/// A service: what it is called, what it accepts and what it does.
pub trait Service: Send + 'static {
    /// The name it has where nobody gives it another.
    const NAME: &'static str;

    /// The controls it has a use for. All others are refused, and it never sees
    /// them. Stop is always among them.
    const ACCEPTS: Accepted = Accepted::ENDING;

    /// Does the work, from the start to the end of the process.
    ///
    /// Runs on a thread of its own, and may block it. Once
    /// [`Context::is_stopping`] or [`Context::control`] says so it should finish
    /// what it has begun and return; whoever runs it bounds how long that may
    /// take.
    fn run(self, context: Context) -> Result<(), Error>;
}

/// Runs the service until it returns or fails; the last thing a `main` does.
pub fn run<S: Service>(service: S) -> ExitCode {
    let body = move |surroundings| service.run(Context::new(surroundings));
    crate::run::run(S::NAME, S::ACCEPTS, Box::new(body))
}
