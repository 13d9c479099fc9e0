//! Linux: a guardian that starts everything, cgroups where they can be had.
//!
//! ```text
//!            requests, descriptors            clone, exec
//!   Stead ───────────────────────▶ guardian ──────────────▶ program ─▶ whatever it forks
//!     ▲   ◀───────────────────────   │  ▲                                    │
//!     │     started, exited, empty   │  └────── orphans come here ───────────┘
//!     └── watcher: hears it, and cgroup.events
//! ```
//!
//! Stead is killed: the guardian's socket ends, and it ends every tree. The guardian is killed:
//! the programs get `SIGKILL` by `PR_SET_PDEATHSIG`, Stead ends the rest and, once nothing of it
//! is left, forks another guardian. Both are killed at once: the programs go in the same way,
//! and [`record::sweep`] ends the rest before the next Stead starts anything.

mod cgroup;
mod child;
mod errors;
mod guardian;
mod limits;
mod pace;
mod post;
mod procfs;
mod record;
mod run;
mod user;
mod watcher;
mod wire;

use std::ffi::{CString, OsStr};
use std::future::Future;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use rustix::fs::{Mode, OFlags};
use rustix::net::{Shutdown, shutdown};

use super::{
    CgroupMode, Command, Exit, LauncherError, LauncherOptions, LimitNotEnforced, Output, Signal,
    SpawnError, Stdin, Swept, Usage,
};
use cgroup::Hierarchy;
use errors::{explain, lost, os, os_io, spawn_os};
use post::{Post, pair};
use run::{Place, Run};
use watcher::{Duty, Shared};
use wire::Request;

/// The variable that names a run in the environment of its program.
const INVOCATION: &str = "STEAD_INVOCATION";
/// The longest part of a service's name that its cgroup's name has; the kernel allows 255 bytes.
const MAX_CGROUP_NAME: usize = 200;

/// Whether the account database has that name.
pub(super) fn account_exists(name: &str) -> bool {
    user::by_name(name).is_some()
}

pub(super) struct Launcher {
    shared: Arc<Shared>,
    /// Gives the guardian's post back when it ends.
    watcher: Option<JoinHandle<Post>>,
    runs: PathBuf,
    record: PathBuf,
    /// What the invocation of each run starts with.
    invocation: String,
    hierarchy: Option<Hierarchy>,
    next: AtomicU32,
    null: OwnedFd,
}

impl Launcher {
    pub(super) fn uses_cgroups(&self) -> bool {
        self.hierarchy.is_some()
    }

    pub(super) fn start(options: LauncherOptions) -> Result<Self, LauncherError> {
        let mut random = [0; 16];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(os("draw a random id"))?;
        // With the 8 digits of a run it has the 32 that such ids have elsewhere.
        let invocation = format!("{:024x}", u128::from_ne_bytes(random) >> 32);
        let planned = match options.cgroup {
            CgroupMode::Auto => {
                let name = format!("stead-{}-{}", std::process::id(), &invocation[..8]);
                Hierarchy::plan(&name)
            }
            CgroupMode::Off => None,
        };
        let cgroup = planned.as_ref().map(Hierarchy::path);
        // First of all: what this process leaves if it is killed is on record before it is there.
        let (record, lock) =
            record::create(&options.runs, &invocation, cgroup).map_err(|source| {
                LauncherError::Runs {
                    runs: options.runs.clone(),
                    source,
                }
            })?;
        let hierarchy = planned.and_then(Hierarchy::create);
        let post = Post {
            runs: options.runs.clone(),
            invocation: invocation.clone(),
            record: record.clone(),
            lock,
            cgroup: hierarchy.as_ref().map(|own| own.path().to_owned()),
        };
        let started = post
            .fill()
            .map_err(os_io("fork the guardian"))
            .and_then(|first| Shared::new(first).map_err(os_io("watch the guardian")));
        let (shared, first) = match started {
            Ok(started) => started,
            Err(error) => {
                post.clear();
                return Err(error);
            }
        };
        let shared = Arc::new(shared);
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
            .map_err(os("open /dev/null"))?;
        let watcher = watcher::start(Arc::clone(&shared), post, first)
            .map_err(os_io("start the thread that watches the guardian"))?;
        Ok(Self {
            shared,
            watcher: Some(watcher),
            runs: options.runs,
            record,
            invocation,
            hierarchy,
            next: AtomicU32::new(1),
            null,
        })
    }

    pub(super) fn sweep(&self) -> Vec<Swept> {
        record::sweep(&self.runs, &self.record)
    }

    pub(super) async fn spawn(&self, command: Command) -> Result<Process, SpawnError> {
        let control = self.shared.guardian().await?;
        let (process, started) = self.request(&command, control)?;
        match started.await {
            Ok(Ok(())) => Ok(process),
            Ok(Err((step, errno))) => Err(explain(&command, step, errno)),
            Err(_) => Err(lost()),
        }
    }

    /// Asks the guardian for a start. From here on the process kills its tree when dropped.
    fn request(
        &self,
        command: &Command,
        control: Arc<OwnedFd>,
    ) -> Result<(Process, tokio::sync::oneshot::Receiver<run::Started>), SpawnError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let account = match &command.user {
            Some(name) => {
                Some(user::by_name(name).ok_or_else(|| SpawnError::NoUser(name.clone()))?)
            }
            None => None,
        };
        let mut not_enforced = Vec::new();
        let layout = child::Layout::write(&child::Plan {
            directory: command.directory.as_os_str(),
            arguments: std::iter::once(command.program.as_os_str())
                .chain(command.arguments.iter().map(AsRef::as_ref))
                .collect(),
            environment: environment(command, &format!("{}{id:08x}", self.invocation))?,
            account: account.as_ref(),
            open_files: limits::open_files(command, &mut not_enforced),
        })
        .map_err(spawn_os("lay out the program's arguments"))?;

        let stdin = match command.stdin {
            Stdin::Null => self.null.as_fd(),
            Stdin::Inherit => rustix::stdio::stdin(),
        };
        let (stdout, stdout_writer) = output(command.stdout)?;
        let (stderr, stderr_writer) = output(command.stderr)?;
        let stdout_stream = match command.stdout {
            Output::Inherit => rustix::stdio::stdout(),
            Output::Pipe | Output::Null => stdout_writer.as_ref().unwrap_or(&self.null).as_fd(),
        };
        let stderr_stream = match command.stderr {
            Output::Inherit => rustix::stdio::stderr(),
            Output::Pipe | Output::Null => stderr_writer.as_ref().unwrap_or(&self.null).as_fd(),
        };

        let (place, handed) = self.make_place(command, id, &mut not_enforced)?;
        let (run, started) = Run::new(id, place, control);
        let process = Process {
            run: Arc::new(run),
            shared: Arc::clone(&self.shared),
            stdout,
            stderr,
            not_enforced,
        };
        process.enter()?;
        let request = Request::Spawn {
            run: id,
            length: layout.length,
        };
        let descriptors = [
            layout.memory.as_fd(),
            stdin,
            stdout_stream,
            stderr_stream,
            handed.as_fd(),
        ];
        wire::send(process.run.control.as_fd(), request, &descriptors).map_err(|_| {
            process.leave();
            lost()
        })?;
        Ok((process, started))
    }

    /// Where the tree will be, and what the guardian is handed for it.
    fn make_place(
        &self,
        command: &Command,
        id: wire::RunId,
        not_enforced: &mut Vec<LimitNotEnforced>,
    ) -> Result<(Place, OwnedFd), SpawnError> {
        if let Some(hierarchy) = &self.hierarchy {
            let path = hierarchy
                .add(&cgroup_name(&command.name, id))
                .map_err(spawn_os("make a cgroup"))?;
            limits::limit(command, hierarchy, &path, not_enforced);
            match cgroup::open(&path) {
                Ok(folder) => return Ok((Place::Cgroup(path), folder)),
                Err(error) => {
                    cgroup::remove(&path);
                    return Err(spawn_os("open a cgroup")(error));
                }
            }
        }
        limits::report_without_cgroup(command, not_enforced);
        let (own, other) = pair().map_err(spawn_os("make a socket"))?;
        Ok((Place::Guardian(own), other))
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        {
            let mut table = self.shared.runs.table();
            table.closing = true;
            // The guardian takes the end of its socket for the end of Stead; those of single
            // runs have their own.
            if let Duty::Served(control) = &*self.shared.duty.borrow() {
                let _ = shutdown(control, Shutdown::Write);
            }
            for run in table.runs.values() {
                if let Place::Guardian(socket) = &run.place {
                    let _ = shutdown(socket, Shutdown::Write);
                }
            }
        }
        self.shared.wake();
        // All is ended when it ends. It has panicked or it has ended; there is nothing to be
        // done about the first.
        if let Some(Ok(post)) = self.watcher.take().map(JoinHandle::join) {
            post.clear();
        }
    }
}

pub(super) struct Process {
    run: Arc<Run>,
    shared: Arc<Shared>,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    not_enforced: Vec<LimitNotEnforced>,
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.run.pid.load(Ordering::Acquire).cast_unsigned()
    }

    pub(super) fn not_enforced(&self) -> &[LimitNotEnforced] {
        &self.not_enforced
    }

    pub(super) fn take_stdout(&mut self) -> Option<PipeReader> {
        self.stdout.take()
    }

    pub(super) fn take_stderr(&mut self) -> Option<PipeReader> {
        self.stderr.take()
    }

    pub(super) fn exit(&self) -> impl Future<Output = Exit> + Send + 'static + use<> {
        let mut exit = self.run.exit.subscribe();
        async move {
            let known = exit.wait_for(Option::is_some).await;
            // A run is settled before it is let go of, so that the value is always there.
            known
                .ok()
                .and_then(|exit| *exit)
                .unwrap_or(Exit::Signal(libc::SIGKILL))
        }
    }

    pub(super) fn empty(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut empty = self.run.empty.subscribe();
        async move {
            // As for the exit.
            let _ = empty.wait_for(|empty| *empty).await;
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        self.run.signal(signal);
    }

    pub(super) fn ask(&self, signal: Signal) {
        self.run.ask(signal);
    }

    pub(super) fn kill_tree(&self) {
        self.run.kill();
    }

    pub(super) fn contains(&self, pid: u32) -> bool {
        i32::try_from(pid).is_ok_and(|pid| self.run.contains(pid))
    }

    pub(super) fn usage(&self) -> Usage {
        self.run.usage()
    }

    /// Puts the run on the table and has its end watched.
    fn enter(&self) -> Result<(), SpawnError> {
        let id = self.run.id;
        let watched = {
            let mut table = self.shared.runs.table();
            let serves = matches!(
                &*self.shared.duty.borrow(),
                Duty::Served(control) if Arc::ptr_eq(control, &self.run.control)
            );
            if !serves || table.closing {
                drop(table);
                self.run.has_emptied();
                return Err(lost());
            }
            table.runs.insert(id, Arc::clone(&self.run));
            match &self.run.place {
                Place::Cgroup(path) => run::watch_events(&self.shared.cgroups, path).map(|watch| {
                    table.watches.insert(watch, id);
                }),
                Place::Guardian(socket) => self.shared.listen(socket, id),
            }
        };
        watched.map_err(|error| {
            self.leave();
            spawn_os("watch a process tree")(error)
        })
    }

    /// Takes the run off the table again: the guardian never hears of it.
    fn leave(&self) {
        self.shared.finish(&self.run);
        // The thread may be waiting for this to be the last one.
        self.shared.wake();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_tree();
    }
}

/// The environment, with the name of the run.
fn environment(command: &Command, invocation: &str) -> Result<Vec<CString>, SpawnError> {
    let own = (OsStr::new(INVOCATION), OsStr::new(invocation));
    command
        .environment
        .iter()
        .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
        .filter(|(name, _)| *name != INVOCATION)
        .chain([own])
        .map(|(name, value)| {
            let mut entry = name.to_os_string().into_vec();
            entry.push(b'=');
            entry.extend_from_slice(value.as_bytes());
            CString::new(entry).map_err(|error| SpawnError::Os {
                action: "lay out the program's environment",
                source: error.into(),
            })
        })
        .collect()
}

/// The pipe for an output: what Stead reads and what the program writes.
fn output(output: Output) -> Result<(Option<PipeReader>, Option<OwnedFd>), SpawnError> {
    if output != Output::Pipe {
        return Ok((None, None));
    }
    let (reader, writer) = io::pipe().map_err(spawn_os("make a pipe"))?;
    Ok((Some(reader), Some(writer.into())))
}

/// A cgroup's name: the service's with what could harm a path replaced, and the run.
fn cgroup_name(service: &str, id: wire::RunId) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let name: String = service
        .chars()
        .map(|letter| if harmless(letter) { letter } else { '_' })
        .take(MAX_CGROUP_NAME)
        .collect();
    format!("{name}-{id}")
}
