//! One run of a program as Stead sees it, and the table of all of them.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::inotify;
use tokio::sync::{oneshot, watch};

use super::super::{Exit, Signal, Usage};
use super::wire::{Request, RunId, Step, send};
use super::{cgroup, procfs};

/// How a start went: nothing, or the step that failed and its errno.
pub(super) type Started = Result<(), (Step, i32)>;

/// Where the tree of a run is kept.
#[derive(Debug)]
pub(super) enum Place {
    /// In this cgroup.
    Cgroup(PathBuf),
    /// Below a guardian of its own, at the other end of this socket.
    Guardian(OwnedFd),
}

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) place: Place,
    /// The guardian that was asked for it.
    pub(super) control: Arc<OwnedFd>,
    pub(super) pid: AtomicI32,
    /// The process the tree hangs from.
    pub(super) guardian: AtomicI32,
    pub(super) exit: watch::Sender<Option<Exit>>,
    pub(super) empty: watch::Sender<bool>,
    started: Mutex<Option<oneshot::Sender<Started>>>,
    /// Whether the tree was killed. A kill can overtake a start that was asked for before it.
    killed: AtomicBool,
}

/// The runs that are not empty yet.
#[derive(Debug, Default)]
pub(super) struct Runs(Mutex<Table>);

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) runs: HashMap<RunId, Arc<Run>>,
    /// The inotify watches of their cgroups.
    pub(super) watches: HashMap<i32, RunId>,
    /// The launcher goes: nothing is to be started any more.
    pub(super) closing: bool,
}

impl Runs {
    /// Never held across a wait.
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    pub(super) fn new(
        id: RunId,
        place: Place,
        control: Arc<OwnedFd>,
    ) -> (Self, oneshot::Receiver<Started>) {
        let (sender, receiver) = oneshot::channel();
        let run = Self {
            id,
            place,
            control,
            pid: AtomicI32::new(0),
            guardian: AtomicI32::new(0),
            exit: watch::Sender::new(None),
            empty: watch::Sender::new(false),
            started: Mutex::new(Some(sender)),
            killed: AtomicBool::new(false),
        };
        (run, receiver)
    }

    /// Tells the one who asked for the start how it went; `None`: it is not known and never
    /// will be.
    pub(super) fn answer(&self, started: Option<Started>) {
        let waiting = self
            .started
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let (Some(waiting), Some(started)) = (waiting, started) {
            // A caller that gave up has killed the run.
            let _ = waiting.send(started);
        }
    }

    /// The program runs.
    pub(super) fn has_started(&self, pid: i32, guardian: i32) {
        self.pid.store(pid, Ordering::Release);
        self.guardian.store(guardian, Ordering::Release);
        if self.killed.load(Ordering::Acquire)
            && let Place::Cgroup(path) = &self.place
        {
            cgroup::kill(path);
        }
        self.answer(Some(Ok(())));
    }

    /// The first word on the program's end counts.
    pub(super) fn has_exited(&self, exit: Exit) {
        self.answer(None);
        self.exit.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(exit);
            first
        });
    }

    /// Whether the program has ended and the cgroup says the rest has too.
    pub(super) fn is_deserted(&self) -> bool {
        match &self.place {
            Place::Cgroup(path) => self.exit.borrow().is_some() && !cgroup::is_populated(path),
            Place::Guardian(_) => false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self.empty.borrow()
    }

    /// Nothing of the tree is left.
    pub(super) fn has_emptied(&self) {
        self.has_exited(Exit::Signal(libc::SIGKILL));
        if let Place::Cgroup(path) = &self.place {
            cgroup::remove(path);
        }
        self.empty.send_replace(true);
    }

    pub(super) fn kill(&self) {
        if self.is_empty() {
            return;
        }
        self.killed.store(true, Ordering::Release);
        let kill = Request::Kill { run: self.id };
        match &self.place {
            Place::Cgroup(path) => {
                cgroup::kill(path);
                if self.exit.borrow().is_none() {
                    // For a program that is only about to start. A guardian that is gone has
                    // taken it along.
                    let _ = send(self.control.as_fd(), kill, &[]);
                }
            }
            // One that is gone has ended its tree, or the first guardian does.
            Place::Guardian(socket) => drop(send(socket.as_fd(), kill, &[])),
        }
    }

    pub(super) fn signal(&self, Signal(signal): Signal) {
        let request = Request::Signal {
            run: self.id,
            signal,
        };
        let socket = match &self.place {
            Place::Cgroup(_) => &*self.control,
            Place::Guardian(socket) => socket,
        };
        if self.exit.borrow().is_none() {
            // Nobody there: nothing is left to be signalled.
            let _ = send(socket.as_fd(), request, &[]);
        }
    }

    pub(super) fn ask(&self, Signal(signal): Signal) {
        match &self.place {
            Place::Cgroup(path) => {
                for pid in cgroup::members(path) {
                    procfs::signal_if(pid, &[signal, libc::SIGCONT], || cgroup::holds(path, pid));
                }
            }
            Place::Guardian(socket) => {
                let request = Request::Ask {
                    run: self.id,
                    signal,
                };
                let _ = send(socket.as_fd(), request, &[]);
            }
        }
    }

    pub(super) fn contains(&self, pid: i32) -> bool {
        match &self.place {
            Place::Cgroup(path) => cgroup::holds(path, pid),
            Place::Guardian(_) => {
                let guardian = self.guardian.load(Ordering::Acquire);
                guardian != 0 && pid != guardian && procfs::is_below(pid, guardian)
            }
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let guardian = self.guardian.load(Ordering::Acquire);
        if self.is_empty() || guardian == 0 {
            return Usage::default();
        }
        let members = match &self.place {
            Place::Cgroup(path) => cgroup::members(path),
            Place::Guardian(_) => procfs::descendants(guardian),
        };
        let stats: Vec<_> = members
            .into_iter()
            .filter_map(procfs::Stat::of)
            .filter(|stat| !stat.is_zombie())
            .collect();
        let resident: u64 = stats.iter().map(|stat| stat.resident).sum();
        let mut usage = Usage {
            memory: resident * rustix::param::page_size() as u64,
            cpu: std::time::Duration::ZERO,
            processes: u32::try_from(stats.len()).unwrap_or(u32::MAX),
        };
        match &self.place {
            Place::Cgroup(path) => {
                if let Some(bytes) = cgroup::number(path, "memory.current", None) {
                    usage.memory = bytes;
                }
                let micros = cgroup::number(path, "cpu.stat", Some("usage_usec"));
                usage.cpu = std::time::Duration::from_micros(micros.unwrap_or(0));
            }
            Place::Guardian(_) => {
                // What has ended counts with the one that waited for it: in the end the guardian.
                let ended = procfs::Stat::of(guardian).map_or(0, |stat| stat.ticks);
                let ticks = ended + stats.iter().map(|stat| stat.ticks).sum::<u64>();
                let second = rustix::param::clock_ticks_per_second().max(1);
                usage.cpu = std::time::Duration::from_millis(ticks * 1000 / second);
            }
        }
        usage
    }
}

/// Has a cgroup's events told by `watch`; the id of the watch.
pub(super) fn watch_events(watch: &OwnedFd, cgroup: &std::path::Path) -> std::io::Result<i32> {
    let events = cgroup.join("cgroup.events");
    Ok(inotify::add_watch(
        watch,
        events,
        inotify::WatchFlags::MODIFY,
    )?)
}
