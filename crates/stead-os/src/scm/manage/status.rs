//! How a service stands.

use std::fmt;
use std::time::Duration;

use stead_model::lifecycle::State;
use stead_model::lifecycle::native::{ScmState, ScmStatus};

/// `SERVICE_STATUS_PROCESS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServiceStatus {
    /// Where it stands.
    pub state: ScmState,
    /// The exit code. Has a meaning while it is stopped: 0 is a good end, 1077 means that it was
    /// never started since the machine was, and 1066 that the code is
    /// [`specific_exit`](Self::specific_exit).
    pub win32_exit: u32,
    /// The service's own exit code, if [`win32_exit`](Self::win32_exit) is 1066.
    pub specific_exit: u32,
    /// Rises while a pending state makes progress; 0 otherwise.
    pub checkpoint: u32,
    /// How long the next step of a pending state may take.
    pub wait_hint: Duration,
    /// Its process.
    pub pid: Option<u32>,
    /// The controls it accepts now.
    pub accepted: Accepted,
}

impl ServiceStatus {
    /// Whether it is on its way to another state.
    pub fn is_pending(&self) -> bool {
        match self.state {
            ScmState::StartPending
            | ScmState::StopPending
            | ScmState::ContinuePending
            | ScmState::PausePending => true,
            ScmState::Stopped | ScmState::Running | ScmState::Paused => false,
        }
    }

    /// The portable state.
    pub fn lifecycle(&self) -> State {
        State::from(ScmStatus {
            state: self.state,
            exit_code: self.win32_exit,
        })
    }
}

/// A service of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The name it is known by.
    pub name: String,
    /// The name that is shown.
    pub display_name: String,
    /// How it stands.
    pub status: ServiceStatus,
}

/// `dwControlsAccepted`, the bits of `winsvc.h`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Accepted(pub u32);

impl Accepted {
    /// `SERVICE_ACCEPT_STOP`.
    pub const STOP: Self = Self(0x1);
    /// `SERVICE_ACCEPT_PAUSE_CONTINUE`.
    pub const PAUSE_CONTINUE: Self = Self(0x2);
    /// `SERVICE_ACCEPT_SHUTDOWN`.
    pub const SHUTDOWN: Self = Self(0x4);
    /// `SERVICE_ACCEPT_PARAMCHANGE`.
    pub const PARAM_CHANGE: Self = Self(0x8);
    /// `SERVICE_ACCEPT_POWEREVENT`.
    pub const POWER_EVENT: Self = Self(0x40);
    /// `SERVICE_ACCEPT_SESSIONCHANGE`.
    pub const SESSION_CHANGE: Self = Self(0x80);
    /// `SERVICE_ACCEPT_PRESHUTDOWN`.
    pub const PRESHUTDOWN: Self = Self(0x100);

    const NAMES: [(Self, &'static str); 7] = [
        (Self::STOP, "stop"),
        (Self::PAUSE_CONTINUE, "pause"),
        (Self::SHUTDOWN, "shutdown"),
        (Self::PARAM_CHANGE, "param-change"),
        (Self::POWER_EVENT, "power-event"),
        (Self::SESSION_CHANGE, "session-change"),
        (Self::PRESHUTDOWN, "preshutdown"),
    ];

    /// Whether all of these are accepted.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The words of those that are accepted and known here.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let known = Self::NAMES.into_iter();
        known.filter_map(move |(one, name)| self.contains(one).then_some(name))
    }
}

impl std::ops::BitOr for Accepted {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accepted({:#x}", self.0)?;
        self.names().try_for_each(|name| write!(f, " {name}"))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_accepted_reads_as_words() {
        let accepted = Accepted::STOP | Accepted::PRESHUTDOWN | Accepted(0x400);
        assert!(accepted.contains(Accepted::STOP));
        assert!(!accepted.contains(Accepted::STOP | Accepted::SHUTDOWN));
        assert_eq!(format!("{accepted:?}"), "Accepted(0x501 stop preshutdown)");
    }
}
