//! Process trees: start one so that nothing of it can escape, learn of its end at once, stop it
//! by the ladder, and leave nothing behind, whatever dies first.
//!
//! A [`Launcher`] starts programs; each is a [`Process`] with its whole tree.

mod command;
#[cfg(target_os = "linux")]
mod linux;
mod signal;
#[cfg(windows)]
mod windows;

use std::future::Future;
use std::io::{self, PipeReader};
use std::path::PathBuf;
use std::sync::Arc;

pub use command::*;
#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(windows)]
use windows as platform;
#[cfg(windows)]
pub use windows::press_ctrl_c;

/// Whether the system knows an account of that name. Linux only.
#[cfg(target_os = "linux")]
pub fn account_exists(name: &str) -> bool {
    linux::account_exists(name)
}

/// How a [`Launcher`] works.
#[derive(Clone, Debug)]
pub struct LauncherOptions {
    /// The folder for the record that lets a later Stead end what a killed one left; made if
    /// missing. Several Steads may share it.
    pub runs: PathBuf,
    /// Whether trees get a cgroup each. Linux only.
    pub cgroup: CgroupMode,
}

/// Whether trees are kept in cgroups. Linux only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CgroupMode {
    /// In cgroups where a cgroup v2 tree is writable, else by a guardian process for each.
    #[default]
    Auto,
    /// Never in cgroups.
    Off,
}

/// Why a [`Launcher`] could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LauncherError {
    /// The folder for run records cannot be used.
    #[error("cannot write run records to {}", .runs.display())]
    Runs {
        /// The folder.
        runs: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Anything else the system said.
    #[error("cannot {action}")]
    Os {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What [`Launcher::sweep`] ended: a process of a Stead that is no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    /// The process.
    pub pid: u32,
    /// Its name as the system knows it.
    pub name: String,
}

/// Starts programs. Cheap to clone; when the last clone is gone, every tree it started is ended.
#[derive(Clone)]
pub struct Launcher(Arc<platform::Launcher>);

impl Launcher {
    /// Prepares to start programs.
    ///
    /// On Linux this forks the guardian, the process that starts every program and ends them all
    /// should this one die. Call it early in `main`: before other threads exist and before any
    /// runtime. The fork itself is sound at any time, but a second thread could be holding a
    /// lock that the guardian would then never get; the guardian therefore allocates (the C
    /// library makes its allocator usable after a fork) and otherwise makes system calls only.
    ///
    /// That also lets a thread of the launcher fork another guardian when one is killed, once
    /// every tree of the last is ended and told of. The first five in a row come at once; then
    /// each comes after a rest, of a second at first and a minute at most, until one has lived
    /// for a minute.
    pub fn start(options: LauncherOptions) -> Result<Self, LauncherError> {
        platform::Launcher::start(options).map(|launcher| Self(Arc::new(launcher)))
    }

    /// Ends whatever an earlier Stead that died together with its guardian left running, and
    /// waits for a guardian that is still at it. Steads that live are left alone. To be called
    /// before anything is spawned: then nothing ever runs twice.
    pub fn sweep(&self) -> Vec<Swept> {
        self.0.sweep()
    }

    /// Whether each tree has a cgroup of its own here.
    pub fn uses_cgroups(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.0.uses_cgroups();
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// Starts a program. It runs (on Unix: `exec` has succeeded) when this returns.
    ///
    /// Its environment is what the command says and `STEAD_INVOCATION`, which names this run.
    /// Dropping the future before it is done ends what it may have started. While a guardian
    /// that was killed is being replaced this waits, and while the next one rests, or what the
    /// last one left does not end within five seconds, it fails: [`SpawnError::NoGuardian`].
    pub async fn spawn(&self, command: Command) -> Result<Process, SpawnError> {
        self.0.spawn(command).await.map(Process)
    }
}

/// A program that was started, and its tree: everything it started in turn. Dropping it kills
/// the tree.
pub struct Process(platform::Process);

impl Process {
    /// The process id of the program itself.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// The limits of the command that are not in force, and why.
    pub fn not_enforced(&self) -> &[LimitNotEnforced] {
        self.0.not_enforced()
    }

    /// The read end of the program's standard output, once, if it is a pipe.
    pub fn take_stdout(&mut self) -> Option<PipeReader> {
        self.0.take_stdout()
    }

    /// The read end of the program's standard error, once, if it is a pipe.
    pub fn take_stderr(&mut self) -> Option<PipeReader> {
        self.0.take_stderr()
    }

    /// Resolves when the program itself has ended. Any number may wait, at any time, and after
    /// the `Process` is dropped too.
    pub fn exit(&self) -> impl Future<Output = Exit> + Send + 'static + use<> {
        self.0.exit()
    }

    /// Resolves when no process of the tree is left. Any number may wait, at any time.
    pub fn empty(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.0.empty()
    }

    /// Sends a signal to the program itself (a reload). Nothing happens if it has ended.
    pub fn signal(&self, signal: Signal) {
        self.0.signal(signal);
    }

    /// Asks the whole tree to stop: the signal, and on Unix `SIGCONT` after it, goes to every
    /// process of it, as with systemd's `KillMode=control-group`.
    pub fn ask(&self, signal: Signal) {
        self.0.ask(signal);
    }

    /// Kills every process of the tree at once; [`Process::empty`] tells when they are gone.
    pub fn kill_tree(&self) {
        self.0.kill_tree();
    }

    /// Whether a process belongs to the tree.
    pub fn contains(&self, pid: u32) -> bool {
        self.0.contains(pid)
    }

    /// What the tree uses now. What the system does not tell is zero.
    pub fn usage(&self) -> Usage {
        self.0.usage()
    }
}
