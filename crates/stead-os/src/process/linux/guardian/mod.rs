//! The guardian: the parent of every program.
//!
//! A copy of Stead from its first moments, with one thread for life and next to nothing in it.
//! It starts programs and waits for them. When Stead ends, in whichever way, its socket says so,
//! and the guardian ends every tree before it ends itself. As a child subreaper it is the
//! parent of whatever lost its own, so that no fork or `setsid` leads out of its reach.
//!
//! With cgroups one guardian serves all runs, and Stead tells trees apart by their cgroups.
//! Without, the first guardian only makes one more for each run: a tree is what descends from
//! its guardian.

mod oom;
mod setup;
mod tree;

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use self::setup::{child_signals, close_all_but, drain};
use self::tree::{ask_descendants, kill_descendants};
use super::child::{self, Clone};
use super::wire::{Descriptors, Received, Report, Request, RunId, Step, receive, send};
use super::{cgroup, procfs};

/// What the first guardian is given by Stead.
pub(super) struct Charge {
    pub(super) socket: OwnedFd,
    /// Holds the lock on the record for as long as it is open.
    pub(super) record: OwnedFd,
    pub(super) record_path: PathBuf,
    pub(super) cgroup: Option<PathBuf>,
}

/// Becomes the guardian in a process that was just forked.
pub(super) fn become_guardian(charge: Charge) -> ! {
    // A panic must not run on into what was Stead's stack.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let role = match &charge.cgroup {
            Some(_) => Role::Shared,
            None => Role::First,
        };
        // SAFETY: only this process and only itself; nothing here needs a terminal or a folder.
        unsafe {
            libc::setsid();
            libc::chdir(c"/".as_ptr());
            libc::prctl(libc::PR_SET_NAME, c"stead-guardian".as_ptr());
            let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            for stream in 0..3 {
                libc::dup2(null, stream);
            }
        }
        close_all_but(&[charge.socket.as_raw_fd(), charge.record.as_raw_fd()]);
        let Charge {
            socket,
            record,
            record_path,
            cgroup,
        } = charge;
        if let Ok(mut guardian) = Guardian::new(role, socket) {
            guardian.serve();
            if let Some(cgroup) = &cgroup {
                cgroup::kill(cgroup);
            }
            guardian.end_all();
            if let Some(cgroup) = &cgroup {
                cgroup::remove(cgroup);
            }
            let _ = fs::remove_file(&record_path);
        }
        drop(record);
    }));
    // SAFETY: ends this process without running what Stead registered for its own end.
    unsafe { libc::_exit(0) }
}

/// Events of the socket, of ended children, and of starts from here on by their run.
const SOCKET: u64 = 0;
const CHILDREN: u64 = 1;
const STARTS: u64 = 2;
/// Events taken at once.
const BATCH: usize = 8;
/// Runs there is room for from the start. Every guardian of a run begins as a copy of the first
/// one, so what that one writes after a fork costs memory in each of them: in the steady state
/// it and they allocate nothing.
const ROOM: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Serves all runs, each in its cgroup.
    Shared,
    /// Makes a guardian for each run.
    First,
    /// Serves one run.
    Single,
}

struct Guardian {
    role: Role,
    socket: OwnedFd,
    /// Readable when a child has ended.
    signals: OwnedFd,
    /// Watches the socket, the children and the starts that are not decided.
    epoll: OwnedFd,
    rows: Vec<Row>,
    /// The programs' score for the out-of-memory killer, where guardians have another.
    oom_score: Option<Vec<u8>>,
    /// Runs whose own guardian was killed: their processes are this one's children now.
    orphaned: Vec<RunId>,
}

/// A child that is known by its run: the program, or for the first guardian the run's own.
struct Row {
    run: RunId,
    pid: libc::pid_t,
    /// Until it is known whether `exec` has succeeded.
    outcome: Option<OwnedFd>,
}

impl Guardian {
    fn new(role: Role, socket: OwnedFd) -> io::Result<Self> {
        // SAFETY: only this process and only itself.
        unsafe {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        }
        let signals = child_signals()?;
        Ok(Self {
            epoll: watch(&socket, &signals)?,
            role,
            socket,
            signals,
            rows: Vec::with_capacity(ROOM),
            oom_score: oom::protect(),
            orphaned: Vec::new(),
        })
    }

    /// Serves until Stead is gone or, for a run's own guardian, until its tree is.
    fn serve(&mut self) {
        loop {
            let mut space = [MaybeUninit::uninit(); BATCH];
            let Ok((events, _)) = epoll::wait(&self.epoll, &mut space, None) else {
                continue;
            };
            // What has started is told before its end, and both before what is asked next.
            let is_ready = |token: u64| events.iter().any(|event| event.data.u64() == token);
            let (requests, children) = (is_ready(SOCKET), is_ready(CHILDREN));
            for event in events.iter() {
                self.report_outcome_of(event.data.u64());
            }
            if children && !self.reap() {
                return;
            }
            if requests && !self.answer() {
                return;
            }
        }
    }

    /// Takes every request there is; false when the end has come.
    fn answer(&mut self) -> bool {
        loop {
            match receive::<Request>(self.socket.as_fd()) {
                Received::Message(Request::Spawn { run, length }, descriptors) => {
                    self.spawn(run, length as usize, descriptors);
                }
                Received::Message(Request::Signal { run, signal }, _) => {
                    self.signal_program(run, signal);
                }
                Received::Message(Request::Ask { signal, .. }, _) => ask_descendants(signal),
                // What is killed leaves orphans, which are to be killed too: the end, then.
                Received::Message(Request::Kill { .. }, _) if self.role == Role::Single => {
                    return false;
                }
                Received::Message(Request::Kill { run }, _) => {
                    self.signal_program(run, libc::SIGKILL);
                }
                Received::Nothing => return true,
                Received::Gone => return false,
            }
        }
    }

    fn signal_program(&self, run: RunId, signal: i32) {
        // A row is there until the child was waited for: the id is still its own.
        let has_run = |row: &&Row| row.run == run && row.pid > 0;
        if let Some(row) = self.rows.iter().find(has_run) {
            // SAFETY: a signal to a child of this process.
            unsafe { libc::kill(row.pid, signal) };
        }
    }

    fn spawn(&mut self, run: RunId, length: usize, mut descriptors: Descriptors) {
        let [layout, stdin, stdout, stderr, place] =
            std::array::from_fn(|index| descriptors.take(index));
        let (Some(layout), Some(stdin), Some(stdout), Some(stderr), Some(place)) =
            (layout, stdin, stdout, stderr, place)
        else {
            // The kernel drops what does not fit under the limit on open descriptors.
            self.report(Report::Failed {
                run,
                step: Step::Fork,
                errno: libc::EMFILE,
            });
            return;
        };
        let streams = [stdin, stdout, stderr];
        if self.role == Role::First {
            self.make_guardian(run, length, &layout, &streams, place);
        } else {
            self.start(run, length, &layout, &streams, Some(place.as_fd()));
        }
    }

    /// Starts a program.
    fn start(
        &mut self,
        run: RunId,
        length: usize,
        layout: &OwnedFd,
        streams: &[OwnedFd; 3],
        cgroup: Option<BorrowedFd<'_>>,
    ) {
        let started = pipe_with(PipeFlags::CLOEXEC)
            .map_err(io::Error::from)
            .and_then(|(outcome, writer)| {
                let clone = Clone {
                    layout: layout.as_fd(),
                    length,
                    streams: [streams[0].as_fd(), streams[1].as_fd(), streams[2].as_fd()],
                    cgroup,
                    oom_score: self.oom_score.as_deref(),
                    outcome: writer.as_fd(),
                };
                Ok((outcome, clone.start()?))
            });
        match started {
            Ok((outcome, pid)) => {
                let token = epoll::EventData::new_u64(STARTS + u64::from(run));
                let told = epoll::add(&self.epoll, &outcome, token, epoll::EventFlags::IN);
                self.rows.push(Row {
                    run,
                    pid,
                    outcome: Some(outcome),
                });
                if told.is_err() {
                    // Out of memory: then by waiting for it here.
                    self.report_outcome(self.rows.len() - 1);
                }
            }
            Err(error) => self.report(failed(run, &error)),
        }
    }

    /// Makes the guardian of one run, which starts the program and stays with its tree.
    fn make_guardian(
        &mut self,
        run: RunId,
        length: usize,
        layout: &OwnedFd,
        streams: &[OwnedFd; 3],
        socket: OwnedFd,
    ) {
        // SAFETY: this process has one thread, and `be_single` does not return.
        match unsafe { child::fork_single(None) } {
            Ok(0) => self.be_single(run, length, layout, streams, socket),
            Ok(pid) => self.rows.push(Row {
                run,
                pid,
                outcome: None,
            }),
            Err(error) => {
                // Stead listens for this run there.
                let _ = send(socket.as_fd(), failed(run, &error), &[]);
            }
        }
    }

    fn be_single(
        &mut self,
        run: RunId,
        length: usize,
        layout: &OwnedFd,
        streams: &[OwnedFd; 3],
        socket: OwnedFd,
    ) -> ! {
        self.role = Role::Single;
        // Closes the first guardian's socket here: were it kept, Stead would not see it go.
        self.socket = socket;
        self.rows.clear();
        // SAFETY: only this process and only itself.
        unsafe {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        }
        let watched = child_signals().and_then(|signals| {
            self.epoll = watch(&self.socket, &signals)?;
            Ok(signals)
        });
        match watched {
            Ok(signals) => {
                self.signals = signals;
                self.start(run, length, layout, streams, None);
            }
            Err(error) => self.report(failed(run, &error)),
        }
        for descriptor in std::iter::once(layout).chain(streams) {
            // SAFETY: these descriptors are used no more and their owners, on the stack of a
            // function that never returns, are not dropped.
            unsafe { libc::close(descriptor.as_raw_fd()) };
        }
        if !self.rows.is_empty() {
            self.serve();
            self.end_all();
        }
        // SAFETY: ends this process without running what Stead registered for its own end.
        unsafe { libc::_exit(0) }
    }

    fn report(&self, report: Report) {
        // A Stead that is gone is noticed at the next poll.
        let _ = send(self.socket.as_fd(), report, &[]);
    }

    fn report_outcome_of(&mut self, token: u64) {
        let is_it = |row: &Row| STARTS + u64::from(row.run) == token;
        if let Some(index) = self.rows.iter().position(is_it) {
            self.report_outcome(index);
        }
    }

    fn report_outcome(&mut self, index: usize) {
        let Row { run, pid, .. } = self.rows[index];
        let Some(pipe) = self.rows[index].outcome.take() else {
            return;
        };
        // Closing would not do: a clone that has not reached its `exec` yet has it open too.
        let _ = epoll::delete(&self.epoll, &pipe);
        self.report(match Clone::outcome(pipe) {
            Some((step, errno)) => Report::Failed { run, step, errno },
            None => Report::Started {
                run,
                pid,
                guardian: std::process::id().cast_signed(),
            },
        });
    }

    /// Waits for every child that has ended; false when the one tree this guards is gone.
    fn reap(&mut self) -> bool {
        drain(&self.signals);
        loop {
            let mut status = 0;
            // SAFETY: `status` is written during the call.
            match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
                0 => break,
                // No child at all: for the guardian of one tree, the last of it has ended.
                -1 if self.role == Role::Single => return false,
                -1 => break,
                pid => self.ended(pid, status),
            }
        }
        if self.role == Role::First {
            self.end_orphaned();
        }
        true
    }

    fn ended(&mut self, pid: libc::pid_t, status: i32) {
        let Some(index) = self.rows.iter().position(|row| row.pid == pid) else {
            return;
        };
        self.report_outcome(index);
        let run = self.rows[index].run;
        if self.role == Role::First {
            self.rows.swap_remove(index);
            if status != 0 {
                self.orphaned.push(run);
            }
            return;
        }
        self.report(Report::Exited { run, status });
        if self.role == Role::Shared {
            self.rows.swap_remove(index);
        } else {
            // The run is still served: its row stays, but no signal may go to that id.
            self.rows[index].pid = 0;
        }
    }

    /// Ends the trees of runs whose guardian was killed: they are the children here that are no
    /// guardians.
    fn end_orphaned(&mut self) {
        if self.orphaned.is_empty() {
            return;
        }
        let rows = &self.rows;
        let own = std::process::id().cast_signed();
        let is_guardian = |pid: i32| rows.iter().any(|row| row.pid == pid);
        if procfs::children(own).into_iter().all(is_guardian) {
            for run in std::mem::take(&mut self.orphaned) {
                self.report(Report::Exited {
                    run,
                    status: libc::SIGKILL,
                });
                self.report(Report::Empty { run });
            }
        } else {
            kill_descendants(|child| !is_guardian(child));
        }
    }

    /// Kills until there is no child left. The guardians of runs are let be: each has seen
    /// Stead go too and ends its own tree.
    fn end_all(&mut self) {
        let first = self.role == Role::First;
        loop {
            let rows = &self.rows;
            kill_descendants(|child| !(first && rows.iter().any(|row| row.pid == child)));
            let mut polled = [PollFd::new(&self.signals, PollFlags::IN)];
            let mut status = 0;
            // SAFETY: `status` is written during the call.
            match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
                -1 => break,
                0 => {
                    let _ = poll(&mut polled, None);
                    drain(&self.signals);
                }
                pid => {
                    if let Some(index) = self.rows.iter().position(|row| row.pid == pid) {
                        // Stead may be there still and have let go only of the launcher.
                        if !first {
                            let run = self.rows[index].run;
                            self.report(Report::Exited { run, status });
                            self.rows[index].pid = 0;
                        }
                    }
                }
            }
        }
        if self.role == Role::Single {
            for row in &self.rows {
                self.report(Report::Empty { run: row.run });
            }
        }
    }
}

fn failed(run: RunId, error: &io::Error) -> Report {
    Report::Failed {
        run,
        step: Step::Fork,
        errno: error.raw_os_error().unwrap_or(libc::EIO),
    }
}

/// What wakes a guardian.
fn watch(socket: &OwnedFd, signals: &OwnedFd) -> io::Result<OwnedFd> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (descriptor, token) in [(socket, SOCKET), (signals, CHILDREN)] {
        let token = epoll::EventData::new_u64(token);
        epoll::add(&epoll, descriptor, token, epoll::EventFlags::IN)?;
    }
    Ok(epoll)
}
