use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::check::Check;
use super::section::section;
use super::sections::{
    Config, Launchd, Limits, Logs, Publish, Reload, RestartPolicy, Sandbox, Stop, Systemd, Windows,
};
use super::value::{Argv, Period};
use super::words::{Ready, Start};
use crate::name::ServiceName;

section! {
    /// One service, as `[services.NAME]` describes it. Paths are as written; see
    /// [`directory_under`](Self::directory_under) and [`path_under`](Self::path_under).
    pub struct Service {
        /// The program and its arguments; never passed through a shell. A program `./x` is relative to `directory`.
        required command: Argv;
        /// What it does, in a sentence.
        description: Option<String> = None;
        /// Its name for people; absent: its name.
        display_name: Option<String> = None;
        /// The working folder, relative to the definition file.
        directory: String = ".".to_owned();
        /// Environment variables, added to the few that every service gets.
        environment: BTreeMap<String, String> = BTreeMap::new();
        /// A file of further variables (`NAME=value` lines), relative to the definition file; `environment` goes before it.
        environment_file: Option<String> = None;
        /// The account it runs as. Absent: installed, one with the least privileges; under `up`, whoever runs that.
        user: Option<String> = None;
        /// When it is started.
        start: Start = Start::Automatic;
        /// Services that are ready before it is started, and that are stopped after it.
        depends_on: Vec<ServiceName> = Vec::new();
        /// How it is known to be ready.
        ready: Ready = Ready::Spawned;
        /// How long it may take to be ready; then it has failed.
        ready_timeout: Period = Period::from_secs(90);
        /// The exit statuses that are a success.
        success_exit: Vec<i32> = vec![0];
        /// A file that holds the process id while it runs, relative to `directory`.
        pid_file: Option<String> = None;
        /// Commands run before it is started, one after the other; a failure is a failed start.
        before_start: Vec<Argv> = Vec::new();
        /// Commands run once it is ready.
        after_start: Vec<Argv> = Vec::new();
        /// Commands run before it is stopped.
        before_stop: Vec<Argv> = Vec::new();
        /// Commands run after it has ended, however it did.
        after_stop: Vec<Argv> = Vec::new();
        /// How long each of those commands may take.
        hook_timeout: Period = Period::from_secs(30);
        /// How it is stopped.
        stop: Stop = Stop::default();
        /// How it is told to read its configuration anew; absent: `reload` is refused.
        reload: Option<Reload> = None;
        /// When it is started again.
        restart: RestartPolicy = RestartPolicy::default();
        /// How its output is kept.
        logs: Logs = Logs::default();
        /// What it may use at most.
        limits: Limits = Limits::default();
        /// How far it is shut off from the machine, once installed.
        sandbox: Sandbox = Sandbox::default();
        /// What only the Windows service control manager has.
        windows: Windows = Windows::default();
        /// What only systemd has.
        systemd: Systemd = Systemd::default();
        /// What only launchd has.
        launchd: Launchd = Launchd::default();
        /// How it appears in the registry; absent: it does not.
        publish: Option<Publish> = None;
        /// How its health is checked.
        checks: Vec<Check> = Vec::new();
        /// The configuration documents it follows.
        config: Config = Config::default();
    }
}

impl Service {
    /// The working folder, for a definition file in the folder `base`. Nothing is looked up: the
    /// path may not exist.
    pub fn directory_under(&self, base: &Path) -> PathBuf {
        joined(base, &self.directory)
    }

    /// The program, for a definition file in the folder `base`: a path is relative to
    /// `directory`, a bare name (`python3`) is left for the search path.
    pub fn program_under(&self, base: &Path) -> PathBuf {
        let program = self.command.program();
        let is_path = program.contains('/') || (cfg!(windows) && program.contains('\\'));
        if is_path {
            self.path_under(base, program)
        } else {
            PathBuf::from(program)
        }
    }

    /// A path that is relative to `directory` (`pid_file`, a folder of `sandbox.write`), for a
    /// definition file in the folder `base`.
    pub fn path_under(&self, base: &Path, path: &str) -> PathBuf {
        joined(&self.directory_under(base), path)
    }

    /// The environment file, for a definition file in the folder `base`.
    pub fn environment_file_under(&self, base: &Path) -> Option<PathBuf> {
        self.environment_file
            .as_ref()
            .map(|file| joined(base, file))
    }
}

/// `base/path` without the steps that go nowhere; `path` itself when it is absolute.
fn joined(base: &Path, path: &str) -> PathBuf {
    base.join(path)
        .components()
        .filter(|part| !matches!(part, std::path::Component::CurDir))
        .collect()
}
