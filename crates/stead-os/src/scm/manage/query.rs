//! Reading what is installed and how it stands.

use super::calls::{Calls, Dependents, Level};
use super::config::Installed;
use super::error::{Operation, ScmError};
use super::numbers::access;
use super::status::{Listed, ServiceStatus};
use super::{Failing as _, Scm, encode};

const LEVELS: [Level; 8] = [
    Level::Description,
    Level::DelayedAutoStart,
    Level::FailureActions,
    Level::FailureActionsFlag,
    Level::Sid,
    Level::RequiredPrivileges,
    Level::PreshutdownTimeout,
    Level::Triggers,
];

impl<C: Calls> Scm<C> {
    /// What a service is installed with. What this system does not tell is `None`.
    pub fn config(&self, name: &str) -> Result<Installed, ScmError> {
        let operation = Operation::ReadConfig;
        let service = self
            .open(name, access::SERVICE_QUERY_CONFIG)
            .failing(operation, name)?;
        let found = self.calls.query_config(&service).failing(operation, name)?;
        let mut infos = Vec::new();
        for level in LEVELS {
            match self.calls.query_config2(&service, level) {
                Ok(info) => infos.push(info),
                Err(error) if error.is_unsupported() => {}
                Err(error) => return Err(error).failing(operation, name),
            }
        }
        Ok(encode::installed(name, found, infos))
    }

    /// How a service stands.
    pub fn status(&self, name: &str) -> Result<ServiceStatus, ScmError> {
        let operation = Operation::ReadStatus;
        let service = self
            .open(name, access::SERVICE_QUERY_STATUS)
            .failing(operation, name)?;
        self.calls.query_status(&service).failing(operation, name)
    }

    /// All services that are programs (drivers are not), in the manager's order.
    pub fn list(&self) -> Result<Vec<Listed>, ScmError> {
        let wanted = access::SC_MANAGER_CONNECT | access::SC_MANAGER_ENUMERATE_SERVICE;
        let manager = self
            .calls
            .open_manager(wanted)
            .failing(Operation::List, "")?;
        self.calls.enumerate(&manager).failing(Operation::List, "")
    }

    /// The services that depend on this one, directly or not, in the order they are to be stopped
    /// in. Their process ids are not told.
    pub fn dependents(&self, name: &str) -> Result<Vec<Listed>, ScmError> {
        let operation = Operation::ListDependents;
        let service = self
            .open(name, access::SERVICE_ENUMERATE_DEPENDENTS)
            .failing(operation, name)?;
        self.calls
            .enumerate_dependents(&service, Dependents::All)
            .failing(operation, name)
    }
}
