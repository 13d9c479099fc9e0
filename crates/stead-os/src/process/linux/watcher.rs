//! The thread that hears the guardians and the cgroups and tells whoever waits.
//!
//! A thread of its own, not a task: what must be done when the guardian dies must not depend on
//! a runtime that may be busy or gone.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fs::inotify;

use super::super::Exit;
use super::procfs;
use super::run::{Place, Run, Runs};
use super::wire::{Received, Report, RunId, Step, receive};

const CONTROL: u64 = 0;
const CGROUPS: u64 = 1 << 32;
/// The thread only moves small messages.
const STACK: usize = 64 * 1024;
/// Events taken at once.
const BATCH: usize = 32;

/// The guardians of this process: children of it that no launcher may take for strays.
static GUARDIANS: Mutex<Vec<i32>> = Mutex::new(Vec::new());

/// What the thread and those who start programs share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The first guardian.
    pub(super) control: OwnedFd,
    pub(super) guardian: i32,
    pub(super) runs: Runs,
    /// Tells of changes in cgroups.
    pub(super) cgroups: OwnedFd,
    epoll: OwnedFd,
}

impl Shared {
    pub(super) fn new(control: OwnedFd, guardian: i32) -> std::io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let cgroups =
            inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let readable = epoll::EventFlags::IN;
        epoll::add(
            &epoll,
            &control,
            epoll::EventData::new_u64(CONTROL),
            readable,
        )?;
        epoll::add(
            &epoll,
            &cgroups,
            epoll::EventData::new_u64(CGROUPS),
            readable,
        )?;
        Ok(Self {
            control,
            guardian,
            runs: Runs::default(),
            cgroups,
            epoll,
        })
    }

    /// Has the thread hear the guardian of a run.
    pub(super) fn listen(&self, socket: &OwnedFd, run: RunId) -> std::io::Result<()> {
        let data = epoll::EventData::new_u64(u64::from(run));
        Ok(epoll::add(
            &self.epoll,
            socket,
            data,
            epoll::EventFlags::IN,
        )?)
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

/// Starts the thread. It ends when the guardian has ended and every run is empty.
pub(super) fn start(shared: Arc<Shared>) -> std::io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name("stead-watcher".to_owned())
        .stack_size(STACK)
        .spawn(move || {
            let guardian_ended = false;
            let mut watcher = Watcher {
                shared,
                guardian_ended,
            };
            watcher.watch();
        })
}

struct Watcher {
    shared: Arc<Shared>,
    guardian_ended: bool,
}

impl Watcher {
    fn watch(&mut self) {
        let mut events = Vec::with_capacity(BATCH);
        while !self.is_done() {
            events.clear();
            if epoll::wait(&self.shared.epoll, spare_capacity(&mut events), None).is_err() {
                continue;
            }
            for event in &events {
                match event.data.u64() {
                    CONTROL => self.hear_control(),
                    CGROUPS => self.see_cgroups(),
                    run => self.hear_guardian(run),
                }
            }
        }
        self.end_strays();
    }

    /// Whether no more can be heard.
    fn is_done(&self) -> bool {
        self.guardian_ended
            && self
                .shared
                .runs
                .table()
                .runs
                .values()
                .all(|run| match &run.place {
                    // Its guardian was killed too: what is left of it are strays.
                    Place::Guardian(_) => run.guardian.load(Ordering::Acquire) < 0,
                    Place::Cgroup(_) => false,
                })
    }

    fn hear_control(&mut self) {
        loop {
            match receive::<Report>(self.shared.control.as_fd()) {
                Received::Message(report, _) => self.take(report),
                Received::Nothing => return,
                Received::Gone => {
                    let _ = epoll::delete(&self.shared.epoll, &self.shared.control);
                    self.end_after_guardian();
                    return;
                }
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
        self.guardian_ended = true;
        let runs: Vec<Arc<Run>> = {
            let mut table = self.shared.runs.table();
            table.closed = true;
            table.runs.values().cloned().collect()
        };
        for run in &runs {
            run.answer(None);
            run.kill(&self.shared.control);
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

    /// Kills and waits for what came to this process when its guardians were killed, then
    /// counts every run as empty. Programs have sessions of their own, so children in this
    /// process's session are somebody else's business.
    fn end_strays(&self) {
        let mut ended = HashMap::new();
        wait_for(self.shared.guardian);
        guardians().retain(|pid| *pid != self.shared.guardian);
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
