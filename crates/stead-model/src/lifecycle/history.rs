use std::collections::VecDeque;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::State;

/// How many transitions of a service are kept; the oldest go first.
pub const HISTORY_MAX: usize = 64;

/// One transition, as `status` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When, by the wall clock.
    pub at: Timestamp,
    /// Before.
    pub from: State,
    /// After.
    pub to: State,
    /// What happened, for a person: `exited with status 3`.
    pub cause: String,
    /// Who asked.
    pub by: Asker,
}

/// Who asked for a transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asker {
    /// Nobody: the program itself ended, became ready, paused.
    Program,
    /// The restart policy, a check, or the order of the stack.
    Stead,
    /// The platform's service manager, or the shutdown of the machine.
    Platform,
    /// A person or a tool, by account.
    User(String),
}

impl fmt::Display for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Program => "the program",
            Self::Stead => "stead",
            Self::Platform => "the platform",
            Self::User(name) => name,
        })
    }
}

/// The last [`HISTORY_MAX`] transitions of a service, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Record>", into = "Vec<Record>")]
pub struct History {
    records: VecDeque<Record>,
}

impl History {
    /// Adds a transition; forgets the oldest when there are [`HISTORY_MAX`] already.
    pub fn push(&mut self, record: Record) {
        if self.records.len() == HISTORY_MAX {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    /// The transitions, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> + ExactSizeIterator {
        self.records.iter()
    }

    /// The newest transition.
    pub fn last(&self) -> Option<&Record> {
        self.records.back()
    }
}

impl From<Vec<Record>> for History {
    fn from(records: Vec<Record>) -> Self {
        let mut history = Self::default();
        for record in records {
            history.push(record);
        }
        history
    }
}

impl From<History> for Vec<Record> {
    fn from(history: History) -> Self {
        history.records.into()
    }
}
