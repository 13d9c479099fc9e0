//! The lifecycle of a service: one state machine that everything uses.
//!
//! [`step`] is the whole of it: a state and an event give a [`Transition`]. What the machine does
//! not provide for is reported as ignored, with the reason; it never fails.

mod history;
pub mod native;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use history::{Asker, HISTORY_MAX, History, Record};

/// Where a service stands. [`Display`](fmt::Display) gives the word of the documented output
/// (`RUNNING`); the phase is shown apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Never started.
    #[default]
    Init,
    /// Started, or about to be: see the phase.
    Running(Phase),
    /// Told to stop; its process has not ended yet.
    Stopping,
    /// Ended badly, or could not be started.
    Error,
    /// Ended as it should.
    Terminated,
}

/// What a running service is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not ready yet.
    Starting,
    /// Doing its work.
    Ready,
    /// Reading its configuration anew.
    Reloading,
    /// Alive, and doing no work until it is resumed.
    Paused,
}

/// A control code, the same on every system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[repr(u8)]
pub enum Control {
    /// Start it.
    Start = 0x01,
    /// Stop it.
    Stop = 0x02,
    /// Start it again after an error.
    Restart = 0x03,
}

/// How a process ended, by the definition's `success_exit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// With a status that counts as success.
    Success,
    /// With any other status, or by a signal.
    Failure,
}

/// What happens to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody, or the restart policy, asks.
    Control(Control),
    /// Its process ended.
    Ended(Ending),
    /// It cannot be started, was not ready in time, or is Unhealthy where that counts.
    Failed,
    /// It is ready.
    Ready,
    /// It was paused.
    Paused,
    /// It was resumed.
    Resumed,
    /// It began to reload.
    Reloading,
    /// It finished reloading.
    Reloaded,
}

/// What an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// The state changed.
    Changed {
        /// Before.
        from: State,
        /// After.
        to: State,
        /// What is to be done about it.
        effect: Effect,
    },
    /// The state is as it was; to be logged.
    Ignored {
        /// Why nothing changed.
        why: Why,
    },
}

/// What a transition asks of whoever holds the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// Spawn the process. Should something of an earlier process still live (it failed to be
    /// ready in time and is being ended), that ends first.
    Spawn,
    /// Let the process that is being stopped end, then spawn the new one.
    SpawnAfterEnd,
    /// Stop the process by the definition's ladder.
    Stop,
    /// End what is left of the process: the service has failed.
    EndRemains,
    /// No automatic restart may follow any more.
    CancelRestart,
}

/// Why an event was ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Why {
    /// START or RESTART of what runs.
    #[error("it is already running")]
    AlreadyRunning,
    /// STOP of what is being stopped.
    #[error("it is already stopping")]
    AlreadyStopping,
    /// STOP of what has ended.
    #[error("it is not running")]
    NotRunning,
    /// RESTART is for services in ERROR.
    #[error("RESTART is for a service in ERROR; the verb `restart` stops and starts it")]
    NotInError,
    /// It is being stopped, so only its end or a START matters.
    #[error("it is stopping")]
    Stopping,
    /// The phase does not allow it.
    #[error("it is {0}")]
    Phase(Phase),
}

/// The state machine: what `event` does to a service in `state`.
///
/// A STOP always takes back an automatic restart that is still to come, also where the service has
/// ended already and the STOP itself is ignored.
pub const fn step(state: State, event: Event) -> Transition {
    use Control::{Restart, Start, Stop};
    use Effect::{CancelRestart, EndRemains, Nothing, SpawnAfterEnd};
    use State::{Error, Init, Running, Stopping, Terminated};

    let (to, effect) = match (state, event) {
        (Init | Terminated, Event::Control(Start)) | (Error, Event::Control(Start | Restart)) => {
            (Running(Phase::Starting), Effect::Spawn)
        }
        (Init | Error, Event::Control(Stop)) => (Terminated, CancelRestart),
        (Init, Event::Failed) => (Error, Nothing),

        (Running(_), Event::Control(Stop)) => (Stopping, Effect::Stop),
        (Running(_), Event::Failed | Event::Ended(Ending::Failure)) => (Error, EndRemains),
        (Running(_), Event::Ended(Ending::Success)) | (Stopping, Event::Ended(_)) => {
            (Terminated, Nothing)
        }
        (Running(Phase::Starting | Phase::Reloading), Event::Ready)
        | (Running(Phase::Reloading), Event::Reloaded)
        | (Running(Phase::Paused), Event::Resumed) => (Running(Phase::Ready), Nothing),
        (Running(Phase::Ready), Event::Paused) => (Running(Phase::Paused), Nothing),
        (Running(Phase::Ready), Event::Reloading) => (Running(Phase::Reloading), Nothing),

        (Stopping, Event::Control(Start)) => (Running(Phase::Starting), SpawnAfterEnd),

        _ => {
            return Transition::Ignored {
                why: why(state, event),
            };
        }
    };
    Transition::Changed {
        from: state,
        to,
        effect,
    }
}

const fn why(state: State, event: Event) -> Why {
    match (state, event) {
        (State::Running(_), Event::Control(_)) => Why::AlreadyRunning,
        (State::Stopping, Event::Control(Control::Stop)) => Why::AlreadyStopping,
        (State::Init | State::Terminated | State::Stopping, Event::Control(Control::Restart)) => {
            Why::NotInError
        }
        (State::Stopping, _) => Why::Stopping,
        (State::Running(phase), _) => Why::Phase(phase),
        (State::Init | State::Error | State::Terminated, _) => Why::NotRunning,
    }
}

impl State {
    /// The state's word, and the word its JSON has.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Init => "INIT",
            Self::Running(_) => "RUNNING",
            Self::Stopping => "STOPPING",
            Self::Error => "ERROR",
            Self::Terminated => "TERMINATED",
        }
    }

    /// The phase of a running service.
    pub const fn phase(self) -> Option<Phase> {
        match self {
            Self::Running(phase) => Some(phase),
            _ => None,
        }
    }

    /// RUNNING, whatever the phase.
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Running(_))
    }

    /// RUNNING and ready.
    pub const fn is_ready(self) -> bool {
        matches!(self, Self::Running(Phase::Ready))
    }

    /// The state from its word and its phase: what JSON carries in two fields. A running service
    /// without a phase is taken as starting.
    pub fn from_words(state: &str, phase: Option<&str>) -> Result<Self, UnknownWord> {
        Ok(match state {
            "INIT" => Self::Init,
            "RUNNING" => Self::Running(phase.map_or(Ok(Phase::Starting), str::parse)?),
            "STOPPING" => Self::Stopping,
            "ERROR" => Self::Error,
            "TERMINATED" => Self::Terminated,
            other => return Err(UnknownWord(other.to_owned())),
        })
    }
}

/// A word that is no state, phase or control.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no word of the lifecycle")]
pub struct UnknownWord(pub String);

/// As JSON a state is its word, or for a running service the word and the phase
/// (`"RUNNING/ready"`).
impl Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Running(phase) => serializer.collect_str(&format_args!("RUNNING/{phase}")),
            other => serializer.serialize_str(other.word()),
        }
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (state, phase) = match text.split_once('/') {
            Some((state, phase)) => (state, Some(phase)),
            None => (text.as_str(), None),
        };
        Self::from_words(state, phase).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Phase {
    /// The phase's word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Reloading => "reloading",
            Self::Paused => "paused",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Phase {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Ok(match text {
            "starting" => Self::Starting,
            "ready" => Self::Ready,
            "reloading" => Self::Reloading,
            "paused" => Self::Paused,
            other => return Err(UnknownWord(other.to_owned())),
        })
    }
}

impl Control {
    /// The code on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The control with that code, if there is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0x01 => Some(Self::Start),
            0x02 => Some(Self::Stop),
            0x03 => Some(Self::Restart),
            _ => None,
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "START",
            Self::Stop => "STOP",
            Self::Restart => "RESTART",
        })
    }
}

impl Transition {
    /// The state afterwards, given the state before.
    pub const fn state_after(self, before: State) -> State {
        match self {
            Self::Changed { to, .. } => to,
            Self::Ignored { .. } => before,
        }
    }
}
