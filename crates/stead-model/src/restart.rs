//! Whether and when a program that ended is started again.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::definition::{RestartPolicy, RestartWhen};
use crate::time::Moment;

/// The largest `limit` of a [`RestartPolicy`]: so many failures are remembered at most.
pub const RESTART_LIMIT_MAX: u32 = 1000;

/// What the restart policy remembers of a service: its last start, the short runs in a row, the
/// failures within the window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    started: Option<Moment>,
    short_runs: u32,
    failures: VecDeque<Moment>,
}

/// How a run ended, as the restart policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// With success, unasked.
    Success,
    /// With a failure: a bad exit, a start that did not work, not ready in time.
    Failure,
    /// Its checks found it Unhealthy. Counts as a failure where `on_unhealthy` says so.
    Unhealthy,
    /// Because somebody stopped it.
    Asked,
}

/// What the policy decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Start it again when that much time has passed.
    After(Duration),
    /// Too many failures: leave it in ERROR until a START or a RESTART.
    GiveUp(GaveUp),
    /// The policy does not ask for a restart.
    No,
}

/// Why the policy gave up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveUp {
    /// How many failures there were.
    pub failures: u32,
    /// Within which time.
    pub window: Duration,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "failed {} times within {}",
            self.failures,
            crate::definition::Period::from_millis(
                u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX)
            )
        )
    }
}

impl Starts {
    /// Notes that the program was started.
    pub const fn started(&mut self, at: Moment) {
        self.started = Some(at);
    }

    /// Forgets every failure and every short run: somebody asked for a START or a RESTART.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many failures are remembered.
    pub fn failures(&self) -> usize {
        self.failures.len()
    }

    fn note_failure(&mut self, policy: &RestartPolicy, at: Moment) {
        let window = policy.window.get();
        self.failures.push_back(at);
        while self.failures.len() > RESTART_LIMIT_MAX as usize
            || self
                .failures
                .front()
                .is_some_and(|first| at.since(*first) > window)
        {
            self.failures.pop_front();
        }
    }
}

/// What follows when a run ends at `at`: the decision, and what is to be remembered from now on.
///
/// The delay doubles with each run that was shorter than `max_delay` and never passes that; a run
/// of at least `max_delay` starts over with `delay`. With `limit` failures within `window`, this
/// one included, the policy gives up; a limit of 0 never does.
pub fn next_restart(
    policy: &RestartPolicy,
    starts: &Starts,
    ended: Ended,
    at: Moment,
) -> (Restart, Starts) {
    let failed = match ended {
        Ended::Success => false,
        Ended::Failure => true,
        Ended::Unhealthy if policy.on_unhealthy => true,
        Ended::Unhealthy | Ended::Asked => return (Restart::No, starts.clone()),
    };
    let mut after = starts.clone();
    let ran = after.started.take().map(|started| at.since(started));
    let max_delay = policy.max_delay.get();
    if ran.is_some_and(|ran| ran >= max_delay) {
        after.short_runs = 0;
    }
    if failed {
        after.note_failure(policy, at);
    }
    let wanted = match policy.policy {
        RestartWhen::Always => true,
        RestartWhen::OnFailure => failed,
        RestartWhen::Never => false,
    };
    if !wanted {
        return (Restart::No, after);
    }
    let failures = u32::try_from(after.failures.len()).unwrap_or(u32::MAX);
    if failed && policy.limit > 0 && failures >= policy.limit {
        let gave_up = GaveUp {
            failures,
            window: policy.window.get(),
        };
        return (Restart::GiveUp(gave_up), after);
    }
    let factor = 2_u32.saturating_pow(after.short_runs);
    let delay = policy.delay.get().saturating_mul(factor).min(max_delay);
    after.short_runs = after.short_runs.saturating_add(1);
    (Restart::After(delay), after)
}
