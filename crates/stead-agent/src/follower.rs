//! Follows one service: checks it while it is up, tells the supervisor and the registry what the
//! checks say. One task owns all of it, so the registry hears of a service in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stead_api::consul::Status as Word;
use stead_model::Moment;
use stead_model::definition::Service;
use stead_model::health::{Outcome, Standing};
use stead_model::name::ServiceName;
use stead_registry::Local;
use stead_supervisor::{Status, Supervisor};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::checks::{CheckOutcome, Checked, Checks, Watch};
use crate::health::{Score, ServiceHealth};
use crate::publish::{Publisher, check_id};

/// Results of one service's checks that wait to be looked at.
const OUTCOMES_MAX: usize = 32;
/// Between two attempts to tell a registry that does not answer.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Follower {
    pub(crate) name: ServiceName,
    pub(crate) service: Arc<Service>,
    pub(crate) supervisor: Arc<Supervisor>,
    pub(crate) checks: Checks,
    pub(crate) registry: Option<Local>,
    pub(crate) publisher: Option<Publisher>,
    pub(crate) shown: watch::Sender<Arc<ServiceHealth>>,
    pub(crate) epoch: Instant,
}

impl Follower {
    /// Follows until `ending`, then takes the service out of the registry.
    pub(crate) async fn run(mut self, ending: CancellationToken) {
        let Some(mut status) = self.supervisor.watch(self.name.as_str()) else {
            return;
        };
        let (report, mut outcomes) = mpsc::channel::<CheckOutcome>(OUTCOMES_MAX);
        let mut score = Score::new(&self.service, 0);
        let mut running: Option<Watch> = None;
        let mut retry = false;
        loop {
            let now = status.borrow_and_update().clone();
            if now.is_up() && now.run != score.run() {
                score = Score::new(&self.service, now.run);
                running = self.start_checks(&report, now.run);
                self.take_reports(running.as_ref());
            } else if !now.is_up() && running.take().is_some() {
                score = Score::new(&self.service, score.run());
            }
            self.tell_supervisor(&now, &score).await;
            retry = self.tell_registry(&now, retry).await;
            let calm = score.calm_at();
            tokio::select! {
                () = ending.cancelled() => break,
                changed = status.changed() => if changed.is_err() { break },
                Some(outcome) = outcomes.recv() => {
                    if outcome.run == score.run() && running.is_some() {
                        score.observe(&outcome.check, outcome.outcome, outcome.output, self.now());
                    }
                }
                () = sleep_until(self.epoch, calm) => score.settle(self.now()),
                () = tokio::time::sleep(RETRY), if retry => {}
            }
        }
        drop(running);
        if let Some(publisher) = &mut self.publisher
            && let Err(error) = publisher.leave().await
        {
            tracing::warn!(service = %self.name, %error, "cannot take the service out of the registry");
        }
    }

    fn start_checks(&self, results: &mpsc::Sender<CheckOutcome>, run: u64) -> Option<Watch> {
        if self.service.checks.is_empty() {
            return None;
        }
        let (supervisor, name) = (Arc::downgrade(&self.supervisor), self.name.clone());
        Some(self.checks.watch(Checked {
            service: self.name.clone(),
            run,
            checks: self.service.checks.clone(),
            results: results.clone(),
            prepare: Arc::new(move |argv| {
                let supervisor = supervisor.upgrade().ok_or("the supervisor is ending")?;
                supervisor.command(name.as_str(), argv)
            }),
        }))
    }

    /// Heartbeats come in over the HTTP API, under the ids the checks have there.
    fn take_reports(&self, watch: Option<&Watch>) {
        let (Some(watch), Some(registry)) = (watch, &self.registry) else {
            return;
        };
        for (index, check) in self.service.checks.iter().enumerate() {
            if let Some(heartbeat) = watch.heartbeat(&check.name).cloned() {
                registry.take_reports(&check_id(&self.name, &self.service, index), move |update| {
                    let outcome = match update.status {
                        Word::Passing => Outcome::Success,
                        Word::Warning | Word::Critical => Outcome::Failure,
                    };
                    if let Err(error) = heartbeat.beat(outcome, update.output) {
                        tracing::debug!(%error, "a heartbeat was passed over");
                    }
                });
            }
        }
    }

    async fn tell_supervisor(&self, status: &Status, score: &Score) {
        let health = Arc::new(score.shown());
        let before = self.standing(status);
        self.shown.send_if_modified(|shown| {
            let changed = **shown != *health;
            if changed {
                *shown = Arc::clone(&health);
            }
            changed
        });
        let after = self.standing(status);
        if before != after && !self.service.checks.is_empty() {
            let run = score.run();
            tracing::info!(service = %self.name, health = %after, was = %before, "health changed");
            self.supervisor.health(&self.name, run, after).await;
        }
    }

    fn standing(&self, status: &Status) -> Standing {
        self.shown.borrow().verdict(status.state).state
    }

    /// Whether it has to be tried again.
    async fn tell_registry(&mut self, status: &Status, again: bool) -> bool {
        let Some(publisher) = &mut self.publisher else {
            return false;
        };
        let health = self.shown.borrow().clone();
        match publisher.tell(status, &health).await {
            Ok(()) => false,
            Err(error) => {
                if !again {
                    tracing::warn!(service = %self.name, %error, "cannot tell the registry; trying again");
                }
                true
            }
        }
    }

    fn now(&self) -> Moment {
        Moment::after_epoch(self.epoch.elapsed())
    }
}

async fn sleep_until(epoch: Instant, moment: Option<Moment>) {
    match moment {
        Some(moment) => tokio::time::sleep_until((epoch + moment.since_epoch()).into()).await,
        None => std::future::pending().await,
    }
}
