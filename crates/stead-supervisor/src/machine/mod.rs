//! One service as a pure machine: it is told what happened and answers with what to do.
//!
//! Two things run side by side. The *lifecycle state* is what the world sees (spec: INIT,
//! RUNNING, STOPPING, ERROR, TERMINATED) and moves only through [`stead_model::lifecycle::step`].
//! The *work* is what physically exists: hooks, a process, leftovers of its tree. A service can
//! be in ERROR while its old process is still being ended, or RUNNING (starting) while it waits
//! for the old one to be gone; nothing is spawned until the work is idle.

mod ending;
mod starting;
#[cfg(test)]
mod tests;

pub use ending::describe;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use stead_model::Moment;
use stead_model::definition::Service;
use stead_model::health::Standing;
use stead_model::lifecycle::{self, Asker, Ending, History, Phase, Record, State, Transition};
use stead_model::restart::Starts;
use stead_os::process::Exit;

/// What can happen to a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it to run.
    Start(Asker),
    /// Somebody wants it to end.
    Stop(Asker),
    /// RESTART in ERROR; STOP, wait, START elsewhere.
    Restart(Asker),
    /// Somebody wants it to read its configuration again.
    Reload(Asker),
    /// All commands of a hook have ended, or one failed.
    HooksEnded(Hook, Result<(), String>),
    /// The main process exists.
    Spawned(u32),
    /// It could not be started.
    SpawnFailed(String),
    /// The main process ended.
    Exited(Exit),
    /// No process of the tree is left.
    Emptied,
    /// The program said something on its notify socket.
    Notified(Notification),
    /// The verdict of its checks changed.
    Health(Standing),
    /// A timer is due.
    Due(Timer),
}

/// What a program says on its notify socket (`sd_notify(3)`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// `READY=1`.
    Ready,
    /// `RELOADING=1`.
    Reloading,
    /// `STOPPING=1`.
    Stopping,
    /// `STATUS=…`.
    Status(String),
    /// `EXTEND_TIMEOUT_USEC=…`: the next message comes within this time.
    ExtendTimeout(Duration),
    /// `WATCHDOG=1`.
    WatchdogPing,
    /// `WATCHDOG=trigger`.
    WatchdogTrigger,
    /// `WATCHDOG_USEC=…`; zero turns the watchdog off.
    WatchdogInterval(Duration),
}

/// Timers of a service; each exists once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// It had to be ready by now.
    Ready,
    /// The grace of a stop is over.
    Grace,
    /// The next automatic start.
    Restart,
    /// The program's watchdog.
    Watchdog,
    /// A reload had to be confirmed by now.
    Reload,
}

/// Places where a definition runs commands of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// Before the program; a failure is a failed start.
    BeforeStart,
    /// When it is ready; a failure is a failed start.
    AfterStart,
    /// Before it is asked to stop.
    BeforeStop,
    /// After its last process ended, however that came.
    AfterStop,
    /// `reload.command`.
    Reload,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Run the commands of a hook, one after another, then say [`Event::HooksEnded`].
    RunHooks(Hook),
    /// End the hook that is running; its `HooksEnded` is not to come.
    CancelHooks,
    /// Start the program.
    Spawn,
    /// Send the definition's stop signal to the tree.
    Ask,
    /// Send the definition's reload signal to the main process.
    SignalReload,
    /// End the whole tree at once.
    KillTree,
    /// Say [`Event::Due`] at this time; an earlier one of that timer is void.
    Arm(Timer, Moment),
    /// The timer is not wanted any more.
    Disarm(Timer),
    /// The state changed.
    Changed(Record),
    /// An event had no effect, and why.
    Ignored(String),
}

/// What physically exists of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Nothing.
    Idle,
    /// Hooks before the start.
    BeforeStart,
    /// The spawn is under way.
    Spawning,
    /// The main process lives.
    Up,
    /// It lives and is ready; the hooks after the start run.
    AfterStart,
    /// It lives; the hooks before the stop run.
    BeforeStop,
    /// It was asked to stop.
    Asked,
    /// The main process ended; others of its tree live and have the rest of the grace.
    Leftover,
    /// The tree was killed and is not empty yet.
    Killed,
    /// Hooks after the stop.
    AfterStop,
}

/// A service and where it stands.
#[derive(Debug)]
pub struct Machine {
    service: Arc<Service>,
    state: State,
    since: Timestamp,
    work: Work,
    pid: Option<u32>,
    /// Start anew as soon as the work is idle.
    next: bool,
    /// A stop that came while the spawn was under way.
    stop_when_spawned: bool,
    /// The hook that runs beside the program: `reload.command`.
    beside: Option<Hook>,
    watchdog: Option<Duration>,
    /// What its checks last said of this run.
    health: Standing,
    /// An automatic start is due when its delay is over.
    restart_due: bool,
    starts: Starts,
    runs: u64,
    restarts: u64,
    exit: Option<Exit>,
    /// How the last run ended that nobody stopped.
    ended: Option<Ending>,
    status: Option<String>,
    detail: Option<String>,
    history: History,
}

impl Machine {
    /// A service that was never started.
    pub fn new(service: Arc<Service>, now: Clock) -> Self {
        Self {
            service,
            state: State::Init,
            since: now.wall,
            work: Work::Idle,
            pid: None,
            next: false,
            stop_when_spawned: false,
            beside: None,
            watchdog: None,
            health: Standing::Unknown,
            restart_due: false,
            starts: Starts::default(),
            runs: 0,
            restarts: 0,
            exit: None,
            ended: None,
            status: None,
            detail: None,
            history: History::default(),
        }
    }
}

/// The time, both ways: for timers and for people.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Monotonic.
    pub mono: Moment,
    /// Wall clock.
    pub wall: Timestamp,
}

impl Machine {
    /// Takes an event and answers with what to do, in order.
    pub fn on(&mut self, event: Event, now: Clock) -> Vec<Action> {
        let mut todo = Vec::new();
        match event {
            Event::Start(by) => self.start(by, now, &mut todo),
            Event::Stop(by) => self.stop(by, now, &mut todo),
            Event::Restart(by) => self.restart(by, now, &mut todo),
            Event::Reload(by) => self.reload(by, now, &mut todo),
            Event::HooksEnded(hook, result) => self.hooks_ended(hook, result, now, &mut todo),
            Event::Spawned(pid) => self.spawned(pid, now, &mut todo),
            Event::SpawnFailed(reason) => self.spawn_failed(&reason, now, &mut todo),
            Event::Exited(exit) => self.exited(exit, now, &mut todo),
            Event::Emptied => self.emptied(now, &mut todo),
            Event::Notified(said) => self.notified(said, now, &mut todo),
            Event::Health(standing) => self.health(standing, now, &mut todo),
            Event::Due(timer) => self.due(timer, now, &mut todo),
        }
        todo
    }

    /// The definition it follows.
    pub fn service(&self) -> &Arc<Service> {
        &self.service
    }

    /// The lifecycle state.
    pub fn state(&self) -> State {
        self.state
    }

    /// When the state was entered.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// What physically exists.
    pub fn work(&self) -> Work {
        self.work
    }

    /// The main process of the present run, while it lives. One that is being ended to make room
    /// for a new run does not count.
    pub fn pid(&self) -> Option<u32> {
        self.pid.filter(|_| !self.next)
    }

    /// How often it was started.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Automatic restarts since somebody last asked for a start.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// How its last run ended.
    pub fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// What the program says about itself.
    pub fn status(&self) -> Option<&str> {
        self.status.as_deref()
    }

    /// What stands in the way, or what comes next.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The newest transitions.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Whether those that depend on it may start: it is ready, or has done its work with success.
    pub fn satisfies(&self) -> bool {
        match self.state {
            State::Running(phase) => phase != Phase::Starting,
            State::Terminated => self.ended == Some(Ending::Success),
            State::Init | State::Stopping | State::Error => false,
        }
    }

    /// Whether anything of it exists or is about to.
    pub fn alive(&self) -> bool {
        self.work != Work::Idle || self.next
    }

    /// Whether an automatic start comes when its delay is over.
    pub fn restart_due(&self) -> bool {
        self.restart_due
    }

    /// Moves the lifecycle by one event; `true` if it moved.
    fn step(
        &mut self,
        event: lifecycle::Event,
        cause: impl Into<String>,
        by: Asker,
        now: Clock,
        todo: &mut Vec<Action>,
    ) -> bool {
        match lifecycle::step(self.state, event) {
            Transition::Changed { to, .. } => {
                let record = Record {
                    at: now.wall,
                    from: self.state,
                    to,
                    cause: cause.into(),
                    by,
                };
                self.state = to;
                self.since = now.wall;
                self.history.push(record.clone());
                todo.push(Action::Changed(record));
                true
            }
            Transition::Ignored { why } => {
                todo.push(Action::Ignored(why.to_string()));
                false
            }
        }
    }

    fn due(&mut self, timer: Timer, now: Clock, todo: &mut Vec<Action>) {
        match timer {
            Timer::Ready if self.is_starting() => {
                let limit = self.service.ready_timeout;
                self.fail(&format!("not ready within {limit}"), now, todo);
            }
            Timer::Grace => self.grace_over(todo),
            Timer::Restart => self.restart_by_policy(now, todo),
            Timer::Watchdog if self.work == Work::Up => {
                self.fail("no sign of life within the watchdog's interval", now, todo);
            }
            Timer::Reload => {
                self.detail = Some("the reload was not confirmed in time".to_owned());
                self.reloaded(now, todo);
            }
            Timer::Ready | Timer::Watchdog => {}
        }
    }

    fn notified(&mut self, said: Notification, now: Clock, todo: &mut Vec<Action>) {
        if !matches!(
            self.work,
            Work::Up | Work::AfterStart | Work::BeforeStop | Work::Asked
        ) {
            return;
        }
        match said {
            Notification::Ready
                if self.state == State::Running(Phase::Reloading) && self.beside.is_none() =>
            {
                self.reloaded(now, todo);
            }
            Notification::Ready if self.is_starting() => self.ready(now, todo),
            Notification::Ready => {}
            Notification::Reloading => {
                if self.step(
                    lifecycle::Event::Reloading,
                    "the program reloads",
                    Asker::Program,
                    now,
                    todo,
                ) {
                    todo.push(Action::Arm(
                        Timer::Reload,
                        now.mono + self.service.ready_timeout.get(),
                    ));
                }
            }
            Notification::Stopping => self.status = Some("stopping".to_owned()),
            Notification::Status(text) => self.status = Some(text),
            Notification::ExtendTimeout(by) => self.extend(by, now, todo),
            Notification::WatchdogPing => self.arm_watchdog(now, todo),
            Notification::WatchdogTrigger => {
                self.fail("the program triggered its watchdog", now, todo);
            }
            Notification::WatchdogInterval(interval) => {
                self.watchdog = (!interval.is_zero()).then_some(interval);
                self.arm_watchdog(now, todo);
            }
        }
    }

    fn extend(&self, by: Duration, now: Clock, todo: &mut Vec<Action>) {
        let until = now.mono + by;
        if self.is_starting() {
            todo.push(Action::Arm(Timer::Ready, until));
        } else if self.work == Work::Asked {
            todo.push(Action::Arm(Timer::Grace, until));
        } else if self.state == State::Running(Phase::Reloading) {
            todo.push(Action::Arm(Timer::Reload, until));
        }
    }

    fn arm_watchdog(&self, now: Clock, todo: &mut Vec<Action>) {
        match self.watchdog {
            Some(interval) => todo.push(Action::Arm(Timer::Watchdog, now.mono + interval)),
            None => todo.push(Action::Disarm(Timer::Watchdog)),
        }
    }

    fn is_starting(&self) -> bool {
        self.state == State::Running(Phase::Starting) && self.work == Work::Up
    }

    fn has(&self, hook: Hook) -> bool {
        let commands = match hook {
            Hook::BeforeStart => &self.service.before_start,
            Hook::AfterStart => &self.service.after_start,
            Hook::BeforeStop => &self.service.before_stop,
            Hook::AfterStop => &self.service.after_stop,
            Hook::Reload => return true,
        };
        !commands.is_empty()
    }
}
