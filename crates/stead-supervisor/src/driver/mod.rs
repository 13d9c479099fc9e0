//! Runs a stack: the thin shell around the machines, with one task that owns them all.

mod engine;
#[cfg(unix)]
mod notify;
mod run;
mod timers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use stead_model::definition::{Argv, Definition, Logs, Service};
use stead_model::health::Standing;
use stead_model::lifecycle::{Asker, Phase, Record, State};
use stead_model::name::ServiceName;
use stead_os::process::{Command, Exit, Launcher, LimitNotEnforced, Stdin};
use tokio::sync::{Mutex, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use self::engine::{Engine, Request, Ward};
use self::run::Runner;
use crate::environment::Environment;
use crate::logs::{Collector, LogError, LogFiles, LogOptions, ServiceLog};
use crate::machine::{Clock, Machine};
use crate::stack::Order;

/// Requests that wait for the supervisor's task.
pub const REQUESTS_MAX: usize = 256;
/// Reports of runs that wait for the supervisor's task.
pub const REPORTS_MAX: usize = 1024;
/// Transitions kept for a listener that is slow.
pub const CHANGES_MAX: usize = 1024;

/// Where and how a supervisor runs its services.
#[derive(Clone)]
pub struct Options {
    /// Starts the programs.
    pub launcher: Launcher,
    /// The folder the definition's paths are relative to.
    pub base: PathBuf,
    /// Where output goes.
    pub output: OutputTo,
    /// What programs read.
    pub stdin: Stdin,
    /// A folder for notify sockets; made when it is needed.
    pub runtime: PathBuf,
    /// What every program finds in its environment, before what its definition adds.
    pub environment: Environment,
    /// What single programs find beyond that; it goes before the definition.
    pub own_environment: BTreeMap<ServiceName, Environment>,
}

/// Where the output of programs goes.
#[derive(Clone)]
pub enum OutputTo {
    /// To the caller's own stdout and stderr, untouched.
    Caller,
    /// Into rotating files in a folder.
    Files {
        /// Captures it.
        collector: Collector,
        /// The folder.
        folder: PathBuf,
        /// To the caller's stdout and stderr too.
        pass_through: bool,
    },
}

/// A service as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Its name.
    pub name: ServiceName,
    /// The lifecycle state.
    pub state: State,
    /// When it was entered.
    pub since: Timestamp,
    /// The main process, while it lives.
    pub pid: Option<u32>,
    /// Counts its runs, from 1; 0: never started.
    pub run: u64,
    /// Automatic restarts since somebody last asked for a start.
    pub restarts: u64,
    /// How the last run ended.
    pub exit: Option<Exit>,
    /// What the program says about itself.
    pub text: Option<String>,
    /// What stands in the way, or what comes next.
    pub detail: Option<String>,
    /// A wished start is held back until this one is ready.
    pub waits_for: Option<ServiceName>,
    /// Something of it exists or is about to.
    pub alive: bool,
    /// An automatic start comes when its delay is over.
    pub restart_due: bool,
    /// A wished stop is held back until its dependents have ended.
    pub stop_is_due: bool,
    /// Limits asked for and not in force.
    pub not_enforced: Vec<LimitNotEnforced>,
}

impl Status {
    /// Whether its main process lives and is wanted: the time for checks.
    pub fn is_up(&self) -> bool {
        self.state.is_running() && self.pid.is_some()
    }
}

/// A transition of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub name: ServiceName,
    /// What changed.
    pub record: Record,
}

/// Why something asked of a service did not come about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// The definition has no such service.
    #[error("no service {0}")]
    NoService(String),
    /// It failed.
    #[error("{0}")]
    Failed(String),
    /// One it depends on failed.
    #[error("{dependency}, which it depends on, is in ERROR{}", .why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Dependency {
        /// The dependency.
        dependency: ServiceName,
        /// What stands in its way.
        why: Option<String>,
    },
    /// Somebody stopped it meanwhile.
    #[error("it was stopped meanwhile")]
    Stopped,
    /// Somebody started it meanwhile.
    #[error("it was started meanwhile")]
    Started,
    /// It is not running.
    #[error("it is not running")]
    NotRunning,
    /// Its definition has no `[reload]`.
    #[error("its definition does not say how to reload it")]
    NoReload,
    /// The definition says `start = "disabled"`.
    #[error("its definition says start = \"disabled\"")]
    Disabled,
    /// The supervisor is ending.
    #[error("the supervisor is ending")]
    Ending,
}

/// Keeps the services of a definition running. Dropping it stops them all, in order.
pub struct Supervisor {
    requests: mpsc::Sender<Request>,
    services: BTreeMap<ServiceName, Seat>,
    changes: broadcast::Sender<Arc<Change>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Seat {
    service: Arc<Service>,
    runner: Arc<Runner>,
    status: watch::Receiver<Arc<Status>>,
    log: Option<ServiceLog>,
}

impl Supervisor {
    /// Takes charge of a definition's services; none is started yet. Log files are opened now: a
    /// folder that cannot be written is an error here.
    pub fn new(definition: &Definition, options: Options) -> Result<Self, LogError> {
        let timers = timers::Timers::new(Instant::now());
        let (request, requests) = mpsc::channel(REQUESTS_MAX);
        let (report, reports) = mpsc::channel(REPORTS_MAX);
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let environment = Arc::new(options.environment);
        let mut wards = Vec::with_capacity(definition.services.len());
        let mut slots = BTreeMap::new();
        let mut services = BTreeMap::new();
        for (name, service) in &definition.services {
            let service = Arc::new(service.clone());
            let log = open_log(&options.output, name, &service.logs)?;
            let mut own_environment = options
                .own_environment
                .get(name)
                .cloned()
                .unwrap_or_default();
            own_environment.insert("STEAD_SERVICE".into(), name.as_str().into());
            let runner = Runner {
                name: name.clone(),
                service: Arc::clone(&service),
                base: options.base.clone(),
                environment: Arc::clone(&environment),
                own_environment,
                launcher: options.launcher.clone(),
                log: log.clone(),
                stdin: options.stdin,
                #[cfg(unix)]
                runtime: options.runtime.clone(),
            };
            let machine = Machine::new(
                Arc::clone(&service),
                Clock {
                    mono: timers.now(),
                    wall: Timestamp::now(),
                },
            );
            let (shown, status) = watch::channel(Arc::new(engine::status(name, &machine)));
            slots.insert(name.clone(), wards.len());
            let runner = Arc::new(runner);
            services.insert(
                name.clone(),
                Seat {
                    service,
                    runner: Arc::clone(&runner),
                    status,
                    log,
                },
            );
            wards.push(Ward::new(machine, runner, shown));
        }
        let engine = Engine {
            wards,
            slots,
            order: Order::new(definition),
            timers,
            tasks: TaskTracker::new(),
            requests,
            reports,
            report,
            changes: changes.clone(),
            ending: false,
        };
        let task = tokio::spawn(engine.run());
        Ok(Self {
            requests: request,
            services,
            changes,
            task: Mutex::new(Some(task)),
        })
    }

    /// The services, by name.
    pub fn names(&self) -> impl Iterator<Item = &ServiceName> {
        self.services.keys()
    }

    /// A service's definition.
    pub fn service(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.get(name).map(|seat| &seat.service)
    }

    /// A service as it stands.
    pub fn status(&self, name: &str) -> Option<Arc<Status>> {
        self.services
            .get(name)
            .map(|seat| Arc::clone(&seat.status.borrow()))
    }

    /// Follows a service's status.
    pub fn watch(&self, name: &str) -> Option<watch::Receiver<Arc<Status>>> {
        self.services.get(name).map(|seat| seat.status.clone())
    }

    /// A service's captured output, where it goes to files.
    pub fn log(&self, name: &str) -> Option<&ServiceLog> {
        self.services.get(name)?.log.as_ref()
    }

    /// A further command of a service, such as an exec check's, with the service's folder,
    /// environment and account. The text of the error is for people.
    pub fn command(&self, name: &str, argv: &Argv) -> Result<Command, String> {
        let seat = self
            .services
            .get(name)
            .ok_or_else(|| format!("no service {name}"))?;
        let environment = seat
            .runner
            .environment()
            .map_err(|error| run::chain(&error))?;
        seat.runner
            .command(argv, environment)
            .map_err(|error| run::chain(&error))
    }

    /// Every transition from now on. A listener that falls behind by more than [`CHANGES_MAX`]
    /// misses some and is told.
    pub fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.subscribe()
    }

    /// A service's newest transitions, oldest first.
    pub async fn history(&self, name: &ServiceName) -> Vec<Record> {
        let (answer, history) = oneshot::channel();
        if self
            .requests
            .send(Request::History(name.clone(), answer))
            .await
            .is_err()
        {
            return Vec::new();
        }
        history.await.unwrap_or_default()
    }

    /// Tells what the checks of a service say in its run number `run`.
    pub async fn health(&self, name: &ServiceName, run: u64, standing: Standing) {
        let _ = self
            .requests
            .send(Request::Health {
                name: name.clone(),
                run,
                standing,
            })
            .await;
    }

    /// Wishes that services run, in the order their dependencies ask for, and does not wait.
    pub async fn wish_start(&self, names: impl IntoIterator<Item = ServiceName>, by: &Asker) {
        for name in names {
            let _ = self.requests.send(Request::Start(name, by.clone())).await;
        }
    }

    /// Starts a service and what it depends on; answers when it is ready or has failed.
    pub async fn start(&self, name: &ServiceName, by: &Asker) -> Result<(), ControlError> {
        let seat = self.seat(name)?;
        if seat.service.start == stead_model::definition::Start::Disabled {
            return Err(ControlError::Disabled);
        }
        self.ask(Request::Start(name.clone(), by.clone())).await?;
        self.until_ready(seat, 0).await
    }

    /// Stops what depends on a service, then the service; answers when nothing of it is left.
    pub async fn stop(&self, name: &ServiceName, by: &Asker) -> Result<(), ControlError> {
        let seat = self.seat(name)?;
        self.ask(Request::Stop(name.clone(), by.clone())).await?;
        // Running again without a stop to come, somebody else's start has come in between.
        let over = |status: &Arc<Status>| {
            !status.stop_is_due && (!status.alive || status.state.is_running())
        };
        let mut watch = seat.status.clone();
        let status = watch
            .wait_for(over)
            .await
            .map_err(|_| ControlError::Ending)?;
        if status.alive {
            return Err(ControlError::Started);
        }
        Ok(())
    }

    /// Stops a service alone and starts it; one that does not run is started, with what it depends
    /// on. Answers when it is ready or has failed.
    pub async fn restart(&self, name: &ServiceName, by: &Asker) -> Result<(), ControlError> {
        let seat = self.seat(name)?;
        let before = seat.status.borrow().clone();
        if !before.state.is_running() {
            return self.start(name, by).await;
        }
        self.ask(Request::Restart(name.clone(), by.clone())).await?;
        self.until_ready(seat, before.run + 1).await
    }

    /// Tells a service to read its configuration again; answers when it has.
    pub async fn reload(&self, name: &ServiceName, by: &Asker) -> Result<(), ControlError> {
        let seat = self.seat(name)?;
        if seat.service.reload.is_none() {
            return Err(ControlError::NoReload);
        }
        if !seat.status.borrow().state.is_ready() {
            return Err(ControlError::NotRunning);
        }
        self.ask(Request::Reload(name.clone(), by.clone())).await?;
        let done = |status: &Arc<Status>| status.state != State::Running(Phase::Reloading);
        let mut watch = seat.status.clone();
        let status = watch
            .wait_for(done)
            .await
            .map_err(|_| ControlError::Ending)?;
        match (&status.state, &status.detail) {
            (State::Running(_), None) => Ok(()),
            (_, detail) => Err(ControlError::Failed(
                detail.clone().unwrap_or_else(|| "it ended".to_owned()),
            )),
        }
    }

    /// Stops all services in order; answers when nothing of them is left.
    pub async fn stop_all(&self, by: &Asker) {
        let _ = self.requests.send(Request::StopAll(by.clone())).await;
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the supervisor's task failed");
        }
    }

    fn seat(&self, name: &ServiceName) -> Result<&Seat, ControlError> {
        self.services
            .get(name)
            .ok_or_else(|| ControlError::NoService(name.to_string()))
    }

    /// Sends a request and waits until the task has taken it.
    async fn ask(&self, request: Request) -> Result<(), ControlError> {
        let (answer, taken) = oneshot::channel();
        for request in [request, Request::Taken(answer)] {
            self.requests
                .send(request)
                .await
                .map_err(|_| ControlError::Ending)?;
        }
        taken.await.map_err(|_| ControlError::Ending)
    }

    async fn until_ready(&self, seat: &Seat, run: u64) -> Result<(), ControlError> {
        let mut watch = seat.status.clone();
        loop {
            let status = watch.borrow_and_update().clone();
            match status.state {
                State::Running(phase) if phase != Phase::Starting && status.run >= run => {
                    return Ok(());
                }
                // While it waits for its turn, an ERROR is that of an earlier run.
                State::Error if status.waits_for.is_none() => {
                    return Err(ControlError::Failed(why(&status)));
                }
                State::Terminated if status.waits_for.is_none() => {
                    let code = status.exit.filter(|_| status.run > 0);
                    return match code {
                        Some(Exit::Code(code)) if seat.service.success_exit.contains(&code) => {
                            Ok(())
                        }
                        _ => Err(ControlError::Stopped),
                    };
                }
                _ => {}
            }
            match self.blocker(&status) {
                Blocked::ByError(error) => return Err(error),
                Blocked::By(mut dependency) => tokio::select! {
                    changed = watch.changed() => changed.map_err(|_| ControlError::Ending)?,
                    changed = dependency.changed() => changed.map_err(|_| ControlError::Ending)?,
                },
                Blocked::No => watch.changed().await.map_err(|_| ControlError::Ending)?,
            }
        }
    }

    /// Follows `waits_for` to the dependency that is at work, or has failed.
    fn blocker(&self, status: &Status) -> Blocked {
        let mut next = status.waits_for.clone();
        let mut seen = BTreeSet::new();
        let mut blocked = Blocked::No;
        while let Some(name) = next.take().filter(|name| seen.insert(name.clone())) {
            let Some(seat) = self.services.get(&name) else {
                break;
            };
            let mut watch = seat.status.clone();
            let status = watch.borrow_and_update().clone();
            if status.state == State::Error && status.waits_for.is_none() {
                let why = status.detail.clone();
                return Blocked::ByError(ControlError::Dependency {
                    dependency: name,
                    why,
                });
            }
            next.clone_from(&status.waits_for);
            blocked = Blocked::By(watch);
        }
        blocked
    }
}

enum Blocked {
    No,
    By(watch::Receiver<Arc<Status>>),
    ByError(ControlError),
}

fn why(status: &Status) -> String {
    match (&status.detail, status.exit) {
        (Some(detail), _) => detail.clone(),
        (None, Some(exit)) => crate::machine::describe(exit),
        (None, None) => "it failed".to_owned(),
    }
}

fn open_log(
    to: &OutputTo,
    name: &ServiceName,
    logs: &Logs,
) -> Result<Option<ServiceLog>, LogError> {
    let OutputTo::Files {
        collector,
        folder,
        pass_through,
    } = to
    else {
        return Ok(None);
    };
    let files = LogFiles {
        dir: folder.clone(),
        max_size: logs.max_size.bytes(),
        max_age: (!logs.max_age.is_zero()).then(|| logs.max_age.get()),
        keep: logs.keep as usize,
        compress: logs.compress,
    };
    collector
        .open(LogOptions {
            service: name.to_string(),
            files: Some(files),
            pass_through: *pass_through,
        })
        .map(Some)
}
