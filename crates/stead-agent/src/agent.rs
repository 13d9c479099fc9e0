//! Puts supervisor, checks and registry together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use stead_api::control::{self, Service as Shown};
use stead_model::definition::{Definition, Service, Start};
use stead_model::lifecycle::{Asker, Record, State};
use stead_model::name::ServiceName;
use stead_os::process::{Exit, Launcher};
use stead_registry::{Local, RegistryError};
use stead_supervisor::{Status, Supervisor};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::checks::Checks;
use crate::follower::Follower;
use crate::health::ServiceHealth;
use crate::publish::{self, Publisher};

/// What an agent consists of.
pub struct AgentOptions {
    /// Keeps the services running.
    pub supervisor: Supervisor,
    /// Starts the programs of exec checks.
    pub launcher: Launcher,
    /// The machine's part of the registry; without one nothing is published.
    pub registry: Option<Local>,
}

/// The services of one machine.
pub struct Agent {
    supervisor: Arc<Supervisor>,
    health: BTreeMap<ServiceName, watch::Receiver<Arc<ServiceHealth>>>,
    followers: TaskTracker,
    checks: Checks,
    ending: CancellationToken,
    /// Of services that nobody follows: while these live, waiting for their health is no error.
    _unfollowed: Vec<watch::Sender<Arc<ServiceHealth>>>,
}

impl Agent {
    /// Begins to follow the services of a definition; none is started yet. What an earlier agent
    /// published and this one does not is taken out of the registry.
    pub async fn start(
        definition: &Definition,
        options: AgentOptions,
    ) -> Result<Self, RegistryError> {
        let AgentOptions {
            supervisor,
            launcher,
            registry,
        } = options;
        if let Some(local) = &registry {
            publish::forget_strangers(local, |id| {
                definition
                    .services
                    .iter()
                    .any(|(name, service)| name.as_str() == id && service.publish.is_some())
            })
            .await?;
        }
        let supervisor = Arc::new(supervisor);
        let checks = Checks::new(launcher);
        let (followers, ending) = (TaskTracker::new(), CancellationToken::new());
        let epoch = Instant::now();
        let (mut health, mut unfollowed) = (BTreeMap::new(), Vec::new());
        let names: Vec<_> = supervisor.names().cloned().collect();
        for name in names {
            let Some(service) = supervisor.service(name.as_str()).cloned() else {
                continue;
            };
            let (shown, seen) = watch::channel(Arc::new(ServiceHealth {
                run: 0,
                checks: Vec::new(),
            }));
            health.insert(name.clone(), seen);
            let publisher = registry
                .as_ref()
                .and_then(|local| Publisher::new(local, &name, &service));
            if publisher.is_none() && service.checks.is_empty() {
                unfollowed.push(shown);
                continue;
            }
            let follower = Follower {
                name,
                service,
                supervisor: Arc::clone(&supervisor),
                checks: checks.clone(),
                registry: registry.clone(),
                publisher,
                shown,
                epoch,
            };
            followers.spawn(follower.run(ending.clone()));
        }
        followers.close();
        Ok(Self {
            supervisor,
            health,
            followers,
            checks,
            ending,
            _unfollowed: unfollowed,
        })
    }

    /// The supervisor.
    pub fn supervisor(&self) -> &Arc<Supervisor> {
        &self.supervisor
    }

    /// Wishes that every service with `start = "automatic"` or `"delayed"` runs.
    pub async fn start_automatic(&self, by: &Asker) {
        let automatic =
            |service: &Service| matches!(service.start, Start::Automatic | Start::Delayed);
        let names: Vec<_> = self
            .supervisor
            .names()
            .filter(|name| {
                self.supervisor
                    .service(name.as_str())
                    .is_some_and(|service| automatic(service))
            })
            .cloned()
            .collect();
        self.supervisor.wish_start(names, by).await;
    }

    /// Stops every service in order and takes each out of the registry.
    pub async fn stop(&self, by: &Asker) {
        self.supervisor.stop_all(by).await;
        self.ending.cancel();
        self.followers.wait().await;
        self.checks.shutdown().await;
    }

    /// Follows the health of a service's checks.
    pub fn health(&self, name: &str) -> Option<watch::Receiver<Arc<ServiceHealth>>> {
        self.health.get(name).cloned()
    }

    /// A service as people see it; `None`: there is none of that name.
    pub fn shown(&self, name: &str) -> Option<Shown> {
        let status = self.supervisor.status(name)?;
        let health = self.health.get(name)?.borrow().clone();
        Some(show(&status, &health))
    }

    /// All services as people see them.
    pub fn all_shown(&self) -> Vec<Shown> {
        self.supervisor
            .names()
            .filter_map(|name| self.shown(name.as_str()))
            .collect()
    }

    /// A service's newest transitions.
    pub async fn history(&self, name: &ServiceName) -> Vec<control::Transition> {
        let records = self.supervisor.history(name).await;
        records.into_iter().map(transition).collect()
    }
}

fn show(status: &Status, health: &ServiceHealth) -> Shown {
    let checked = health.run == status.run && status.is_up();
    let nothing = ServiceHealth {
        run: status.run,
        checks: Vec::new(),
    };
    let verdict = if checked { health } else { &nothing }.verdict(status.state);
    let unchecked = !checked && !health.checks.is_empty();
    let checks = health
        .checks
        .iter()
        .filter(|_| checked)
        .map(|check| control::Check {
            name: check.name.clone(),
            health: capitalised(check.verdict.state),
            output: check.output.clone(),
        })
        .collect();
    let waits = status
        .waits_for
        .as_ref()
        .map(|name| format!("waits for {name}"));
    Shown {
        name: status.name.to_string(),
        state: status.state.word().to_owned(),
        phase: status.state.phase().map(|phase| phase.word().to_owned()),
        health: status.state.is_running().then(|| {
            if unchecked {
                "Unknown".to_owned()
            } else {
                capitalised(verdict.state)
            }
        }),
        flapping: verdict.flapping,
        pid: status.pid,
        restarts: status.restarts,
        since: status.since.to_string(),
        exit: status.exit.map(exit_words),
        status: status.text.clone(),
        detail: waits.or_else(|| status.detail.clone()),
        not_enforced: status
            .not_enforced
            .iter()
            .map(|missing| format!("{} is not enforced: {}", missing.limit, missing.reason))
            .collect(),
        checks,
        history: Vec::new(),
    }
}

fn capitalised(standing: stead_model::health::Standing) -> String {
    use stead_model::health::Standing;
    match standing {
        Standing::Unknown => "Unknown",
        Standing::Healthy => "Healthy",
        Standing::Unhealthy => "Unhealthy",
    }
    .to_owned()
}

fn exit_words(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
    }
}

fn transition(record: Record) -> control::Transition {
    let words = |state: State| match state.phase() {
        Some(phase) => format!("{state}/{phase}"),
        None => state.to_string(),
    };
    control::Transition {
        at: record.at.to_string(),
        from: words(record.from),
        to: words(record.to),
        cause: record.cause,
        by: record.by.to_string(),
    }
}
