//! The health of one service in one run: its checks' results, observed by the rules of the model.

use stead_model::Moment;
use stead_model::definition::Service;
use stead_model::health::{self, Health, Outcome, Thresholds, Verdict};
use stead_model::lifecycle::State;
use stead_model::name::CheckName;

/// A check as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckHealth {
    /// Its name.
    pub name: String,
    /// What is shown of it.
    pub verdict: Verdict,
    /// What it last said, at most [`health::OUTPUT_MAX`] bytes.
    pub output: String,
}

/// A service as its checks see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceHealth {
    /// The run that was checked; 0: none yet.
    pub run: u64,
    /// Its checks, in the order of the definition.
    pub checks: Vec<CheckHealth>,
}

impl ServiceHealth {
    /// What they say together of a service in `state`: the worst check's verdict.
    pub fn verdict(&self, state: State) -> Verdict {
        health::of_service(self.checks.iter().map(|check| check.verdict), state)
    }
}

/// Keeps score of a service's checks.
#[derive(Debug)]
pub(crate) struct Score {
    run: u64,
    checks: Vec<Scored>,
}

#[derive(Debug)]
struct Scored {
    name: String,
    thresholds: Thresholds,
    health: Health,
    output: String,
}

impl Score {
    /// Nothing is known of any check before it was tried in this run.
    pub(crate) fn new(service: &Service, run: u64) -> Self {
        let checks = service
            .checks
            .iter()
            .map(|check| Scored {
                name: check.name.to_string(),
                thresholds: Thresholds::from(check),
                health: Health::new(),
                output: String::new(),
            })
            .collect();
        Self { run, checks }
    }

    pub(crate) fn run(&self) -> u64 {
        self.run
    }

    /// Takes a check's result.
    pub(crate) fn observe(
        &mut self,
        check: &CheckName,
        outcome: Outcome,
        output: String,
        at: Moment,
    ) {
        let Some(scored) = self
            .checks
            .iter_mut()
            .find(|scored| check == scored.name.as_str())
        else {
            return;
        };
        scored.health = health::observe(&scored.health, scored.thresholds, outcome, at);
        scored.output = output;
    }

    /// Ends the damping of checks that have calmed down.
    pub(crate) fn settle(&mut self, at: Moment) {
        for scored in &mut self.checks {
            scored.health = health::settle(&scored.health, at);
        }
    }

    /// When a damped check will have calmed down.
    pub(crate) fn calm_at(&self) -> Option<Moment> {
        self.checks
            .iter()
            .filter_map(|scored| scored.health.calm_at())
            .min()
    }

    pub(crate) fn shown(&self) -> ServiceHealth {
        let checks = self
            .checks
            .iter()
            .map(|scored| CheckHealth {
                name: scored.name.clone(),
                verdict: scored.health.verdict(),
                output: scored.output.clone(),
            })
            .collect();
        ServiceHealth {
            run: self.run,
            checks,
        }
    }
}
