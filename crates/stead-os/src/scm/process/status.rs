//! What the service control manager is told of the service's state.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_SERVICE_SPECIFIC_ERROR, NO_ERROR};
use windows_sys::Win32::System::Services::{
    SERVICE_ACCEPT_PARAMCHANGE, SERVICE_ACCEPT_PAUSE_CONTINUE, SERVICE_ACCEPT_POWEREVENT,
    SERVICE_ACCEPT_PRESHUTDOWN, SERVICE_ACCEPT_SESSIONCHANGE, SERVICE_ACCEPT_SHUTDOWN,
    SERVICE_ACCEPT_STOP, SERVICE_CONTINUE_PENDING, SERVICE_PAUSE_PENDING, SERVICE_PAUSED,
    SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STATUS, SERVICE_STATUS_HANDLE,
    SERVICE_STOP_PENDING, SERVICE_STOPPED, SERVICE_WIN32_OWN_PROCESS, SetServiceStatus,
};

use super::Exit;
use crate::control::Accepted;

/// Tells the service control manager how the service is. Clones are the same, and may be used by
/// any thread.
///
/// While something is pending no control is accepted, and each report of it again raises the
/// checkpoint, which says that it goes on. A report that makes no sense in the state the service
/// is in (that it runs, while it stops) changes nothing.
#[derive(Clone, Debug)]
pub struct Reporter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    handle: Handle,
    accepted: Accepted,
    status: Mutex<Status>,
}

#[derive(Debug)]
struct Handle(SERVICE_STATUS_HANDLE);

// SAFETY: a number for the service control manager, which may be used by any thread and is never
// closed.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// The state and, while one is pending, how far it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Status {
    state: State,
    checkpoint: u32,
    hint: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    StartPending,
    Running,
    PausePending,
    Paused,
    ContinuePending,
    StopPending,
    Stopped,
}

impl Reporter {
    /// `handle` is that of this process's service.
    pub(super) fn new(handle: SERVICE_STATUS_HANDLE, accepted: Accepted) -> Self {
        Self {
            shared: Arc::new(Shared {
                handle: Handle(handle),
                accepted,
                status: Mutex::new(Status::NEW),
            }),
        }
    }

    /// It still starts, and the next report comes within `hint`.
    pub fn starting(&self, hint: Duration) {
        self.report(State::StartPending, hint);
    }

    /// It does its work.
    pub fn running(&self) {
        self.report(State::Running, Duration::ZERO);
    }

    /// It is about to pause, and the next report comes within `hint`.
    pub fn pausing(&self, hint: Duration) {
        self.report(State::PausePending, hint);
    }

    /// It has paused.
    pub fn paused(&self) {
        self.report(State::Paused, Duration::ZERO);
    }

    /// It is about to go on after a pause, and the next report comes within `hint`.
    pub fn resuming(&self, hint: Duration) {
        self.report(State::ContinuePending, hint);
    }

    /// It stops, and the next report comes within `hint`.
    pub fn stopping(&self, hint: Duration) {
        self.report(State::StopPending, hint);
    }

    /// What is pending, if anything is, goes on, and the next report comes within `hint`.
    pub fn progress(&self, hint: Duration) {
        let mut status = self.lock();
        if status.state.is_pending() {
            let state = status.state;
            self.set(&mut status, state, hint, Exit::Success);
        }
    }

    /// It has ended. The last thing a service can say: the process may be ended at once.
    pub(super) fn stopped(&self, exit: Exit) {
        let mut status = self.lock();
        self.set(&mut status, State::Stopped, Duration::ZERO, exit);
    }

    fn report(&self, state: State, hint: Duration) {
        self.set(&mut self.lock(), state, hint, Exit::Success);
    }

    /// Under the lock, so that reports arrive in the order in which they were made.
    fn set(&self, status: &mut Status, state: State, hint: Duration, exit: Exit) {
        let Some(next) = status.then(state, hint) else {
            tracing::debug!(from = ?status.state, to = ?state, "no such step");
            return;
        };
        *status = next;
        let told = next.to_native(self.shared.accepted, exit);
        // SAFETY: the handle is this service's, and the structure outlives the call.
        if unsafe { SetServiceStatus(self.shared.handle.0, &raw const told) } == 0 {
            let error = io::Error::last_os_error();
            tracing::warn!(?state, %error, "the service control manager was not told");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Status> {
        self.shared
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Status {
    /// As a service is before its first report.
    const NEW: Self = Self {
        state: State::StartPending,
        checkpoint: 0,
        hint: Duration::ZERO,
    };

    /// After a report; `None` if that makes no sense from here.
    fn then(self, state: State, hint: Duration) -> Option<Self> {
        if !self.state.leads_to(state) {
            return None;
        }
        let checkpoint = match state.is_pending() {
            true if state == self.state => self.checkpoint.saturating_add(1),
            true => 1,
            false => 0,
        };
        Some(Self {
            state,
            checkpoint,
            hint,
        })
    }

    fn to_native(self, accepted: Accepted, exit: Exit) -> SERVICE_STATUS {
        let (windows, service) = match exit {
            Exit::Success => (NO_ERROR, 0),
            Exit::Windows(code) => (code.get(), 0),
            Exit::Service(code) => (ERROR_SERVICE_SPECIFIC_ERROR, code.get()),
        };
        SERVICE_STATUS {
            dwServiceType: SERVICE_WIN32_OWN_PROCESS,
            dwCurrentState: self.state.to_native(),
            dwControlsAccepted: match self.state {
                State::Running | State::Paused => mask(accepted),
                _ => 0,
            },
            dwWin32ExitCode: windows,
            dwServiceSpecificExitCode: service,
            dwCheckPoint: self.checkpoint,
            dwWaitHint: u32::try_from(self.hint.as_millis()).unwrap_or(u32::MAX),
        }
    }
}

impl State {
    fn is_pending(self) -> bool {
        matches!(
            self,
            Self::StartPending | Self::PausePending | Self::ContinuePending | Self::StopPending
        )
    }

    fn leads_to(self, next: Self) -> bool {
        match self {
            Self::StartPending => matches!(
                next,
                Self::StartPending
                    | Self::Running
                    | Self::Paused
                    | Self::StopPending
                    | Self::Stopped
            ),
            Self::Running => matches!(
                next,
                Self::PausePending | Self::Paused | Self::StopPending | Self::Stopped
            ),
            Self::PausePending | Self::Paused | Self::ContinuePending => {
                !matches!(next, Self::StartPending)
            }
            Self::StopPending => matches!(next, Self::StopPending | Self::Stopped),
            Self::Stopped => false,
        }
    }

    fn to_native(self) -> u32 {
        match self {
            Self::StartPending => SERVICE_START_PENDING,
            Self::Running => SERVICE_RUNNING,
            Self::PausePending => SERVICE_PAUSE_PENDING,
            Self::Paused => SERVICE_PAUSED,
            Self::ContinuePending => SERVICE_CONTINUE_PENDING,
            Self::StopPending => SERVICE_STOP_PENDING,
            Self::Stopped => SERVICE_STOPPED,
        }
    }
}

/// Custom controls have no bit: the system delivers them to all.
fn mask(accepted: Accepted) -> u32 {
    [
        (Accepted::STOP, SERVICE_ACCEPT_STOP),
        (Accepted::SHUTDOWN, SERVICE_ACCEPT_SHUTDOWN),
        (Accepted::PRESHUTDOWN, SERVICE_ACCEPT_PRESHUTDOWN),
        (Accepted::PAUSE, SERVICE_ACCEPT_PAUSE_CONTINUE),
        (Accepted::RELOAD, SERVICE_ACCEPT_PARAMCHANGE),
        (Accepted::SESSION_CHANGE, SERVICE_ACCEPT_SESSIONCHANGE),
        (Accepted::POWER_EVENT, SERVICE_ACCEPT_POWEREVENT),
    ]
    .iter()
    .filter(|(accepts, _)| accepted.contains(*accepts))
    .fold(0, |mask, (_, bit)| mask | bit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::num::NonZeroU32;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn checkpoints_rise_while_something_is_pending() {
        let mut status = Status::NEW;
        for checkpoint in 1..4 {
            status = status.then(State::StartPending, SECOND).unwrap();
            let native = status.to_native(Accepted::ENDING, Exit::Success);
            assert_eq!(native.dwCheckPoint, checkpoint);
            assert_eq!(native.dwWaitHint, 1000);
            assert_eq!(native.dwControlsAccepted, 0);
        }
        let running = status.then(State::Running, Duration::ZERO).unwrap();
        let native = running.to_native(Accepted::ENDING, Exit::Success);
        assert_eq!((native.dwCheckPoint, native.dwWaitHint), (0, 0));
        assert_eq!(
            native.dwControlsAccepted,
            SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN
        );
        let stopping = running.then(State::StopPending, SECOND).unwrap();
        assert_eq!(stopping.checkpoint, 1);
    }

    #[test]
    fn nothing_comes_after_the_stop_but_its_end() {
        let stopping = Status::NEW.then(State::StopPending, SECOND).unwrap();
        for state in [State::Running, State::Paused, State::StartPending] {
            assert_eq!(stopping.then(state, SECOND), None, "{state:?}");
        }
        let stopped = stopping.then(State::Stopped, SECOND).unwrap();
        for state in [State::Running, State::StopPending, State::Stopped] {
            assert_eq!(stopped.then(state, SECOND), None, "{state:?}");
        }
    }

    #[test]
    fn failures_are_never_0() {
        let stopped = Status::NEW.then(State::Stopped, Duration::ZERO).unwrap();
        let code = NonZeroU32::new(78).unwrap();
        for (exit, windows, service) in [
            (Exit::Success, 0, 0),
            (Exit::Windows(code), 78, 0),
            (Exit::Service(code), ERROR_SERVICE_SPECIFIC_ERROR, 78),
            (Exit::PANICKED, ERROR_SERVICE_SPECIFIC_ERROR, 101),
        ] {
            let native = stopped.to_native(Accepted::ENDING, exit);
            assert_eq!(
                (native.dwWin32ExitCode, native.dwServiceSpecificExitCode),
                (windows, service)
            );
        }
    }
}
