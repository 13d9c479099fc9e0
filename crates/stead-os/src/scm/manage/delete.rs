//! Deleting a service.

use std::time::Instant;

use super::calls::Calls;
use super::error::{Operation, Reason, ScmError};
use super::numbers::access;
use super::numbers::error::ERROR_SERVICE_DOES_NOT_EXIST;
use super::status::ServiceStatus;
use super::{Failing as _, Scm};

/// What has become of a service that was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deleted {
    /// It is gone.
    Gone,
    /// It is marked, and goes once it has stopped and nothing has it open. Until then its name is
    /// taken, and it cannot be started.
    Pending,
}

impl<C: Calls> Scm<C> {
    /// Deletes a service. One that runs goes on and is deleted when it stops.
    pub fn delete(&self, name: &str) -> Result<Deleted, ScmError> {
        let delete = Operation::Delete;
        let service = self.open(name, access::DELETE).failing(delete, name)?;
        self.calls.delete(&service).failing(delete, name)?;
        // It stays as long as it is open, here too.
        drop(service);
        match self.open(name, access::SERVICE_QUERY_STATUS) {
            Err(error) if error.0 == ERROR_SERVICE_DOES_NOT_EXIST => Ok(Deleted::Gone),
            _ => Ok(Deleted::Pending),
        }
    }

    /// Stops a service as [`Scm::stop`] does, if it runs, and then deletes it.
    pub fn stop_and_delete(
        &self,
        name: &str,
        deadline: Instant,
        progress: impl FnMut(&str, &ServiceStatus) + Send,
    ) -> Result<Deleted, ScmError> {
        match self.stop(name, deadline, progress) {
            Err(ScmError {
                reason: Reason::NotRunning,
                ..
            })
            | Ok(_) => self.delete(name),
            Err(error) => Err(error),
        }
    }
}
