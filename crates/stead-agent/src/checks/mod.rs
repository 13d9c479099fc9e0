//! Runs the checks of services and reports what they say.
//!
//! [`Checks::watch`] starts the checks of one run of a service, dropping the [`Watch`] stops them. What
//! a result means is decided elsewhere (`stead_model::health`): here a try succeeds or fails.
//!
//! Each check is a small task that sleeps between its tries. The first try comes within
//! [`FIRST_WITHIN`] of the start, at a moment of its own, so that the checks of many services do not run
//! at once. From then on `interval` is from the start of one try to the start of the next; a try that
//! takes longer is followed by the next at once, never joined by it.

mod exec;
mod grpc;
mod heartbeat;
mod http;
mod output;
mod tcp;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stead_model::ServiceName;
use stead_model::definition::{Argv, Check, CheckKind};
use stead_model::health::Outcome;
use stead_model::name::CheckName;
use stead_os::process::{Command, Launcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use heartbeat::{BeatError, Heartbeat};

/// The longest time to a check's first try; a quarter of its interval if that is shorter.
pub const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// One result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOutcome {
    /// Whose check.
    pub service: ServiceName,
    /// The run of the service, as given to [`Checks::watch`]: a result can still be on its way when
    /// the next run has begun.
    pub run: u64,
    /// Which check.
    pub check: CheckName,
    /// When the try ended.
    pub at: Timestamp,
    /// Whether it worked.
    pub outcome: Outcome,
    /// What it said, for people: at most `stead_model::health::OUTPUT_MAX` bytes.
    pub output: String,
}

/// Makes the program of an exec check ready to start: looks it up, and gives it the service's folder,
/// environment and account. Its outputs are made pipes here.
pub type Prepare = Arc<dyn Fn(&Argv) -> Result<Command, String> + Send + Sync>;

/// What one run of a service has to be checked with.
#[derive(Clone)]
pub struct Checked {
    /// The service.
    pub service: ServiceName,
    /// Its run.
    pub run: u64,
    /// Its checks.
    pub checks: Vec<Check>,
    /// What makes commands of exec checks.
    pub prepare: Prepare,
    /// Where results go; a reader that falls behind slows the checks of this run down.
    pub results: mpsc::Sender<CheckOutcome>,
}

/// Runs checks. Cheap to clone.
#[derive(Clone)]
pub struct Checks(Arc<Shared>);

struct Shared {
    launcher: Launcher,
    http: http::Clients,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The checks of one run of a service, under way until this is dropped.
#[derive(Debug)]
pub struct Watch {
    heartbeats: BTreeMap<CheckName, Heartbeat>,
    _stop: DropGuard,
}

/// What a try found.
struct Tried {
    outcome: Outcome,
    output: String,
}

impl Checks {
    /// Prepares to run checks.
    pub fn new(launcher: Launcher) -> Self {
        Self(Arc::new(Shared {
            launcher,
            http: http::Clients::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }))
    }

    /// Starts the checks. Must be called within a tokio runtime.
    pub fn watch(&self, checked: Checked) -> Watch {
        let stop = self.0.stop.child_token();
        let mut heartbeats = BTreeMap::new();
        for check in checked.checks {
            let reporter = Reporter {
                service: checked.service.clone(),
                run: checked.run,
                check: check.name.clone(),
                results: checked.results.clone(),
            };
            if let CheckKind::Heartbeat(within) = check.kind {
                let (heartbeat, beats) = heartbeat::channel();
                heartbeats.insert(check.name, heartbeat);
                let listen = heartbeat::listen(beats, within, reporter);
                self.spawn(&stop, listen);
            } else {
                let prepare = Arc::clone(&checked.prepare);
                let repeat = repeat(Arc::clone(&self.0), check, prepare, reporter);
                self.spawn(&stop, repeat);
            }
        }
        Watch {
            heartbeats,
            _stop: stop.drop_guard(),
        }
    }

    /// Stops every check and waits until their tasks have ended.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn spawn(&self, stop: &CancellationToken, check: impl Future<Output = ()> + Send + 'static) {
        let stop = stop.clone();
        // Boxed, or the task would be the size of every future it passes the check through.
        let check = Box::pin(check);
        self.0.tasks.spawn(async move {
            // Dropping a try under way closes its connection or kills its program.
            stop.run_until_cancelled_owned(check).await;
        });
    }
}

impl Watch {
    /// The handle through which the program reports itself, for a check of the kind heartbeat.
    pub fn heartbeat(&self, check: &CheckName) -> Option<&Heartbeat> {
        self.heartbeats.get(check)
    }
}

/// Sends results under the check's name.
struct Reporter {
    service: ServiceName,
    run: u64,
    check: CheckName,
    results: mpsc::Sender<CheckOutcome>,
}

impl Reporter {
    async fn report(&self, tried: Tried) {
        let outcome = CheckOutcome {
            service: self.service.clone(),
            run: self.run,
            check: self.check.clone(),
            at: Timestamp::now(),
            outcome: tried.outcome,
            output: tried.output,
        };
        // Nobody reads any more: the agent is on its way out, and stops the checks too.
        let _ = self.results.send(outcome).await;
    }

    /// When the first try is: the same share of the span for the same check, and no other's.
    fn first(&self, interval: Duration) -> Duration {
        let mut hasher = DefaultHasher::new();
        (&self.service, &self.check).hash(&mut hasher);
        let share = u32::try_from(hasher.finish() % 1024).unwrap_or(0);
        (interval / 4).min(FIRST_WITHIN) * share / 1024
    }
}

async fn repeat(shared: Arc<Shared>, check: Check, prepare: Prepare, reporter: Reporter) {
    let interval = check.interval.get().max(Duration::from_millis(1));
    let mut ticks = tokio::time::interval_at(Instant::now() + reporter.first(interval), interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Boxed: the memory of a try is needed only while there is one.
        let tried = Box::pin(attempt(&shared, &check, &prepare));
        let tried = tokio::time::timeout(check.timeout.get(), tried).await;
        let tried = tried.unwrap_or_else(|_| {
            Tried::failed(format!(
                "{}: no result within {}",
                subject(&check.kind),
                check.timeout
            ))
        });
        reporter.report(tried).await;
    }
}

async fn attempt(shared: &Shared, check: &Check, prepare: &Prepare) -> Tried {
    match &check.kind {
        CheckKind::Http(url) => http::get(&shared.http, url).await,
        CheckKind::Tcp(address) => tcp::connect(address).await,
        CheckKind::Grpc(target) => grpc::check(target).await,
        CheckKind::Exec(argv) => exec::run(&shared.launcher, prepare, argv).await,
        // It has a task of its own kind.
        CheckKind::Heartbeat(_) => std::future::pending().await,
    }
}

/// What is tried, as an output begins.
fn subject(kind: &CheckKind) -> String {
    match kind {
        CheckKind::Http(url) => format!("HTTP GET {url}"),
        CheckKind::Tcp(address) => format!("TCP connect {address}"),
        CheckKind::Grpc(target) => format!("gRPC health {target}"),
        CheckKind::Exec(argv) => format!("exec {}", argv.program()),
        CheckKind::Heartbeat(within) => format!("heartbeat within {within}"),
    }
}

impl Tried {
    fn worked(output: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Success,
            output: output::cut(output.into()),
        }
    }

    fn failed(output: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Failure,
            output: output::cut(output.into()),
        }
    }
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}
