//! What a streak of check results means.
//!
//! Three successes in a row: Healthy. Five failures in a row: Unhealthy. A failure while Healthy:
//! Unknown. Everything else leaves the state as it is; a new check is Unknown. The numbers are the
//! check's [`Thresholds`].
//!
//! # Damping
//!
//! [`FLAP_CHANGES`] changes of state within [`FLAP_WINDOW`] are flapping. From then on the worst
//! state among those changes is shown, and a worse one as soon as it comes, until no change has
//! come for [`CALM`]. Then the state is what the streaks say again. [`Health::calm_at`] says when
//! that will be, so nobody has to poll: call [`settle`] then.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::Check;
use crate::lifecycle::{Phase, State};
use crate::time::Moment;

/// So many changes of state within [`FLAP_WINDOW`] are flapping.
pub const FLAP_CHANGES: usize = 5;

/// The time within which changes are counted.
pub const FLAP_WINDOW: Duration = Duration::from_mins(1);

/// How long the state must stay as it is for flapping to be over.
pub const CALM: Duration = Duration::from_mins(1);

/// The most bytes of a check's output that are kept.
pub const OUTPUT_MAX: usize = 4096;

/// One result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It worked.
    Success,
    /// It did not.
    Failure,
}

/// How many results in a row count. Zero counts as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thresholds {
    /// Successes in a row that make it Healthy.
    pub healthy_after: u32,
    /// Failures in a row that make it Unhealthy.
    pub unhealthy_after: u32,
}

/// The state of a check or a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Not yet known, or known no longer.
    #[default]
    Unknown,
    /// Works.
    Healthy,
    /// Does not work.
    Unhealthy,
}

/// The registry's word for a state, which is Consul's. Ordered from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// Full weight.
    Passing,
    /// Stays in answers, with the warning weight.
    Warning,
    /// Left out of DNS and of `?passing`.
    Critical,
}

/// What is shown of a check or a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// The state.
    pub state: Standing,
    /// The registry's word for it.
    pub published: Published,
    /// Whether the state is held because it changes too often.
    pub flapping: bool,
}

/// Everything that is remembered of one check in this run of its service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// What the streaks say, undamped.
    state: Standing,
    was_healthy: bool,
    successes: u32,
    failures: u32,
    /// The last changes, oldest first: at most [`FLAP_CHANGES`], each with the state it led from.
    changes: VecDeque<(Moment, Standing)>,
    /// The worst state since the flapping began; `None`: not flapping.
    held: Option<Standing>,
}

/// What the result `outcome`, come in at `at`, makes of `health`.
#[must_use]
pub fn observe(health: &Health, thresholds: Thresholds, outcome: Outcome, at: Moment) -> Health {
    let mut next = settle(health, at);
    match outcome {
        Outcome::Success => {
            next.failures = 0;
            next.successes = next.successes.saturating_add(1);
        }
        Outcome::Failure => {
            next.successes = 0;
            next.failures = next.failures.saturating_add(1);
        }
    }
    let state = if next.failures >= thresholds.unhealthy_after.max(1) {
        Standing::Unhealthy
    } else if next.successes >= thresholds.healthy_after.max(1) {
        Standing::Healthy
    } else if next.failures > 0 && next.state == Standing::Healthy {
        Standing::Unknown
    } else {
        next.state
    };
    next.was_healthy |= state == Standing::Healthy;
    if state != next.state {
        next.change(state, at);
    }
    next
}

/// What the mere passing of time until `at` makes of `health`: flapping ends after a calm minute.
#[must_use]
pub fn settle(health: &Health, at: Moment) -> Health {
    let mut next = health.clone();
    if next.calm_at().is_some_and(|calm_at| at >= calm_at) {
        next.held = None;
        next.changes.clear();
    }
    next
}

/// What a service is, by its checks: the worst of them. Without a check it is Healthy while
/// RUNNING and ready, and Unknown after Healthy while it reloads.
pub fn of_service(checks: impl IntoIterator<Item = Verdict>, state: State) -> Verdict {
    let worst = checks.into_iter().reduce(|one, other| {
        let worse = if badness(other) > badness(one) {
            other
        } else {
            one
        };
        Verdict {
            flapping: one.flapping || other.flapping,
            ..worse
        }
    });
    worst.unwrap_or_else(|| {
        let (state, published) = match state {
            State::Running(Phase::Ready) => (Standing::Healthy, Published::Passing),
            State::Running(Phase::Reloading) => (Standing::Unknown, Published::Warning),
            _ => (Standing::Unknown, Published::Critical),
        };
        Verdict {
            state,
            published,
            flapping: false,
        }
    })
}

const fn badness(verdict: Verdict) -> (u8, u8) {
    (verdict.published as u8, verdict.state.badness())
}

/// A check's output, cut to at most [`OUTPUT_MAX`] bytes at the end of a character.
pub fn cut_output(output: &str) -> &str {
    &output[..output.floor_char_boundary(OUTPUT_MAX)]
}

impl Health {
    /// A check that has not been tried in this run.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is shown.
    pub fn verdict(&self) -> Verdict {
        let state = self.held.unwrap_or(self.state);
        Verdict {
            state,
            published: match state {
                Standing::Healthy => Published::Passing,
                Standing::Unknown if self.was_healthy => Published::Warning,
                Standing::Unknown | Standing::Unhealthy => Published::Critical,
            },
            flapping: self.held.is_some(),
        }
    }

    /// The registry's word.
    pub fn published(&self) -> Published {
        self.verdict().published
    }

    /// Whether the state is held because it changes too often.
    pub const fn is_flapping(&self) -> bool {
        self.held.is_some()
    }

    /// What the streaks say, whether or not it is shown.
    pub const fn undamped(&self) -> Standing {
        self.state
    }

    /// When flapping will be over if nothing changes until then; `None` when there is none. Call
    /// [`settle`] at that moment.
    pub fn calm_at(&self) -> Option<Moment> {
        self.held?;
        self.changes.back().map(|(at, _)| *at + CALM)
    }

    fn change(&mut self, to: Standing, at: Moment) {
        if self.changes.len() == FLAP_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back((at, self.state));
        self.state = to;
        let counted = match self.changes.front() {
            Some((first, _)) => {
                self.changes.len() == FLAP_CHANGES && at.since(*first) <= FLAP_WINDOW
            }
            None => false,
        };
        self.held = match self.held {
            Some(held) => Some(held.worse(to)),
            None if counted => Some(
                self.changes
                    .iter()
                    .fold(to, |worst, (_, from)| worst.worse(*from)),
            ),
            None => None,
        };
    }
}

impl Standing {
    const fn badness(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Unknown => 1,
            Self::Unhealthy => 2,
        }
    }

    /// The worse of the two: Unhealthy before Unknown before Healthy.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        if other.badness() > self.badness() {
            other
        } else {
            self
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
        })
    }
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

impl From<&Check> for Thresholds {
    fn from(check: &Check) -> Self {
        Self {
            healthy_after: check.healthy_after,
            unhealthy_after: check.unhealthy_after,
        }
    }
}
