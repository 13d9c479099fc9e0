//! Keeps programs running.
//!
//! - [`machine`]: one service as a pure state machine, events in and actions out;
//! - [`stack`]: the order of several, by their dependencies, as pure;
//! - [`Supervisor`]: the driver that does what they say, with real processes, timers and pipes;
//! - [`logs`]: what the programs write, in rotating files;
//! - [`environment`], [`program`]: what a program finds and where it is found.

mod driver;
pub mod environment;
pub mod logs;
pub mod machine;
pub mod program;
pub mod stack;

pub use driver::{
    CHANGES_MAX, Change, ControlError, Options, OutputTo, REPORTS_MAX, REQUESTS_MAX, Status,
    Supervisor,
};
