//! The task that owns every machine: it passes on what happens and does what they answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use stead_model::health::Standing;
use stead_model::lifecycle::{Asker, Record, State};
use stead_model::name::ServiceName;
use stead_os::process::{LimitNotEnforced, Process};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::run::Runner;
use super::timers::{Slot, Timers};
use super::{Change, Status};
use crate::machine::{Action, Clock, Event, Machine};
use crate::stack::{Order, Presence, Turn};

/// What people ask of the supervisor.
pub(super) enum Request {
    Start(ServiceName, Asker),
    Stop(ServiceName, Asker),
    Restart(ServiceName, Asker),
    Reload(ServiceName, Asker),
    Health {
        name: ServiceName,
        run: u64,
        standing: Standing,
    },
    History(ServiceName, oneshot::Sender<Vec<Record>>),
    /// Answers once all requests before it were taken.
    Taken(oneshot::Sender<()>),
    StopAll(Asker),
}

/// What the tasks of a run report.
pub(super) struct Report {
    pub(super) slot: Slot,
    pub(super) run: u64,
    pub(super) what: Reported,
}

pub(super) enum Reported {
    Started(Arc<Process>),
    Event(Event),
}

/// One service in the engine's care.
pub(super) struct Ward {
    pub(super) machine: Machine,
    pub(super) runner: Arc<Runner>,
    pub(super) process: Option<Arc<Process>>,
    pub(super) not_enforced: Vec<LimitNotEnforced>,
    pub(super) hooks: Option<CancellationToken>,
    pub(super) status: watch::Sender<Arc<Status>>,
}

pub(super) struct Engine {
    pub(super) wards: Vec<Ward>,
    pub(super) slots: BTreeMap<ServiceName, Slot>,
    pub(super) order: Order,
    pub(super) timers: Timers,
    pub(super) tasks: TaskTracker,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) reports: mpsc::Receiver<Report>,
    pub(super) report: mpsc::Sender<Report>,
    pub(super) changes: broadcast::Sender<Arc<Change>>,
    pub(super) ending: bool,
}

impl Engine {
    /// Runs until all were stopped at somebody's wish, or every handle is gone; either way nothing
    /// is left when it returns.
    pub(super) async fn run(mut self) {
        while !(self.ending && self.is_over()) {
            // What is due already, a restart without delay, does not wait for the timer's tick.
            self.timers_due();
            self.take_turns();
            let due = self.timers.next();
            // In no fixed order: a program that talks without end must not keep requests waiting.
            tokio::select! {
                Some(report) = self.reports.recv() => self.reported(report),
                request = self.requests.recv(), if !self.ending || !self.requests.is_closed() => match request {
                    Some(request) => self.requested(request),
                    None => self.stop_all(&Asker::Stead),
                },
                () = sleep_until(due), if due.is_some() => self.timers_due(),
            }
            self.take_turns();
        }
        self.wards.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn is_over(&self) -> bool {
        self.order.is_settled() && self.wards.iter().all(|ward| !ward.machine.alive())
    }

    fn requested(&mut self, request: Request) {
        match request {
            Request::Start(name, by) if !self.ending => {
                self.order.start(&name, &by);
                self.show_wishes();
            }
            Request::Stop(name, by) => {
                self.order.stop(&name, &by);
                self.show_wishes();
            }
            Request::Restart(name, by) if !self.ending => self.tell(&name, Event::Restart(by)),
            Request::Reload(name, by) => self.tell(&name, Event::Reload(by)),
            Request::Start(..) | Request::Restart(..) => {}
            Request::Health {
                name,
                run,
                standing,
            } => {
                if let Some(&slot) = self.slots.get(&name)
                    && self.wards[slot].machine.runs() == run
                {
                    self.on(slot, Event::Health(standing));
                }
            }
            Request::History(name, answer) => {
                if let Some(&slot) = self.slots.get(&name) {
                    let history = self.wards[slot].machine.history().iter().cloned().collect();
                    let _ = answer.send(history);
                }
            }
            Request::Taken(answer) => {
                self.take_turns();
                let _ = answer.send(());
            }
            Request::StopAll(by) => self.stop_all(&by),
        }
    }

    fn stop_all(&mut self, by: &Asker) {
        self.ending = true;
        for name in self.slots.keys() {
            self.order.stop(name, by);
        }
    }

    fn tell(&mut self, name: &ServiceName, event: Event) {
        if let Some(&slot) = self.slots.get(name) {
            self.on(slot, event);
        }
    }

    fn reported(&mut self, report: Report) {
        let ward = &mut self.wards[report.slot];
        if ward.machine.runs() != report.run {
            return;
        }
        match report.what {
            Reported::Started(process) => {
                ward.not_enforced = process.not_enforced().to_vec();
                for missing in &ward.not_enforced {
                    tracing::warn!(service = %ward.runner.name, limit = missing.limit, reason = missing.reason, "limit not enforced");
                }
                let pid = process.id();
                ward.runner.write_pid_file(pid);
                ward.process = Some(process);
                self.on(report.slot, Event::Spawned(pid));
            }
            Reported::Event(event) => {
                if event == Event::Emptied {
                    ward.process = None;
                    ward.runner.remove_pid_file();
                }
                self.on(report.slot, event);
            }
        }
    }

    fn timers_due(&mut self) {
        let now = self.timers.now();
        while let Some((slot, timer)) = self.timers.pop(now) {
            self.on(slot, Event::Due(timer));
        }
    }

    /// Gives everybody whose turn it is the word to start or stop.
    fn take_turns(&mut self) {
        if self.order.is_settled() {
            return;
        }
        loop {
            let (wards, slots) = (&self.wards, &self.slots);
            let turns = self.order.next(|name| presence(wards, slots, name));
            if turns.is_empty() {
                break;
            }
            for turn in turns {
                match turn {
                    Turn::Start(name, by) => self.tell(&name, Event::Start(by)),
                    Turn::Stop(name, by) => self.tell(&name, Event::Stop(by)),
                }
            }
        }
        self.show_wishes();
    }

    /// Wishes that wait show in the status of those they concern.
    fn show_wishes(&mut self) {
        for slot in 0..self.wards.len() {
            self.publish(slot);
        }
    }

    fn on(&mut self, slot: Slot, event: Event) {
        let now = Clock {
            mono: self.timers.now(),
            wall: Timestamp::now(),
        };
        for action in self.wards[slot].machine.on(event, now) {
            self.act(slot, action);
        }
        self.publish(slot);
    }

    fn act(&mut self, slot: Slot, action: Action) {
        let ward = &mut self.wards[slot];
        let run = ward.machine.runs();
        match action {
            Action::Spawn => {
                self.tasks
                    .spawn(Arc::clone(&ward.runner).run(slot, run, self.report.clone()));
            }
            Action::RunHooks(hook) => {
                let cancel = CancellationToken::new();
                ward.hooks = Some(cancel.clone());
                let (runner, report) = (Arc::clone(&ward.runner), self.report.clone());
                self.tasks.spawn(async move {
                    let Some(result) = cancel.run_until_cancelled(runner.hooks(hook)).await else {
                        return;
                    };
                    let what = Reported::Event(Event::HooksEnded(hook, result));
                    let _ = report.send(Report { slot, run, what }).await;
                });
            }
            Action::CancelHooks => {
                if let Some(hooks) = ward.hooks.take() {
                    hooks.cancel();
                }
            }
            Action::Ask => ward.with_process(|process, runner| process.ask(runner.stop_signal())),
            Action::SignalReload => ward.with_process(|process, runner| {
                if let Some(signal) = runner.reload_signal() {
                    process.signal(signal);
                }
            }),
            Action::KillTree => ward.with_process(|process, _| process.kill_tree()),
            Action::Arm(timer, at) => self.timers.arm(slot, timer, at),
            Action::Disarm(timer) => self.timers.disarm(slot, timer),
            Action::Changed(record) => {
                let name = ward.runner.name.clone();
                tracing::info!(service = %name, from = %shown(record.from), to = %shown(record.to), cause = record.cause, by = %record.by, "state changed");
                let _ = self.changes.send(Arc::new(Change { name, record }));
            }
            Action::Ignored(why) => {
                tracing::info!(service = %ward.runner.name, why, "ignored");
            }
        }
    }

    fn publish(&mut self, slot: Slot) {
        let ward = &self.wards[slot];
        let name = &ward.runner.name;
        let (wards, slots) = (&self.wards, &self.slots);
        let waits_for = self
            .order
            .waits_for(name, |on| presence(wards, slots, on).satisfies)
            .cloned();
        let status = Status {
            waits_for,
            stop_is_due: self.order.stop_is_due(name),
            not_enforced: ward.not_enforced.clone(),
            ..status(name, &ward.machine)
        };
        ward.status.send_if_modified(|shown| {
            let changed = **shown != status;
            if changed {
                *shown = Arc::new(status);
            }
            changed
        });
    }
}

impl Ward {
    pub(super) fn new(
        machine: Machine,
        runner: Arc<Runner>,
        status: watch::Sender<Arc<Status>>,
    ) -> Self {
        Self {
            machine,
            runner,
            process: None,
            not_enforced: Vec::new(),
            hooks: None,
            status,
        }
    }

    fn with_process(&self, act: impl FnOnce(&Process, &Runner)) {
        if let Some(process) = &self.process {
            act(process, &self.runner);
        }
    }
}

fn presence(wards: &[Ward], slots: &BTreeMap<ServiceName, Slot>, name: &ServiceName) -> Presence {
    slots.get(name).map_or(
        Presence {
            satisfies: false,
            alive: false,
        },
        |&slot| Presence {
            satisfies: wards[slot].machine.satisfies(),
            alive: wards[slot].machine.alive(),
        },
    )
}

/// A state with its phase: `RUNNING/ready`.
fn shown(state: State) -> String {
    match state.phase() {
        Some(phase) => format!("{state}/{phase}"),
        None => state.to_string(),
    }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(at) = due {
        tokio::time::sleep_until(at.into()).await;
    }
}

/// What a machine alone knows of its service.
pub(super) fn status(name: &ServiceName, machine: &Machine) -> Status {
    Status {
        name: name.clone(),
        state: machine.state(),
        since: machine.since(),
        pid: machine.pid(),
        run: machine.runs(),
        restarts: machine.restarts(),
        exit: machine.exit(),
        text: machine.status().map(str::to_owned),
        detail: machine.detail().map(str::to_owned),
        waits_for: None,
        alive: machine.alive(),
        restart_due: machine.restart_due(),
        stop_is_due: false,
        not_enforced: Vec::new(),
    }
}
