//! What the manager does when a service fails.

use std::time::Duration;

/// `SERVICE_FAILURE_ACTIONS`: the first failure gets the first action, and the last action is for
/// all that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// After that time without a failure counting starts anew; whole seconds. `None`: never.
    pub reset: Option<Duration>,
    /// What is done, in turn. Empty: nothing.
    pub actions: Vec<RecoveryAction>,
    /// The command line of [`RecoveryKind::Run`]. It runs as the service's account.
    pub command: Option<String>,
    /// What is sent to the users before [`RecoveryKind::Reboot`].
    pub reboot_message: Option<String>,
}

/// One thing to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecoveryAction {
    /// What to do.
    pub kind: RecoveryKind,
    /// How long after the failure; whole milliseconds.
    pub delay: Duration,
}

/// What can be done after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecoveryKind {
    /// Nothing.
    Nothing,
    /// Start the service again.
    Restart,
    /// Start the machine again. To set it takes the right to shut the machine down.
    Reboot,
    /// Run a command.
    Run,
}
