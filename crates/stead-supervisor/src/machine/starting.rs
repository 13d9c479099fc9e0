//! From a wish to start to ready, and reloads.

use stead_model::definition::{Ready, Reload};
use stead_model::health::Standing;
use stead_model::lifecycle::{self, Asker, Control, Phase, State};
use stead_model::restart::Ended;

use super::{Action, Clock, Hook, Machine, Timer, Work};

impl Machine {
    pub(super) fn start(&mut self, by: Asker, now: Clock, todo: &mut Vec<Action>) {
        if self.step(
            lifecycle::Event::Control(Control::Start),
            "start asked for",
            by,
            now,
            todo,
        ) {
            self.asked_for(todo);
            self.start_when_idle(now, todo);
        }
    }

    pub(super) fn restart(&mut self, by: Asker, now: Clock, todo: &mut Vec<Action>) {
        match self.state {
            State::Error => {
                if self.step(
                    lifecycle::Event::Control(Control::Restart),
                    "restart asked for",
                    by,
                    now,
                    todo,
                ) {
                    self.asked_for(todo);
                    self.start_when_idle(now, todo);
                }
            }
            State::Running(_) => {
                self.stop(by.clone(), now, todo);
                self.start(by, now, todo);
            }
            State::Init | State::Stopping | State::Terminated => self.start(by, now, todo),
        }
    }

    pub(super) fn restart_by_policy(&mut self, now: Clock, todo: &mut Vec<Action>) {
        let (event, cause) = match self.state {
            State::Error => (
                lifecycle::Event::Control(Control::Restart),
                "restart after a failure",
            ),
            State::Terminated => (
                lifecycle::Event::Control(Control::Start),
                "start again after the end",
            ),
            State::Init | State::Running(_) | State::Stopping => return,
        };
        self.restart_due = false;
        if self.step(event, cause, Asker::Stead, now, todo) {
            self.restarts += 1;
            self.detail = None;
            self.start_when_idle(now, todo);
        }
    }

    /// A person's wish clears what the policy remembers.
    fn asked_for(&mut self, todo: &mut Vec<Action>) {
        self.starts.clear();
        self.restarts = 0;
        self.detail = None;
        self.restart_due = false;
        todo.push(Action::Disarm(Timer::Restart));
    }

    fn start_when_idle(&mut self, now: Clock, todo: &mut Vec<Action>) {
        if self.work == Work::Idle {
            self.begin(now, todo);
        } else {
            self.next = true;
        }
    }

    pub(super) fn begin(&mut self, now: Clock, todo: &mut Vec<Action>) {
        self.next = false;
        self.runs += 1;
        self.status = None;
        self.detail = None;
        self.health = Standing::Unknown;
        self.watchdog = None;
        self.ended = None;
        self.starts.started(now.mono);
        if self.has(Hook::BeforeStart) {
            self.work = Work::BeforeStart;
            todo.push(Action::RunHooks(Hook::BeforeStart));
        } else {
            self.spawn(todo);
        }
    }

    pub(super) fn spawn(&mut self, todo: &mut Vec<Action>) {
        self.work = Work::Spawning;
        self.stop_when_spawned = false;
        todo.push(Action::Spawn);
    }

    pub(super) fn spawned(&mut self, pid: u32, now: Clock, todo: &mut Vec<Action>) {
        if self.work != Work::Spawning {
            return;
        }
        self.work = Work::Up;
        self.pid = Some(pid);
        if std::mem::take(&mut self.stop_when_spawned) {
            self.end_process(now, todo);
            return;
        }
        match self.service.ready {
            Ready::Spawned => self.ready(now, todo),
            Ready::Notify | Ready::Healthy => {
                todo.push(Action::Arm(
                    Timer::Ready,
                    now.mono + self.service.ready_timeout.get(),
                ));
            }
        }
    }

    pub(super) fn ready(&mut self, now: Clock, todo: &mut Vec<Action>) {
        todo.push(Action::Disarm(Timer::Ready));
        if self.has(Hook::AfterStart) {
            self.work = Work::AfterStart;
            todo.push(Action::RunHooks(Hook::AfterStart));
        } else {
            self.step(
                lifecycle::Event::Ready,
                ready_cause(self.service.ready),
                Asker::Stead,
                now,
                todo,
            );
        }
    }

    pub(super) fn hooks_ended(
        &mut self,
        hook: Hook,
        result: Result<(), String>,
        now: Clock,
        todo: &mut Vec<Action>,
    ) {
        match (hook, self.work, result) {
            (Hook::BeforeStart, Work::BeforeStart, Ok(())) => self.spawn(todo),
            (Hook::BeforeStart, Work::BeforeStart, Err(why)) => {
                self.work = Work::Idle;
                self.fail(&why, now, todo);
            }
            (Hook::AfterStart, Work::AfterStart, Ok(())) => {
                self.work = Work::Up;
                self.step(
                    lifecycle::Event::Ready,
                    ready_cause(self.service.ready),
                    Asker::Stead,
                    now,
                    todo,
                );
                if self.health == Standing::Unhealthy {
                    self.health(Standing::Unhealthy, now, todo);
                }
            }
            (Hook::AfterStart, Work::AfterStart, Err(why)) => {
                self.work = Work::Up;
                self.fail(&why, now, todo);
            }
            (Hook::BeforeStop, Work::BeforeStop, result) => {
                self.complain(result);
                self.ask(now, todo);
            }
            (Hook::AfterStop, Work::AfterStop, result) => {
                self.complain(result);
                self.ended(now, todo);
            }
            (Hook::Reload, _, result) if self.beside.is_some() => {
                self.beside = None;
                self.complain(result);
                self.reloaded(now, todo);
            }
            _ => {}
        }
    }

    fn complain(&mut self, result: Result<(), String>) {
        if let Err(why) = result {
            self.detail = Some(why);
        }
    }

    pub(super) fn reload(&mut self, by: Asker, now: Clock, todo: &mut Vec<Action>) {
        let Some(reload) = &self.service.reload else {
            todo.push(Action::Ignored("the definition has no [reload]".to_owned()));
            return;
        };
        let by_command = matches!(reload, Reload::Command(_));
        if !self.step(
            lifecycle::Event::Reloading,
            "reload asked for",
            by,
            now,
            todo,
        ) {
            return;
        }
        self.detail = None;
        if by_command {
            self.beside = Some(Hook::Reload);
            todo.push(Action::RunHooks(Hook::Reload));
            return;
        }
        todo.push(Action::SignalReload);
        if self.service.ready == Ready::Notify {
            todo.push(Action::Arm(
                Timer::Reload,
                now.mono + self.service.ready_timeout.get(),
            ));
        } else {
            self.reloaded(now, todo);
        }
    }

    pub(super) fn reloaded(&mut self, now: Clock, todo: &mut Vec<Action>) {
        if self.state == State::Running(Phase::Reloading) {
            todo.push(Action::Disarm(Timer::Reload));
            self.step(
                lifecycle::Event::Reloaded,
                "reloaded",
                Asker::Program,
                now,
                todo,
            );
        }
    }

    pub(super) fn health(&mut self, standing: Standing, now: Clock, todo: &mut Vec<Action>) {
        if !matches!(self.state, State::Running(_)) {
            return;
        }
        self.health = standing;
        // The hooks after the start are let finish; what they leave is looked at then.
        if self.work != Work::Up {
            return;
        }
        match standing {
            Standing::Healthy if self.is_starting() && self.service.ready == Ready::Healthy => {
                self.ready(now, todo);
            }
            Standing::Unhealthy if self.service.restart.on_unhealthy => {
                self.fail_as(Ended::Unhealthy, "its checks say Unhealthy", now, todo);
            }
            Standing::Healthy | Standing::Unhealthy | Standing::Unknown => {}
        }
    }
}

fn ready_cause(ready: Ready) -> &'static str {
    match ready {
        Ready::Spawned => "started",
        Ready::Notify => "the program said READY=1",
        Ready::Healthy => "its checks say Healthy",
    }
}
