//! Services as their owner sees them: install, change, start, control, watch and delete them.
//!
//! ```text
//!   ServiceConfig, Change ──▶ Scm ──▶ Calls ──▶ System: winsvc.h, LSA         (Windows)
//!   ServiceStatus, ScmError ◀──┘        └─────▶ Recording: a manager in memory (everywhere)
//! ```
//!
//! [`Scm`] blocks, and opens what an operation needs with no more rights than that takes. It
//! follows "Service Functions" of the Windows documentation. All names of services are the
//! manager's: upper and lower case are the same.

mod account;
mod calls;
mod change;
mod check;
mod config;
mod control;
mod delete;
mod difference;
mod encode;
mod error;
mod install;
pub mod numbers;
mod query;
pub mod recording;
mod recovery;
mod run;
mod secret;
mod status;
mod stop;
#[cfg(windows)]
mod system;
mod trigger;
mod wait;

pub use account::Account;
pub use calls::{
    Called, Calls, ConfigChange, Dependents, FailureActions, Info, Level, NewService, Notified,
    QueriedConfig, Sid,
};
pub use config::{
    Change, Dependency, ErrorControl, Installed, NAME_MAX, ServiceConfig, SidType, StartType,
};
pub use control::{Control, CustomCode};
pub use delete::Deleted;
pub use error::{Operation, Reason, ScmError, Setting, Win32Error};
pub use recovery::{Recovery, RecoveryAction, RecoveryKind};
pub use secret::Secret;
pub use status::{Accepted, Listed, ServiceStatus};
#[cfg(windows)]
pub use system::System;
pub use trigger::{Guid, Trigger, TriggerAction, TriggerData, TriggerKind, guid};

/// The service control manager of this machine.
#[derive(Debug)]
pub struct Scm<C> {
    calls: C,
}

#[cfg(windows)]
impl Scm<System> {
    /// The system's own.
    pub fn system() -> Self {
        Self::new(System)
    }
}

impl<C: Calls> Scm<C> {
    /// The manager behind these calls.
    pub fn new(calls: C) -> Self {
        Self { calls }
    }

    /// The calls, such as a recording to be asked.
    pub fn calls(&self) -> &C {
        &self.calls
    }

    /// Opens the manager for nothing but to be there, and then a service.
    fn open(&self, name: &str, access: u32) -> Called<C::Service> {
        let manager = self
            .calls
            .open_manager(numbers::access::SC_MANAGER_CONNECT)?;
        self.calls.open_service(&manager, name, access)
    }
}

/// Says what failed, with which service.
trait Failing<T> {
    fn failing(self, operation: Operation, service: &str) -> Result<T, ScmError>;
}

impl<T> Failing<T> for Called<T> {
    fn failing(self, operation: Operation, service: &str) -> Result<T, ScmError> {
        self.map_err(Reason::of).failing(operation, service)
    }
}

impl<T> Failing<T> for Result<T, Reason> {
    fn failing(self, operation: Operation, service: &str) -> Result<T, ScmError> {
        self.map_err(|reason| ScmError {
            operation,
            service: service.to_owned(),
            reason,
        })
    }
}
