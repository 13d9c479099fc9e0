//! The SDK: write a service once, run it natively everywhere.
//!
//! A program implements [`Service`] and hands it to [`run`]:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use std::time::Duration;
//!
//! use stead::{Context, Error, Service};
//! use tokio::net::TcpListener;
//!
//! struct Orders;
//!
//! impl Service for Orders {
//!     const NAME: &'static str = "orders";
//!
//!     async fn run(self, context: Context) -> Result<(), Error> {
//!         let listener = TcpListener::bind("127.0.0.1:7001").await?;
//!         context.ready();
//!         loop {
//!             let (connection, _) = tokio::select! {
//!                 accepted = listener.accept() => accepted?,
//!                 () = context.stopping() => break,
//!             };
//!             let work = context.work();
//!             tokio::spawn(async move {
//!                 let _work = work;
//!                 drop(connection);
//!             });
//!         }
//!         drop(listener);
//!         context.drain(Duration::from_secs(8)).await?;
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     stead::run(Orders)
//! }
//! ```
//!
//! Services that block instead of awaiting are in [`blocking`].
//!
//! What it gets, whoever starts it (Windows' service control manager, systemd,
//! launchd, `stead up`, a shell):
//!
//! - **Controls**: what the service [accepts](Service::ACCEPTS) is posted to it
//!   by handlers that never run its code, and taken by [`Context::control`]. A
//!   stop cannot be lost. Signals, console events and the service control
//!   manager's controls are the same to it.
//! - **Stop**: SIGTERM, SIGINT, Ctrl+C, Ctrl+Break, a closed console and a
//!   shutdown of the machine all end in [`Context::stopping`]. A second Ctrl+C
//!   ends the program at once, with status 130.
//! - **State**: [`Context::ready`], [`Context::progress`], [`Context::paused`] and
//!   the others become states, checkpoints and wait hints of the service control
//!   manager, or `sd_notify` to `NOTIFY_SOCKET`, where that is set.
//! - **Watchdog**: where `WATCHDOG_USEC` is set for this process, a task on the
//!   service's own runtime pings at half of it. A service that blocks its
//!   runtime is found out.
//! - **Heartbeat**: where `STEAD_HEARTBEAT` names a check, its passing is
//!   reported to the registry three times an interval, from [`Context::ready`]
//!   until the stop.
//! - **Log**: `tracing` goes to stderr; `RUST_LOG` filters, and
//!   `STEAD_LOG_FORMAT=json` makes JSON lines of it.
//! - **Exit status**: 0 only if [`Service::run`] returned `Ok`; an error is 1 or
//!   what [`Error::exit`] said, a panic is 101. Both are logged. To the service
//!   control manager they are service-specific exit codes.
//!
//! Started with `run` as its first argument, a program runs in the foreground
//! and does not look for the service control manager.
//!
//! The environment a supervisor gives:
//!
//! | variable | meaning | unset |
//! |---|---|---|
//! | `STEAD_SERVICE` | the name this instance runs under | the name it is installed under on Windows, else [`Service::NAME`] |
//! | `STEAD_ADDR`, else `CONSUL_HTTP_ADDR` | the registry's HTTP API | `127.0.0.1:8500` |
//! | `STEAD_HEARTBEAT` | id of the check to report | no heartbeat |
//! | `STEAD_HEARTBEAT_INTERVAL` | how long a report holds, `15s` | `15s` |
//! | `NOTIFY_SOCKET` | where `sd_notify` goes, a path or `@abstract` | nowhere |
//! | `WATCHDOG_USEC`, `WATCHDOG_PID` | the watchdog's patience, and with whom | no watchdog |

#[cfg(feature = "async")]
mod context;
mod environment;
mod error;
#[cfg(feature = "registry")]
mod heartbeat;
mod inbox;
mod log;
mod notify;
mod panics;
mod platform;
mod report;
mod run;
#[cfg(feature = "async")]
mod serve;
mod verbs;
#[cfg(feature = "async")]
mod watchdog;
mod work;

pub mod blocking;

#[cfg(feature = "async")]
pub use context::Context;
pub use error::Error;
#[cfg(feature = "async")]
pub use serve::run;
/// Clients of the registry and of the agent.
#[cfg(feature = "registry")]
pub use stead_client as client;
pub use stead_os::control::{Accepted, Control, CustomCode, NotCustom, PowerEvent, SessionEvent};
pub use work::{Unfinished, WorkGuard};

/// A service: what it is called, what it accepts and what it does.
#[cfg(feature = "async")]
pub trait Service: Send + 'static {
    /// The name it has where nobody gives it another.
    const NAME: &'static str;

    /// The controls it has a use for. All others are refused, and it never sees
    /// them. Stop is always among them.
    const ACCEPTS: Accepted = Accepted::ENDING;

    /// Does the work, from the start to the end of the process.
    ///
    /// Runs on a single-threaded runtime of its own: everything it awaits and
    /// spawns shares one thread, so work that blocks belongs into
    /// [`spawn_blocking`](tokio::task::spawn_blocking). Once
    /// [`Context::stopping`] resolves it should finish what it has begun and
    /// return; the supervisor bounds how long that may take.
    fn run(self, context: Context) -> impl Future<Output = Result<(), Error>>;
}
