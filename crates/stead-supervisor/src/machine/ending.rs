//! From a stop or a failure to nothing left, and what the policy does then.

use std::time::Duration;

use stead_model::definition::Period;
use stead_model::lifecycle::{self, Asker, Control, Ending, State};
use stead_model::restart::{Ended, Restart, next_restart};
use stead_os::process::Exit;

use super::{Action, Clock, Hook, Machine, Timer, Work};

/// The least time between two starts that come to nothing.
const UNSTARTED_DELAY: Duration = Duration::from_millis(100);

impl Machine {
    pub(super) fn stop(&mut self, by: Asker, now: Clock, todo: &mut Vec<Action>) {
        self.restart_due = false;
        todo.push(Action::Disarm(Timer::Restart));
        if !self.step(
            lifecycle::Event::Control(Control::Stop),
            "stop asked for",
            by,
            now,
            todo,
        ) {
            return;
        }
        self.next = false;
        if self.state == State::Stopping {
            self.end_process(now, todo);
        }
    }

    /// The run has failed: ERROR, the policy decides what follows, and what lives is ended.
    pub(super) fn fail(&mut self, cause: &str, now: Clock, todo: &mut Vec<Action>) {
        self.fail_as(Ended::Failure, cause, now, todo);
    }

    pub(super) fn fail_as(
        &mut self,
        ended: Ended,
        cause: &str,
        now: Clock,
        todo: &mut Vec<Action>,
    ) {
        if !self.step(lifecycle::Event::Failed, cause, Asker::Stead, now, todo) {
            return;
        }
        self.next = false;
        self.plan_restart(ended, cause, now, todo);
        self.end_process(now, todo);
    }

    fn plan_restart(&mut self, ended: Ended, cause: &str, now: Clock, todo: &mut Vec<Action>) {
        let (restart, starts) = next_restart(&self.service.restart, &self.starts, ended, now.mono);
        self.starts = starts;
        match restart {
            Restart::After(delay) => {
                // Nothing came into being (no program, a failed hook): a definition without a
                // delay must not turn that into a busy loop.
                let nothing_ran = self.work == Work::Idle;
                let delay = if nothing_ran {
                    delay.max(UNSTARTED_DELAY)
                } else {
                    delay
                };
                let delay_shown =
                    Period::from_millis(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
                self.detail = Some(format!("{cause}; starts again after {delay_shown}"));
                self.restart_due = true;
                todo.push(Action::Arm(Timer::Restart, now.mono + delay));
            }
            Restart::GiveUp(reason) => {
                self.detail = Some(format!("{reason}; the last time: {cause}"));
            }
            Restart::No => self.detail = (ended != Ended::Success).then(|| cause.to_owned()),
        }
    }

    /// Goes on with ending whatever exists, from wherever the work stands.
    pub(super) fn end_process(&mut self, now: Clock, todo: &mut Vec<Action>) {
        self.quiet(todo);
        match self.work {
            Work::Idle => self.ended(now, todo),
            Work::BeforeStart => {
                todo.push(Action::CancelHooks);
                self.after_stop(now, todo);
            }
            Work::Spawning => self.stop_when_spawned = true,
            Work::AfterStart => {
                todo.push(Action::CancelHooks);
                self.before_stop(now, todo);
            }
            Work::Up => self.before_stop(now, todo),
            Work::BeforeStop | Work::Asked | Work::Leftover | Work::Killed | Work::AfterStop => {}
        }
    }

    /// Nothing that concerns a living program matters any more.
    fn quiet(&mut self, todo: &mut Vec<Action>) {
        for timer in [Timer::Ready, Timer::Watchdog, Timer::Reload] {
            todo.push(Action::Disarm(timer));
        }
        if self.beside.take().is_some() {
            todo.push(Action::CancelHooks);
        }
    }

    fn before_stop(&mut self, now: Clock, todo: &mut Vec<Action>) {
        if self.has(Hook::BeforeStop) {
            self.work = Work::BeforeStop;
            todo.push(Action::RunHooks(Hook::BeforeStop));
        } else {
            self.ask(now, todo);
        }
    }

    pub(super) fn ask(&mut self, now: Clock, todo: &mut Vec<Action>) {
        self.work = Work::Asked;
        todo.push(Action::Ask);
        todo.push(Action::Arm(
            Timer::Grace,
            now.mono + self.service.stop.grace.get(),
        ));
    }

    pub(super) fn grace_over(&mut self, todo: &mut Vec<Action>) {
        if matches!(self.work, Work::Asked | Work::Leftover) {
            self.detail = Some("killed: it did not stop within the grace".to_owned());
            self.work = Work::Killed;
            todo.push(Action::KillTree);
        }
    }

    pub(super) fn exited(&mut self, exit: Exit, now: Clock, todo: &mut Vec<Action>) {
        self.exit = Some(exit);
        self.pid = None;
        match self.work {
            Work::Up | Work::AfterStart | Work::BeforeStop => {
                if self.work != Work::Up {
                    todo.push(Action::CancelHooks);
                }
                self.quiet(todo);
                self.work = Work::Killed;
                todo.push(Action::KillTree);
                if matches!(self.state, State::Running(_)) {
                    self.ended_by_itself(exit, now, todo);
                }
            }
            Work::Asked => self.work = Work::Leftover,
            Work::Idle
            | Work::BeforeStart
            | Work::Spawning
            | Work::Leftover
            | Work::Killed
            | Work::AfterStop => {}
        }
    }

    fn ended_by_itself(&mut self, exit: Exit, now: Clock, todo: &mut Vec<Action>) {
        let success = matches!(exit, Exit::Code(code) if self.service.success_exit.contains(&code));
        if success {
            self.ended = Some(Ending::Success);
            self.step(
                lifecycle::Event::Ended(Ending::Success),
                describe(exit),
                Asker::Program,
                now,
                todo,
            );
            self.plan_restart(Ended::Success, &describe(exit), now, todo);
        } else {
            self.fail(&describe(exit), now, todo);
        }
    }

    pub(super) fn emptied(&mut self, now: Clock, todo: &mut Vec<Action>) {
        if matches!(self.work, Work::Leftover | Work::Killed) {
            todo.push(Action::Disarm(Timer::Grace));
            self.after_stop(now, todo);
        }
    }

    pub(super) fn spawn_failed(&mut self, reason: &str, now: Clock, todo: &mut Vec<Action>) {
        if self.work != Work::Spawning {
            return;
        }
        self.work = Work::Idle;
        if std::mem::take(&mut self.stop_when_spawned) {
            self.ended(now, todo);
        } else {
            self.fail(reason, now, todo);
        }
    }

    fn after_stop(&mut self, now: Clock, todo: &mut Vec<Action>) {
        if self.has(Hook::AfterStop) {
            self.work = Work::AfterStop;
            todo.push(Action::RunHooks(Hook::AfterStop));
        } else {
            self.ended(now, todo);
        }
    }

    /// Nothing is left of the run.
    pub(super) fn ended(&mut self, now: Clock, todo: &mut Vec<Action>) {
        self.work = Work::Idle;
        self.pid = None;
        if self.state == State::Stopping {
            self.step(
                lifecycle::Event::Ended(Ending::Success),
                "nothing of it is left",
                Asker::Stead,
                now,
                todo,
            );
        }
        if self.next {
            self.begin(now, todo);
        }
    }
}

/// An exit in words: `exited with status 1`, `ended by signal 9`.
pub fn describe(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("exited with status {code}"),
        Exit::Signal(signal) => format!("ended by signal {signal}"),
    }
}
