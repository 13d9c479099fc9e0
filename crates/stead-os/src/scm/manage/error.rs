//! What can go wrong, in words.

use std::fmt;

use super::control::Control;
use super::numbers::error as code;
use super::status::ServiceStatus;
use crate::command_line::JoinError;

/// An operation on a service that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation}{}{service}", if service.is_empty() { "" } else { " " })]
pub struct ScmError {
    /// What was to be done.
    pub operation: Operation,
    /// To which service; empty if it was to none.
    pub service: String,
    /// Why it was not.
    #[source]
    pub reason: Reason,
}

/// What was to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Install it.
    Install,
    /// Change what it is installed with.
    Change,
    /// Change one thing of it, in the course of the two above.
    Set(Setting),
    /// Read what it is installed with.
    ReadConfig,
    /// Read how it stands.
    ReadStatus,
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Send it a control.
    Control(Control),
    /// Delete it.
    Delete,
    /// List all services.
    List,
    /// List what depends on it.
    ListDependents,
    /// Wait for it.
    Wait,
}

/// What is set apart from the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setting {
    /// [`ServiceConfig::description`](super::ServiceConfig::description).
    Description,
    /// [`StartType::Delayed`](super::StartType::Delayed).
    DelayedStart,
    /// [`ServiceConfig::recovery`](super::ServiceConfig::recovery).
    Recovery,
    /// [`ServiceConfig::on_error_exit`](super::ServiceConfig::on_error_exit).
    OnErrorExit,
    /// [`ServiceConfig::sid`](super::ServiceConfig::sid).
    Sid,
    /// [`ServiceConfig::privileges`](super::ServiceConfig::privileges).
    Privileges,
    /// [`ServiceConfig::preshutdown_timeout`](super::ServiceConfig::preshutdown_timeout).
    PreshutdownTimeout,
    /// [`ServiceConfig::triggers`](super::ServiceConfig::triggers).
    Triggers,
    /// The account's right to log on as a service.
    LogonRight,
}

/// Why something failed. [`Reason::Other`] has what no variant is for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// This process has not the right to.
    #[error("access is denied; an administrator's elevated console is needed")]
    Denied,
    /// There is no service of that name.
    #[error("no service of that name is installed")]
    NotInstalled,
    /// There is one already.
    #[error("a service of that name is installed already")]
    NameTaken,
    /// Another service is shown under that name.
    #[error("another service has that name or display name")]
    DisplayNameTaken,
    /// It goes when it has stopped and everybody has closed it.
    #[error("it is marked for deletion and goes once it has stopped and nothing has it open")]
    MarkedForDelete,
    /// It runs.
    #[error("it is running already")]
    AlreadyRunning,
    /// It does not run.
    #[error("it is not running")]
    NotRunning,
    /// Its start type says so.
    #[error("it is disabled, or a device it needs is")]
    Disabled,
    /// Other services that depend on it run.
    #[error("services that depend on it are running")]
    DependentsRunning,
    /// A service would depend on itself.
    #[error("its dependencies lead back to it")]
    CircularDependency,
    /// What it depends on could not be started.
    #[error("a service that it depends on could not be started")]
    DependencyFailed,
    /// What it depends on is not there.
    #[error("a service that it depends on is not installed or is marked for deletion")]
    DependencyMissing,
    /// Not in this state, or not while it starts or stops.
    #[error("it takes no controls in its present state")]
    CannotAccept,
    /// It did not say that it accepts this control.
    #[error("it does not take this control")]
    ControlRefused,
    /// The program did not connect to the manager, or did not answer it, in the time it has.
    #[error("it did not answer the service control manager in time")]
    NoAnswer,
    /// The program is there and hangs while it starts.
    #[error("it hung while it was starting")]
    Hung,
    /// The database of services is locked.
    #[error("the database of services is locked; try again in a moment")]
    DatabaseLocked,
    /// The manager does not take this account or its password.
    #[error("its account does not exist, or the password is wrong")]
    AccountRefused,
    /// The account is right but cannot log on.
    #[error(
        "its account cannot log on: the password is wrong, or the account lacks the right to log \
         on as a service"
    )]
    LogonFailed,
    /// Found out before anything was changed.
    #[error("there is no account {0:?}")]
    NoSuchAccount(String),
    /// Found out before anything was changed.
    #[error("this system knows no privilege {0:?}")]
    UnknownPrivilege(String),
    /// Its executable is not there.
    #[error("its program does not exist")]
    ProgramMissing,
    /// Its executable is none.
    #[error("its program is not an executable of this system")]
    NotAProgram,
    /// The machine is being shut down.
    #[error("the system is shutting down")]
    ShuttingDown,
    /// This system does not have the setting.
    #[error("this system does not support it")]
    Unsupported,
    /// The command cannot be written as a line.
    #[error(transparent)]
    Command(#[from] JoinError),
    /// What was asked for makes no sense to the manager; it says what.
    #[error("{0}")]
    Invalid(String),
    /// The time is over.
    #[error("it was still {} when the time was over", word(.last))]
    Deadline {
        /// How it stood then.
        last: ServiceStatus,
    },
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Win32Error),
}

/// A code of `winerror.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Win32Error(pub u32);

impl Win32Error {
    /// What the last call on this thread failed with.
    #[cfg(windows)]
    pub(crate) fn last() -> Self {
        // SAFETY: reads a number of this thread.
        Self(unsafe { windows_sys::Win32::Foundation::GetLastError() })
    }

    /// Whether the system (an older Windows, or Wine) does not have what was asked for.
    pub fn is_unsupported(self) -> bool {
        matches!(
            self.0,
            code::ERROR_NOT_SUPPORTED
                | code::ERROR_CALL_NOT_IMPLEMENTED
                | code::ERROR_INVALID_LEVEL
                | code::RPC_S_CANNOT_SUPPORT
                | code::RPC_S_INVALID_TAG
                | code::RPC_S_PROCNUM_OUT_OF_RANGE
        )
    }
}

impl std::error::Error for Win32Error {}

impl fmt::Display for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only Windows has the words.
        #[cfg(windows)]
        return std::io::Error::from_raw_os_error(self.0.cast_signed()).fmt(f);
        #[cfg(not(windows))]
        write!(f, "Windows error {}", self.0)
    }
}

impl Reason {
    /// The reason behind a code.
    pub(crate) fn of(error: Win32Error) -> Self {
        match error.0 {
            code::ERROR_ACCESS_DENIED => Self::Denied,
            code::ERROR_SERVICE_DOES_NOT_EXIST => Self::NotInstalled,
            code::ERROR_SERVICE_EXISTS => Self::NameTaken,
            code::ERROR_DUPLICATE_SERVICE_NAME => Self::DisplayNameTaken,
            code::ERROR_SERVICE_MARKED_FOR_DELETE => Self::MarkedForDelete,
            code::ERROR_SERVICE_ALREADY_RUNNING => Self::AlreadyRunning,
            code::ERROR_SERVICE_NOT_ACTIVE => Self::NotRunning,
            code::ERROR_SERVICE_DISABLED => Self::Disabled,
            code::ERROR_DEPENDENT_SERVICES_RUNNING => Self::DependentsRunning,
            code::ERROR_CIRCULAR_DEPENDENCY => Self::CircularDependency,
            code::ERROR_SERVICE_DEPENDENCY_FAIL => Self::DependencyFailed,
            code::ERROR_SERVICE_DEPENDENCY_DELETED => Self::DependencyMissing,
            code::ERROR_SERVICE_CANNOT_ACCEPT_CTRL => Self::CannotAccept,
            code::ERROR_INVALID_SERVICE_CONTROL => Self::ControlRefused,
            code::ERROR_SERVICE_REQUEST_TIMEOUT | code::ERROR_SERVICE_NO_THREAD => Self::NoAnswer,
            code::ERROR_SERVICE_START_HANG => Self::Hung,
            code::ERROR_SERVICE_DATABASE_LOCKED => Self::DatabaseLocked,
            code::ERROR_INVALID_SERVICE_ACCOUNT => Self::AccountRefused,
            code::ERROR_SERVICE_LOGON_FAILED => Self::LogonFailed,
            code::ERROR_FILE_NOT_FOUND | code::ERROR_PATH_NOT_FOUND => Self::ProgramMissing,
            code::ERROR_BAD_EXE_FORMAT => Self::NotAProgram,
            code::ERROR_SHUTDOWN_IN_PROGRESS => Self::ShuttingDown,
            code::ERROR_INVALID_NAME => Self::Invalid("the name is not one for a service".into()),
            _ if error.is_unsupported() => Self::Unsupported,
            _ => Self::Other(error),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Install => "install",
            Self::Change => "change",
            Self::Set(setting) => return write!(f, "set {setting} of"),
            Self::ReadConfig => "read the configuration of",
            Self::ReadStatus => "read the status of",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Control(Control::Pause) => "pause",
            Self::Control(Control::Continue) => "resume",
            Self::Control(Control::Interrogate) => "interrogate",
            Self::Control(Control::ParamChange) => "reload",
            Self::Control(Control::Custom(code)) => {
                return write!(f, "send control {} to", code.number());
            }
            Self::Delete => "uninstall",
            Self::List => "list the services",
            Self::ListDependents => "list the dependents of",
            Self::Wait => "wait for",
        };
        f.write_str(text)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Description => "the description",
            Self::DelayedStart => "the delayed start",
            Self::Recovery => "the recovery actions",
            Self::OnErrorExit => "recovery on an exit with an error",
            Self::Sid => "the type of the identifier",
            Self::Privileges => "the required privileges",
            Self::PreshutdownTimeout => "the preshutdown timeout",
            Self::Triggers => "the triggers",
            Self::LogonRight => "the logon right of the account",
        })
    }
}

fn word(status: &ServiceStatus) -> &'static str {
    use stead_model::lifecycle::native::ScmState as S;
    match status.state {
        S::Stopped => "stopped",
        S::StartPending => "starting",
        S::StopPending => "stopping",
        S::Running => "running",
        S::ContinuePending => "resuming",
        S::PausePending => "pausing",
        S::Paused => "paused",
    }
}
