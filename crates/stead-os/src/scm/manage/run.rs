//! Starting services and sending them controls.

use super::calls::Calls;
use super::control::Control;
use super::error::{Operation, Reason, ScmError};
use super::numbers::access;
use super::{Failing as _, Scm};

impl<C: Calls> Scm<C> {
    /// Starts a service, with arguments for this start alone; it gets its name before them.
    ///
    /// Returns once its process has connected to the manager, and it is starting; [`Scm::wait`]
    /// waits until it runs.
    pub fn start(&self, name: &str, arguments: &[String]) -> Result<(), ScmError> {
        let operation = Operation::Start;
        if arguments.iter().any(|argument| argument.contains('\0')) {
            let text = "an argument contains a NUL character".to_owned();
            return Err(Reason::Invalid(text)).failing(operation, name);
        }
        let service = self
            .open(name, access::SERVICE_START)
            .failing(operation, name)?;
        self.calls
            .start(&service, arguments)
            .failing(operation, name)
    }

    /// Sends a control. Returns once the service's handler has.
    pub fn control(&self, name: &str, control: Control) -> Result<(), ScmError> {
        let operation = Operation::Control(control);
        let service = self.open(name, control.access()).failing(operation, name)?;
        self.calls
            .control(&service, control.number())
            .failing(operation, name)
    }
}
