//! Process trees on Windows: a Job Object each.
//!
//! A program is in its job from its first instruction, may not leave it, and so is everything it
//! starts. The job's only handle is this process's, and closing it ends the tree: however Stead
//! dies, its programs end with it, and there is never anything to sweep.

mod command_line;
mod console;
mod create;
mod job;
mod port;
mod wait;

use std::future::Future;
use std::io::{self, PipeReader};
use std::os::windows::io::{AsRawHandle as _, OwnedHandle};
use std::sync::Arc;

use tokio::sync::watch;
use windows_sys::Win32::System::Threading::{GetExitCodeProcess, TerminateProcess};

use super::{
    Command, Exit, LauncherError, LauncherOptions, LimitNotEnforced, Signal, SpawnError, Swept,
    Usage,
};
pub use console::press_ctrl_c;
use job::Job;
use port::Port;

/// What a killed process reports, as with `taskkill /F`.
const KILLED: u32 = 1;

pub(super) struct Launcher {
    port: Port,
}

impl Launcher {
    pub(super) fn start(options: LauncherOptions) -> Result<Self, LauncherError> {
        // Jobs die with their owner, so no record of runs is kept; the folder is made all the
        // same, since a caller may rely on it.
        std::fs::create_dir_all(&options.runs).map_err(|source| LauncherError::Runs {
            runs: options.runs,
            source,
        })?;
        console::let_children_see_ctrl_c();
        let port = Port::start().map_err(|source| LauncherError::Os {
            action: "create the completion port of process trees",
            source,
        })?;
        Ok(Self { port })
    }

    #[expect(
        clippy::unused_self,
        reason = "one face for all systems; here jobs leave nothing to end"
    )]
    pub(super) fn sweep(&self) -> Vec<Swept> {
        Vec::new()
    }

    pub(super) async fn spawn(&self, command: Command) -> Result<Process, SpawnError> {
        let trees = self.port.trees();
        // Creating a process can take long when a virus scanner looks at the executable first. If
        // the future is dropped meanwhile, the process is dropped when it exists, and so killed.
        match tokio::task::spawn_blocking(move || Process::spawn(&command, &trees)).await {
            Ok(spawned) => spawned,
            Err(stopped) => Err(SpawnError::Os {
                action: "start a program while the runtime shuts down",
                source: io::Error::other(stopped),
            }),
        }
    }
}

/// A tree as long as anything of it lives: the process, its job, and those who wait for them.
struct Tree {
    job: Job,
    exit: watch::Sender<Option<Exit>>,
    empty: watch::Sender<bool>,
}

impl Tree {
    /// Says that the tree is empty if it is. The completion port tells this too, but its
    /// messages are documented as not guaranteed.
    fn notice_empty(&self) -> bool {
        if self.job.active().is_ok_and(|active| active == 0) {
            self.empty.send_replace(true);
        }
        *self.empty.borrow()
    }
}

pub(super) struct Process {
    id: u32,
    tree: Arc<Tree>,
    /// Keeps the process id from being given to another process while Stead may still use it.
    handle: OwnedHandle,
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    on_our_console: bool,
    not_enforced: Vec<LimitNotEnforced>,
}

impl Process {
    fn spawn(command: &Command, trees: &Arc<port::Trees>) -> Result<Self, SpawnError> {
        if let Some(user) = &command.user {
            return Err(SpawnError::SwitchUser {
                user: user.clone(),
                reason: "Windows wants that account's password for it; install the service, and \
                         the service manager runs it under its account"
                    .to_owned(),
            });
        }
        let (job, not_enforced) =
            Job::create(&command.limits).map_err(|source| SpawnError::Os {
                action: "create a job object",
                source,
            })?;
        let key = trees.associate(&job).map_err(|source| SpawnError::Os {
            action: "have a job object report",
            source,
        })?;
        let tree = Arc::new(Tree {
            job,
            exit: watch::Sender::new(None),
            empty: watch::Sender::new(false),
        });
        // Before the process exists: its job's report may come at any time after.
        trees.add(key, &tree);
        let started = Self::start(command, &tree, trees, key);
        if started.is_err() {
            // The last handle of the job goes with the tree, and whatever had been started.
            trees.forget(key);
        }
        let created = started?;
        Ok(Self {
            id: created.id,
            tree,
            handle: created.process,
            stdout: created.stdout,
            stderr: created.stderr,
            on_our_console: created.on_our_console,
            not_enforced,
        })
    }

    /// Creates the process in the tree's job and has its end noticed.
    fn start(
        command: &Command,
        tree: &Arc<Tree>,
        trees: &Arc<port::Trees>,
        key: usize,
    ) -> Result<create::Created, SpawnError> {
        let created = create::create(command, trees.invocation(key), &tree.job)?;
        let process = created
            .process
            .try_clone()
            .map_err(|source| SpawnError::Os {
                action: "duplicate a process handle",
                source,
            })?;
        let (tree, trees) = (Arc::clone(tree), Arc::clone(trees));
        wait::when_ended(process, move |process| {
            tree.exit.send_replace(Some(exit_of(process)));
            if tree.notice_empty() {
                trees.forget(key);
            }
        })
        .map_err(|source| SpawnError::Os {
            action: "wait for a process",
            source,
        })?;
        Ok(created)
    }

    pub(super) fn id(&self) -> u32 {
        self.id
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
        let mut exit = self.tree.exit.subscribe();
        // The tree holds the sender: it stays for as long as anyone waits for it.
        let tree = Arc::clone(&self.tree);
        async move {
            let ended = exit
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|exit| *exit);
            drop(tree);
            ended.unwrap_or(Exit::Code(KILLED.cast_signed()))
        }
    }

    pub(super) fn empty(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut empty = self.tree.empty.subscribe();
        let tree = Arc::clone(&self.tree);
        async move {
            // An error would say that the sender is gone, which `tree` prevents.
            let _ = empty.wait_for(|empty| *empty).await;
            drop(tree);
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if console::means_stop(signal) {
            self.interrupt();
        } else {
            tracing::debug!(
                pid = self.id,
                signal = signal.0,
                "Windows has no such signal"
            );
        }
    }

    /// The signal is of no account: Windows has one way to ask a console program, and one to ask
    /// a program with windows.
    pub(super) fn ask(&self, _signal: Signal) {
        self.interrupt();
        console::close_windows(&self.tree.job);
    }

    fn interrupt(&self) {
        if self.on_our_console {
            // Ctrl+C would reach all that share the console, us and the user's shell included.
            console::send_ctrl_break(&self.tree.job, self.id);
        } else {
            console::send_ctrl_c(&self.tree.job);
        }
    }

    pub(super) fn kill_tree(&self) {
        if let Err(error) = self.tree.job.terminate(KILLED) {
            tracing::error!(pid = self.id, %error, "cannot terminate a job object");
            // SAFETY: the handle is open and belongs to this structure.
            unsafe { TerminateProcess(self.handle.as_raw_handle(), KILLED) };
        }
    }

    pub(super) fn contains(&self, pid: u32) -> bool {
        self.tree.job.open_member(pid).is_some()
    }

    pub(super) fn usage(&self) -> Usage {
        self.tree.job.usage()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !*self.tree.empty.borrow() {
            self.kill_tree();
        }
    }
}

fn exit_of(process: &OwnedHandle) -> Exit {
    let mut code = KILLED;
    // SAFETY: the handle is open for querying, and `code` outlives the call.
    if unsafe { GetExitCodeProcess(process.as_raw_handle(), &raw mut code) } == 0 {
        tracing::error!(error = %io::Error::last_os_error(), "cannot read an exit code");
    }
    Exit::Code(code.cast_signed())
}
