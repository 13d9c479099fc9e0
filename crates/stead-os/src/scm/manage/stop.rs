//! Stopping a service, and first what depends on it.

use std::time::Instant;

use stead_model::lifecycle::native::ScmState;

use super::calls::{Calls, Dependents};
use super::error::{Operation, Reason, ScmError};
use super::numbers::{CONTROL_STOP, access, error};
use super::status::ServiceStatus;
use super::{Failing as _, Scm};

impl<C: Calls> Scm<C> {
    /// Stops a service and waits until it has stopped. What depends on it and runs is stopped
    /// first, each in its turn. One that is starting is stopped as soon as it takes controls, and
    /// one that is stopping already is not told again.
    ///
    /// `progress` hears of every change, with the name of the service. Fails with
    /// [`Reason::NotRunning`] if it is stopped, and with [`Reason::Deadline`] if the deadline
    /// passes, in the name of the service that did not make it.
    pub fn stop(
        &self,
        name: &str,
        deadline: Instant,
        mut progress: impl FnMut(&str, &ServiceStatus) + Send,
    ) -> Result<ServiceStatus, ScmError> {
        let service = self
            .open(
                name,
                access::SERVICE_ENUMERATE_DEPENDENTS | access::SERVICE_QUERY_STATUS,
            )
            .failing(Operation::Stop, name)?;
        let status = self
            .calls
            .query_status(&service)
            .failing(Operation::Stop, name)?;
        if status.state == ScmState::Stopped {
            return Err(Reason::NotRunning).failing(Operation::Stop, name);
        }
        loop {
            let dependents = self
                .calls
                .enumerate_dependents(&service, Dependents::Active)
                .failing(Operation::Stop, name)?;
            for dependent in dependents {
                self.stop_one(&dependent.name, deadline, &mut progress)?;
            }
            match self.stop_one(name, deadline, &mut progress) {
                // Another has been started meanwhile.
                Err(ScmError {
                    reason: Reason::DependentsRunning,
                    ..
                }) if Instant::now() < deadline => {}
                done => return done,
            }
        }
    }

    fn stop_one(
        &self,
        name: &str,
        deadline: Instant,
        progress: &mut (impl FnMut(&str, &ServiceStatus) + Send),
    ) -> Result<ServiceStatus, ScmError> {
        let stop = Operation::Stop;
        let service = self
            .open(name, access::SERVICE_STOP | access::SERVICE_QUERY_STATUS)
            .failing(stop, name)?;
        let mut wait = |until: &(dyn Fn(&ServiceStatus) -> bool + Sync)| {
            self.wait(name, until, deadline, |status| progress(name, status))
                .map_err(|error| ScmError {
                    operation: stop,
                    ..error
                })
        };
        let stopped = |status: &ServiceStatus| status.state == ScmState::Stopped;
        loop {
            let status = self.calls.query_status(&service).failing(stop, name)?;
            match status.state {
                ScmState::Stopped => return Ok(status),
                // A second stop would be one too many for some programs.
                ScmState::StopPending => return wait(&stopped),
                _ => {}
            }
            let sent = self.calls.control(&service, CONTROL_STOP);
            match sent.map_err(|error| error.0) {
                Ok(()) => return wait(&stopped),
                Err(error::ERROR_SERVICE_NOT_ACTIVE) => {}
                // Wine says the second, where Windows says the first.
                Err(
                    error::ERROR_SERVICE_CANNOT_ACCEPT_CTRL | error::ERROR_INVALID_SERVICE_CONTROL,
                ) if status.is_pending() => {
                    wait(&|now| now.state != status.state)?;
                }
                Err(code) => return Err(super::Win32Error(code)).failing(stop, name),
            }
        }
    }
}
