use std::time::Duration;

use super::job::{JobResult, Verb};

/// Why systemd did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemdError {
    /// Nobody answers at the bus: the system has not been booted with systemd, or the user has no
    /// session and no lingering manager.
    #[error("there is no bus at {address}")]
    NoBus {
        /// The bus.
        address: String,
        /// Why not.
        #[source]
        source: Box<zbus::Error>,
    },
    /// A bus is there, and systemd is not on it.
    #[error("systemd is not on the bus at {address}")]
    NoSystemd {
        /// The bus.
        address: String,
    },
    /// This account may not do that.
    #[error("systemd refuses to {operation} {subject}: permission denied")]
    Denied {
        /// What was asked for, as a verb.
        operation: &'static str,
        /// Of which unit, or of what.
        subject: String,
        /// What systemd said.
        #[source]
        source: Box<zbus::Error>,
    },
    /// There is no such unit.
    #[error("there is no unit {unit}")]
    NoSuchUnit {
        /// Its name.
        unit: String,
    },
    /// The unit is masked: whatever would start it is refused.
    #[error("the unit {unit} is masked")]
    Masked {
        /// Its name.
        unit: String,
    },
    /// The job ended otherwise than well.
    #[error("cannot {verb} {unit}: {result}")]
    Job {
        /// What was to be done.
        verb: Verb,
        /// The unit.
        unit: String,
        /// How the job ended.
        result: JobResult,
    },
    /// The job goes on, and was not done in time.
    #[error("cannot {verb} {unit} within {within:?}")]
    Timeout {
        /// What was to be done.
        verb: Verb,
        /// The unit.
        unit: String,
        /// The time it had.
        within: Duration,
    },
    /// systemd refused for another reason, which it gives.
    #[error("systemd cannot {operation} {subject}")]
    Refused {
        /// What was asked for, as a verb.
        operation: &'static str,
        /// Of which unit, or of what.
        subject: String,
        /// What systemd said.
        #[source]
        source: Box<zbus::Error>,
    },
    /// The connection broke, or the answer was not what systemd answers.
    #[error("cannot {operation} {subject}: the talk with systemd broke off")]
    Broken {
        /// What was asked for, as a verb.
        operation: &'static str,
        /// Of which unit, or of what.
        subject: String,
        /// How.
        #[source]
        source: Box<zbus::Error>,
    },
    /// The blocking face has no runtime to wait in.
    #[error("cannot make a runtime to talk with systemd in")]
    Runtime(#[source] std::io::Error),
}

/// What was asked for, of whom: for the errors of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) operation: &'static str,
    pub(super) subject: &'a str,
    pub(super) address: &'a str,
}

impl Asked<'_> {
    pub(super) fn error(self, source: zbus::Error) -> SystemdError {
        let subject = self.subject.to_owned();
        let operation = self.operation;
        match name_of(&source).as_deref() {
            Some(
                "org.freedesktop.DBus.Error.AccessDenied"
                | "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
                | "org.freedesktop.DBus.Error.AuthFailed",
            ) => SystemdError::Denied {
                operation,
                subject,
                source: Box::new(source),
            },
            Some(
                "org.freedesktop.systemd1.NoSuchUnit" | "org.freedesktop.DBus.Error.FileNotFound",
            ) => SystemdError::NoSuchUnit { unit: subject },
            Some("org.freedesktop.systemd1.UnitMasked") => SystemdError::Masked { unit: subject },
            Some(
                "org.freedesktop.DBus.Error.ServiceUnknown"
                | "org.freedesktop.DBus.Error.NameHasNoOwner"
                | "org.freedesktop.DBus.Error.Spawn.ChildExited"
                | "org.freedesktop.DBus.Error.Spawn.ExecFailed"
                | "org.freedesktop.DBus.Error.Spawn.ServiceNotFound",
            ) => SystemdError::NoSystemd {
                address: self.address.to_owned(),
            },
            Some(_) => SystemdError::Refused {
                operation,
                subject,
                source: Box::new(source),
            },
            None => self.broken(source),
        }
    }

    pub(super) fn broken(self, source: zbus::Error) -> SystemdError {
        SystemdError::Broken {
            operation: self.operation,
            subject: self.subject.to_owned(),
            source: Box::new(source),
        }
    }
}

/// The D-Bus name of an error that the other side answered with.
fn name_of(error: &zbus::Error) -> Option<String> {
    use zbus::DBusError as _;
    match error {
        zbus::Error::MethodError(name, _, _) => Some(name.as_str().to_owned()),
        zbus::Error::FDO(error) if !matches!(**error, zbus::fdo::Error::ZBus(_)) => {
            Some(error.name().as_str().to_owned())
        }
        _ => None,
    }
}
