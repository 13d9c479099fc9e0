use std::ffi::OsString;
use std::path::PathBuf;

/// A program to start. Everything is resolved: nothing is looked up or inherited.
#[derive(Clone, Debug)]
pub struct Command {
    /// The service's name; names its cgroup and shows in errors.
    pub name: String,
    /// The executable: absolute.
    pub program: PathBuf,
    /// The arguments after argv\[0\].
    pub arguments: Vec<OsString>,
    /// The working folder: absolute.
    pub directory: PathBuf,
    /// The whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The account to run as; `None`: the caller's. Unix only.
    pub user: Option<String>,
    /// Resource limits.
    pub limits: Limits,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard output.
    pub stdout: Output,
    /// Standard error.
    pub stderr: Output,
}

/// What a program reads as standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// End of file at once.
    #[default]
    Null,
    /// The caller's own.
    Inherit,
}

/// Where a program's output goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Into a pipe whose read end the [`super::Process`] hands out.
    #[default]
    Pipe,
    /// The caller's own.
    Inherit,
    /// Nowhere.
    Null,
}

/// Resource limits of a process tree.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Memory of the tree in bytes (cgroup `memory.max`, job memory).
    pub memory: Option<u64>,
    /// Processors' worth of time: 1.5 is one and a half (cgroup `cpu.max`, job CPU rate).
    pub cpu: Option<f64>,
    /// Processes and threads (cgroup `pids.max`; a job counts processes).
    pub tasks: Option<u64>,
    /// Open descriptors of each process (`RLIMIT_NOFILE`). Unix only.
    pub open_files: Option<u64>,
}

/// A limit that could not be put into force here, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitNotEnforced {
    /// `memory`, `cpu`, `tasks`, `open_files`.
    pub limit: &'static str,
    /// Why.
    pub reason: String,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It returned this status (on Windows the whole 32 bits).
    Code(i32),
    /// A signal ended it. Unix only.
    Signal(i32),
}

/// A signal by its number on this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(pub i32);

/// Resources a tree uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Resident memory in bytes.
    pub memory: u64,
    /// Processor time since the start.
    pub cpu: std::time::Duration,
    /// Processes alive.
    pub processes: u32,
}

/// Why a program could not be started. The text names what was tried and carries the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no such executable.
    #[error("no executable {}", .0.display())]
    NoExecutable(PathBuf),
    /// The file is there and may not be executed.
    #[error("{} is not executable for {user}", .program.display())]
    NotExecutable {
        /// The file.
        program: PathBuf,
        /// Who tried.
        user: String,
    },
    /// The working folder is missing or closed to the account.
    #[error("cannot enter the folder {}", .directory.display())]
    Directory {
        /// The folder.
        directory: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The account does not exist.
    #[error("no user {0}")]
    NoUser(String),
    /// The caller may not switch to the account.
    #[error("cannot switch to user {user}: {reason}")]
    SwitchUser {
        /// The account.
        user: String,
        /// Why.
        reason: String,
    },
    /// The guardian process, which starts programs, was killed, and another is not there yet:
    /// it comes once all that the last one had started is ended. Linux only.
    #[error("no guardian process to start it: {0}")]
    NoGuardian(String),
    /// Anything else the system said.
    #[error("cannot {action}")]
    Os {
        /// What was tried.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
