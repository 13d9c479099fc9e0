//! The thread that hears the guardians and the cgroups and tells whoever waits.
//!
//! A thread of its own, not a task: what must be done when the guardian dies must not depend on
//! a runtime that may be busy or gone.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd, poll};
use rustix::fs::inotify;
use rustix::net::{Shutdown, shutdown};
use tokio::sync::watch;

use super::super::{Exit, SpawnError};
use super::errors::lost;
use super::pace::{self, Pace};
use super::post::{Post, Recruit};
use super::procfs;
use super::run::{Place, Run, Runs};
use super::wire::{Received, Report, RunId, Step, receive};

const CONTROL: u64 = 0;
const CGROUPS: u64 = 1 << 32;
const BELL: u64 = CGROUPS + 1;
/// The thread only moves small messages, but a guardian that takes another's place lives on a
/// copy of its stack.
const STACK: usize = 256 * 1024;
/// Events taken at once.
const BATCH: usize = 32;
/// How long those who ask for a start wait for what a killed guardian left to end; then they
/// are told. A process in an uninterruptible wait ends when that does.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between attempts to fork a guardian, at least.
const FORK_REST: Duration = Duration::from_secs(1);

/// The guardians of this process: children of it that no launcher may take for strays.
static GUARDIANS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// Whether there is a guardian.
#[derive(Clone, Debug)]
pub(super) enum Duty {
    /// There is; this is where it takes requests.
    Served(Arc<OwnedFd>),
    /// Another is about to come.
    Awaited,
    /// Not for a while, and why.
    Vacant(String),
}

/// What the thread and those who start programs share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Changed with the table locked, so that a run on it has the guardian it was meant for.
    pub(super) duty: watch::Sender<Duty>,
    pub(super) runs: Runs,
    /// Tells of changes in cgroups.
    pub(super) cgroups: OwnedFd,
    epoll: OwnedFd,
    /// Wakes the thread.
    bell: OwnedFd,
}

impl Shared {
    /// For a launcher with its first guardian.
    pub(super) fn new(first: Recruit) -> std::io::Result<(Self, Serving)> {
        let cgroups =
            inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let first = Serving::new(first);
        let shared = Self {
            duty: watch::Sender::new(Duty::Served(Arc::clone(&first.control))),
            runs: Runs::default(),
            cgroups,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        };
        shared.hear(&first.control, CONTROL)?;
        shared.hear(&shared.cgroups, CGROUPS)?;
        shared.hear(&shared.bell, BELL)?;
        Ok((shared, first))
    }

    /// Where the guardian takes requests. Waits for one that is about to come.
    pub(super) async fn guardian(&self) -> Result<Arc<OwnedFd>, SpawnError> {
        let mut duty = self.duty.subscribe();
        let known = duty.wait_for(|duty| !matches!(duty, Duty::Awaited)).await;
        match known.as_deref() {
            Ok(Duty::Served(control)) => Ok(Arc::clone(control)),
            Ok(Duty::Vacant(reason)) => Err(SpawnError::NoGuardian(reason.clone())),
            // The sender is in this structure.
            Ok(Duty::Awaited) | Err(_) => Err(lost()),
        }
    }

    /// Has the thread look at how things are.
    pub(super) fn wake(&self) {
        // It can only be full, and then the thread is about to look.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    fn hear(&self, descriptor: &OwnedFd, token: u64) -> std::io::Result<()> {
        let token = epoll::EventData::new_u64(token);
        Ok(epoll::add(
            &self.epoll,
            descriptor,
            token,
            epoll::EventFlags::IN,
        )?)
    }

    /// Has the thread hear the guardian of a run.
    pub(super) fn listen(&self, socket: &OwnedFd, run: RunId) -> std::io::Result<()> {
        self.hear(socket, u64::from(run))
    }

    /// Takes a run off the table: it is empty.
    pub(super) fn finish(&self, run: &Run) {
        {
            let mut table = self.runs.table();
            table.runs.remove(&run.id);
            table.watches.retain(|_, watched| *watched != run.id);
        }
        self.stop_listening(run);
        run.has_emptied();
    }

    fn stop_listening(&self, run: &Run) {
        if let Place::Guardian(socket) = &run.place {
            // It may have been taken out before.
            let _ = epoll::delete(&self.epoll, socket);
        }
    }
}

/// A guardian and since when.
pub(super) struct Serving {
    control: Arc<OwnedFd>,
    pid: i32,
    since: Instant,
}

impl Serving {
    fn new(recruit: Recruit) -> Self {
        Self {
            control: Arc::new(recruit.control),
            pid: recruit.pid,
            since: Instant::now(),
        }
    }
}

/// Starts the thread. It ends, and gives the post back, when the launcher goes and every run is
/// empty.
pub(super) fn start(
    shared: Arc<Shared>,
    post: Post,
    first: Serving,
) -> std::io::Result<std::thread::JoinHandle<Post>> {
    std::thread::Builder::new()
        .name("stead-watcher".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let watcher = Watcher {
                shared,
                post,
                phase: Phase::Served(first),
                pace: Pace::default(),
            };
            watcher.watch()
        })
}

enum Phase {
    /// There is a guardian.
    Served(Serving),
    /// It is gone and what it had started is being ended.
    Ending {
        /// How long the next is to rest then.
        rest: Duration,
        /// When those who ask for a start are told; `None`: they have been.
        tell_at: Option<Instant>,
    },
    /// Nothing is left, and the next comes then.
    Resting(Instant),
}

struct Watcher {
    shared: Arc<Shared>,
    post: Post,
    phase: Phase,
    pace: Pace,
}

impl Watcher {
    fn watch(mut self) -> Post {
        let mut events = Vec::with_capacity(BATCH);
        while !self.is_over() {
            events.clear();
            let timeout = self.time_left();
            let space = spare_capacity(&mut events);
            if epoll::wait(&self.shared.epoll, space, timeout.as_ref()).is_err() {
                continue;
            }
            for event in &events {
                match event.data.u64() {
                    CONTROL => self.hear_control(),
                    CGROUPS => self.see_cgroups(),
                    BELL => {
                        let _ = rustix::io::read(&self.shared.bell, &mut [0; 8]);
                    }
                    run => self.hear_guardian(run),
                }
            }
        }
        self.post
    }

    /// Goes on from phase to phase; true when the launcher goes and nothing is left.
    fn is_over(&mut self) -> bool {
        let closing = self.shared.runs.table().closing;
        match self.phase {
            Phase::Served(_) => return false,
            Phase::Ending { .. } if !self.is_done() => {
                self.tell_in_time();
                return false;
            }
            Phase::Ending { rest, .. } => {
                self.end_strays();
                if closing {
                    return true;
                }
                self.rest(rest, None);
            }
            Phase::Resting(_) => {}
        }
        if let Phase::Resting(until) = self.phase
            && until <= Instant::now()
            && !closing
        {
            self.replace();
        }
        closing && matches!(self.phase, Phase::Resting(_))
    }

    /// Until something is due that nobody tells of.
    fn time_left(&self) -> Option<Timespec> {
        let due = match self.phase {
            Phase::Served(_) => None,
            Phase::Ending { tell_at, .. } => tell_at,
            Phase::Resting(until) => Some(until),
        };
        due.and_then(|due| Timespec::try_from(due.saturating_duration_since(Instant::now())).ok())
    }

    /// Tells those who ask for a start that what the last guardian left does not end.
    fn tell_in_time(&mut self) {
        if let Phase::Ending { tell_at, .. } = &mut self.phase
            && tell_at.is_some_and(|due| due <= Instant::now())
        {
            *tell_at = None;
            let reason = "it was killed, and a process it had started has not ended yet";
            self.announce(Duty::Vacant(reason.to_owned()));
        }
    }

    /// Puts off the next guardian, if only until the phase is looked at again.
    fn rest(&mut self, rest: Duration, problem: Option<&std::io::Error>) {
        if !rest.is_zero() {
            let next = format!("the next comes {} s after the last", rest.as_secs());
            let reason = match problem {
                Some(error) => format!("another cannot be made: {error}; {next} attempt"),
                None => format!(
                    "it was killed {} times, each within {} s; {next}",
                    self.pace.in_a_row(),
                    pace::STEADY.as_secs()
                ),
            };
            tracing::warn!("no guardian process: {reason}");
            self.announce(Duty::Vacant(reason));
        }
        self.phase = Phase::Resting(Instant::now() + rest);
    }

    /// Makes another guardian. Nothing of what the last one had started is left.
    fn replace(&mut self) {
        self.announce(Duty::Awaited);
        let recruited = self
            .post
            .restore()
            .and_then(|()| self.post.fill())
            .map(Serving::new)
            .and_then(|next| match self.shared.hear(&next.control, CONTROL) {
                Ok(()) => Ok(next),
                Err(error) => {
                    end_guardian(next.pid);
                    Err(error)
                }
            });
        match recruited {
            Ok(next) => {
                tracing::info!(guardian = next.pid, "another guardian has taken over");
                self.announce(Duty::Served(Arc::clone(&next.control)));
                self.phase = Phase::Served(next);
            }
            Err(error) => {
                let rest = self.pace.rest_after(Duration::ZERO).max(FORK_REST);
                self.rest(rest, Some(&error));
            }
        }
    }

    fn announce(&self, duty: Duty) {
        let table = self.shared.runs.table();
        if let (true, Duty::Served(control)) = (table.closing, &duty) {
            // The launcher has gone meanwhile, and it knew of none to be told.
            let _ = shutdown(control, Shutdown::Write);
        }
        self.shared.duty.send_replace(duty);
    }

    /// Whether nothing more can be heard of what a guardian that is gone has started.
    fn is_done(&self) -> bool {
        let table = self.shared.runs.table();
        table.runs.values().all(|run| match &run.place {
            // Its guardian was killed too: what is left of it are strays.
            Place::Guardian(_) => run.guardian.load(Ordering::Acquire) < 0,
            Place::Cgroup(_) => false,
        })
    }

    fn hear_control(&mut self) {
        while let Phase::Served(Serving { control, .. }) = &self.phase {
            match receive::<Report>(control.as_fd()) {
                Received::Message(report, _) => self.take(report),
                Received::Nothing => return,
                Received::Gone => self.end_after_guardian(),
            }
        }
    }

    fn hear_guardian(&self, run: u64) {
        let Some(run) = RunId::try_from(run).ok().and_then(|run| self.run(run)) else {
            return;
        };
        let Place::Guardian(socket) = &run.place else {
            return;
        };
        loop {
            match receive::<Report>(socket.as_fd()) {
                Received::Message(report, _) => self.take(report),
                Received::Nothing => return,
                Received::Gone => {
                    // Killed, if it has not said that its tree is empty: the first guardian ends
                    // the tree and says so, and if that is gone too, this thread does.
                    self.shared.stop_listening(&run);
                    run.guardian.store(-1, Ordering::Release);
                    run.answer(None);
                    return;
                }
            }
        }
    }

    fn see_cgroups(&self) {
        let mut space = [MaybeUninit::uninit(); 1024];
        let mut reader = inotify::Reader::new(&self.shared.cgroups, &mut space);
        while let Ok(event) = reader.next() {
            let run = {
                let table = self.shared.runs.table();
                let run = table.watches.get(&event.wd());
                run.and_then(|run| table.runs.get(run)).cloned()
            };
            if let Some(run) = run.filter(|run| run.is_deserted()) {
                self.shared.finish(&run);
            }
        }
    }

    fn run(&self, run: RunId) -> Option<Arc<Run>> {
        self.shared.runs.table().runs.get(&run).cloned()
    }

    fn take(&self, report: Report) {
        let (Report::Started { run, .. }
        | Report::Failed { run, .. }
        | Report::Exited { run, .. }
        | Report::Empty { run }) = report;
        let Some(run) = self.run(run) else { return };
        match report {
            Report::Started { pid, guardian, .. } => run.has_started(pid, guardian),
            Report::Failed { step, errno, .. } => {
                run.answer(Some(Err((step, errno))));
                // Otherwise there is a process, and its end will be told.
                if step == Step::Fork {
                    self.shared.finish(&run);
                }
            }
            Report::Exited { status, .. } => {
                run.has_exited(exit(status));
                if run.is_deserted() {
                    self.shared.finish(&run);
                }
            }
            Report::Empty { .. } => self.shared.finish(&run),
        }
    }

    /// The guardian is gone: ends every tree it had.
    fn end_after_guardian(&mut self) {
        let rest = self.pace_after_death();
        let tell_at = Some(Instant::now() + PATIENCE);
        let last = std::mem::replace(&mut self.phase, Phase::Ending { rest, tell_at });
        if let Phase::Served(last) = last {
            let _ = epoll::delete(&self.shared.epoll, &last.control);
            end_guardian(last.pid);
        }
        // From here on the table takes no run until there is another guardian.
        self.announce(Duty::Awaited);
        let runs: Vec<Arc<Run>> = self.shared.runs.table().runs.values().cloned().collect();
        for run in &runs {
            run.answer(None);
            run.kill();
        }
        if runs.iter().any(|run| matches!(run.place, Place::Cgroup(_))) {
            // The programs are children of this process now.
            self.end_strays();
            for run in runs {
                run.has_exited(Exit::Signal(libc::SIGKILL));
                if run.is_deserted() {
                    self.shared.finish(&run);
                }
            }
        }
    }

    /// How long to rest after the death of the guardian.
    fn pace_after_death(&mut self) -> Duration {
        match &self.phase {
            Phase::Served(last) if !self.shared.runs.table().closing => {
                tracing::warn!(
                    guardian = last.pid,
                    "the guardian process was killed; every program it had started is ended"
                );
                self.pace.rest_after(last.since.elapsed())
            }
            _ => Duration::ZERO,
        }
    }

    /// Waits for a child that was killed, until it is time to tell of it.
    fn wait_in_time(&mut self, child: i32) {
        if let (Some(left), Some(pidfd)) = (self.time_left(), procfs::open(child)) {
            let mut polled = [PollFd::new(&pidfd, PollFlags::IN)];
            let _ = poll(&mut polled, Some(&left));
        }
        self.tell_in_time();
    }

    /// Kills and waits for what came to this process when its guardians were killed, then
    /// counts every run as empty. Programs have sessions of their own, so children in this
    /// process's session are somebody else's business.
    fn end_strays(&mut self) {
        let mut ended = HashMap::new();
        let own = std::process::id().cast_signed();
        let session = procfs::Stat::of(own).map_or(0, |stat| stat.session);
        loop {
            let children = procfs::children(own);
            // After the listing: a guardian on it that is only being made is known by now.
            let known = guardians().clone();
            let strays: Vec<i32> = children
                .into_iter()
                .filter(|pid| !known.contains(pid))
                .filter(|pid| procfs::Stat::of(*pid).is_some_and(|stat| stat.session != session))
                .collect();
            if strays.is_empty() {
                break;
            }
            for stray in strays {
                // SAFETY: a child of this process that was not waited for: the id is its own.
                unsafe { libc::kill(stray, libc::SIGKILL) };
                self.wait_in_time(stray);
                if let Some(status) = wait_for(stray) {
                    ended.insert(stray, status);
                }
            }
        }
        let runs: Vec<Arc<Run>> = self.shared.runs.table().runs.values().cloned().collect();
        for run in runs {
            let pid = run.pid.load(Ordering::Acquire);
            if let Some(status) = ended.get(&pid) {
                run.has_exited(exit(*status));
            }
            if matches!(run.place, Place::Guardian(_)) {
                self.shared.finish(&run);
            }
        }
    }
}

/// Ends and waits for a guardian whose socket has ended: it has nothing left to do.
fn end_guardian(guardian: i32) {
    // SAFETY: a child of this process that was not waited for: the id is its own.
    unsafe { libc::kill(guardian, libc::SIGKILL) };
    wait_for(guardian);
    guardians().retain(|pid| *pid != guardian);
}

/// Waits for one child; its wait status.
fn wait_for(pid: i32) -> Option<i32> {
    loop {
        let mut status = 0;
        // SAFETY: `status` is written during the call.
        if unsafe { libc::waitpid(pid, &raw mut status, 0) } == pid {
            return Some(status);
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return None;
        }
    }
}

fn exit(status: i32) -> Exit {
    if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    }
}

/// Also held while a guardian is forked, until it is entered.
pub(super) fn guardians() -> std::sync::MutexGuard<'static, Vec<i32>> {
    GUARDIANS.lock().unwrap_or_else(PoisonError::into_inner)
}
