//! How a unit stands, in Stead's words.

use std::time::SystemTime;

use jiff::Timestamp;
use stead_api::control::Service;
use stead_model::lifecycle::State;
use stead_model::lifecycle::native::SystemdStatus;
use stead_model::plan::Mode;
use stead_os::systemd::{ActiveState, Exit, Status};

use crate::manager::Shown;
use crate::resolved::Resolved;

/// The lifecycle state of a unit.
pub(super) fn state(status: &Status) -> State {
    let active = match &status.active {
        ActiveState::Active => "active",
        ActiveState::Reloading => "reloading",
        ActiveState::Inactive => "inactive",
        ActiveState::Failed => "failed",
        ActiveState::Activating => "activating",
        ActiveState::Deactivating => "deactivating",
        ActiveState::Other(word) => word,
        _ => "unknown",
    };
    State::from(SystemdStatus {
        active,
        sub: &status.sub,
        result: &status.result,
        started: status.started.is_some(),
    })
}

/// The state with its phase: `RUNNING/starting`.
pub fn words(status: &Status) -> String {
    let state = state(status);
    match state.phase() {
        Some(phase) => format!("{state}/{phase}"),
        None => state.to_string(),
    }
}

/// Why a unit failed, if it did.
pub(super) fn why(status: &Status) -> Option<String> {
    let exit = status.exit.map(exit_words);
    let why = match (status.result.as_str(), exit) {
        ("success" | "", _) => return None,
        ("exit-code", Some(exit)) => format!("the program ended with {exit}"),
        ("signal" | "core-dump", Some(exit)) => format!("the program was ended by {exit}"),
        ("timeout", _) => "it was not ready in time".to_owned(),
        ("watchdog", _) => "its watchdog heard nothing in time".to_owned(),
        ("protocol", _) => "it ended without saying that it is ready".to_owned(),
        ("oom-kill", _) => "it used more memory than it may".to_owned(),
        ("start-limit-hit", _) => "it failed too often; a start tries again".to_owned(),
        (result, _) => format!("systemd says {result}"),
    };
    Some(match &status.status_text {
        Some(text) => format!("{why} ({text})"),
        None => why,
    })
}

pub(super) fn shown(resolved: &Resolved, mode: Mode, status: &Status) -> Shown {
    let state = state(status);
    Shown {
        service: Service {
            name: resolved.name.to_string(),
            state: state.word().to_owned(),
            phase: state.phase().map(|phase| phase.word().to_owned()),
            health: None,
            flapping: false,
            pid: status.main_pid,
            restarts: u64::from(status.restarts),
            since: status.changed.and_then(time).unwrap_or_default(),
            exit: status.exit.map(exit_words),
            status: status.status_text.clone(),
            detail: why(status),
            not_enforced: Vec::new(),
            checks: Vec::new(),
            history: Vec::new(),
        },
        manager: "systemd",
        mode: mode.word(),
        start: resolved.service.start.to_string(),
        unit: status.id.clone(),
    }
}

fn exit_words(exit: Exit) -> String {
    match exit {
        Exit::Status(code) => format!("code {code}"),
        Exit::Signal(signal) | Exit::Dumped(signal) => format!("signal {signal}"),
    }
}

/// RFC 3339.
fn time(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time).ok().map(|time| time.to_string())
}
