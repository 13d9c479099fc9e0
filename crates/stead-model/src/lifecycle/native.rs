//! How the states of the platforms' managers map to ours, and ours to theirs.

use super::{Phase, State};

/// `dwCurrentState` of `SERVICE_STATUS` (`winsvc.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum ScmState {
    /// `SERVICE_STOPPED`.
    Stopped = 1,
    /// `SERVICE_START_PENDING`.
    StartPending = 2,
    /// `SERVICE_STOP_PENDING`.
    StopPending = 3,
    /// `SERVICE_RUNNING`.
    Running = 4,
    /// `SERVICE_CONTINUE_PENDING`.
    ContinuePending = 5,
    /// `SERVICE_PAUSE_PENDING`.
    PausePending = 6,
    /// `SERVICE_PAUSED`.
    Paused = 7,
}

/// `ERROR_SERVICE_NEVER_STARTED`.
pub const SCM_NEVER_STARTED: u32 = 1077;

/// `ERROR_SERVICE_SPECIFIC_ERROR`: what a service in ERROR shows when no better code is known.
pub const SCM_SERVICE_SPECIFIC_ERROR: u32 = 1066;

/// What the service control manager shows of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScmStatus {
    /// `dwCurrentState`.
    pub state: ScmState,
    /// `dwWin32ExitCode`. Has a meaning while stopped.
    pub exit_code: u32,
}

impl ScmState {
    /// The state with that number.
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Stopped,
            2 => Self::StartPending,
            3 => Self::StopPending,
            4 => Self::Running,
            5 => Self::ContinuePending,
            6 => Self::PausePending,
            7 => Self::Paused,
            _ => return None,
        })
    }
}

impl From<ScmStatus> for State {
    fn from(status: ScmStatus) -> Self {
        match (status.state, status.exit_code) {
            (ScmState::StartPending, _) => Self::Running(Phase::Starting),
            // A pending pause still works, a pending continue does not yet.
            (ScmState::Running | ScmState::PausePending, _) => Self::Running(Phase::Ready),
            (ScmState::Paused | ScmState::ContinuePending, _) => Self::Running(Phase::Paused),
            (ScmState::StopPending, _) => Self::Stopping,
            (ScmState::Stopped, 0) => Self::Terminated,
            (ScmState::Stopped, SCM_NEVER_STARTED) => Self::Init,
            (ScmState::Stopped, _) => Self::Error,
        }
    }
}

/// The manager knows no reloading: such a service runs.
impl From<State> for ScmStatus {
    fn from(state: State) -> Self {
        let (state, exit_code) = match state {
            State::Init => (ScmState::Stopped, SCM_NEVER_STARTED),
            State::Running(Phase::Starting) => (ScmState::StartPending, 0),
            State::Running(Phase::Ready | Phase::Reloading) => (ScmState::Running, 0),
            State::Running(Phase::Paused) => (ScmState::Paused, 0),
            State::Stopping => (ScmState::StopPending, 0),
            State::Error => (ScmState::Stopped, SCM_SERVICE_SPECIFIC_ERROR),
            State::Terminated => (ScmState::Stopped, 0),
        };
        Self { state, exit_code }
    }
}

/// What systemd shows of a service unit (`org.freedesktop.systemd1(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SystemdStatus<'a> {
    /// `ActiveState`.
    pub active: &'a str,
    /// `SubState`.
    pub sub: &'a str,
    /// `Result`.
    pub result: &'a str,
    /// Whether the unit was started since the machine was (`ExecMainStartTimestamp` is not 0).
    pub started: bool,
}

impl From<SystemdStatus<'_>> for State {
    fn from(status: SystemdStatus<'_>) -> Self {
        match (status.active, status.sub) {
            // Between a failure and the restart systemd itself will make.
            ("activating", "auto-restart" | "auto-restart-queued") => Self::Error,
            ("activating", _) => Self::Running(Phase::Starting),
            ("active", "exited") => Self::Terminated,
            ("active", "reload" | "reload-signal" | "reload-notify")
            | ("reloading" | "refreshing", _) => Self::Running(Phase::Reloading),
            ("active", _) => Self::Running(Phase::Ready),
            ("deactivating", _) => Self::Stopping,
            ("inactive", _) if !status.started => Self::Init,
            ("inactive", _) if matches!(status.result, "success" | "") => Self::Terminated,
            _ => Self::Error,
        }
    }
}

/// systemd knows no pausing by the program: such a service is active.
impl From<State> for SystemdStatus<'static> {
    fn from(state: State) -> Self {
        let (active, sub, result, started) = match state {
            State::Init => ("inactive", "dead", "success", false),
            State::Running(Phase::Starting) => ("activating", "start", "success", true),
            State::Running(Phase::Ready | Phase::Paused) => ("active", "running", "success", true),
            State::Running(Phase::Reloading) => ("reloading", "reload", "success", true),
            State::Stopping => ("deactivating", "stop-sigterm", "success", true),
            State::Error => ("failed", "failed", "exit-code", true),
            State::Terminated => ("inactive", "dead", "success", true),
        };
        Self {
            active,
            sub,
            result,
            started,
        }
    }
}

/// What `launchctl print` shows of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaunchdStatus {
    /// Whether it has a process.
    pub alive: bool,
    /// `runs`: how often it was started.
    pub runs: u64,
    /// `last exit code`; `None`: `(never exited)`.
    pub last_exit: Option<i32>,
}

impl From<LaunchdStatus> for State {
    fn from(status: LaunchdStatus) -> Self {
        match status {
            LaunchdStatus { alive: true, .. } => Self::Running(Phase::Ready),
            LaunchdStatus { runs: 0, .. } => Self::Init,
            LaunchdStatus {
                last_exit: Some(0) | None,
                ..
            } => Self::Terminated,
            LaunchdStatus { .. } => Self::Error,
        }
    }
}

/// launchd knows whether there is a process and how the last one ended, and no more.
impl From<State> for LaunchdStatus {
    fn from(state: State) -> Self {
        let (alive, runs, last_exit) = match state {
            State::Init => (false, 0, None),
            State::Running(_) | State::Stopping => (true, 1, None),
            State::Error => (false, 1, Some(1)),
            State::Terminated => (false, 1, Some(0)),
        };
        Self {
            alive,
            runs,
            last_exit,
        }
    }
}
