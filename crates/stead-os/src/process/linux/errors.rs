//! What went wrong, in the caller's words.

use std::io;

use super::super::{Command, LauncherError, SpawnError};
use super::user;
use super::wire::Step;

/// A failed step in the caller's words.
pub(super) fn explain(command: &Command, step: Step, errno: i32) -> SpawnError {
    let source = io::Error::from_raw_os_error(errno);
    let user = || command.user.clone().unwrap_or_else(user::current_name);
    match (step, errno) {
        (Step::Execute, libc::ENOENT | libc::ENOTDIR) if !command.program.exists() => {
            SpawnError::NoExecutable(command.program.clone())
        }
        (Step::Execute, libc::ENOENT) => SpawnError::Os {
            action: "find the interpreter of the executable",
            source,
        },
        (Step::Execute, libc::EACCES) => SpawnError::NotExecutable {
            program: command.program.clone(),
            user: user(),
        },
        (Step::Execute, _) => SpawnError::Os {
            action: "execute the program",
            source,
        },
        (Step::Directory, _) => SpawnError::Directory {
            directory: command.directory.clone(),
            source,
        },
        (Step::User, libc::EPERM) => SpawnError::SwitchUser {
            user: user(),
            reason: format!("only root may, and this is {}", user::current_name()),
        },
        (Step::User, _) => SpawnError::SwitchUser {
            user: user(),
            reason: source.to_string(),
        },
        (Step::OpenFiles, _) => SpawnError::Os {
            action: "limit its open files",
            source,
        },
        (Step::Fork | Step::Prepare, _) => SpawnError::Os {
            action: "make a process",
            source,
        },
    }
}

/// The guardian was killed while it was asked for a start.
pub(super) fn lost() -> SpawnError {
    SpawnError::NoGuardian("it was killed during the start".to_owned())
}

pub(super) fn os(action: &'static str) -> impl FnOnce(rustix::io::Errno) -> LauncherError {
    move |errno| os_io(action)(errno.into())
}

pub(super) fn os_io(action: &'static str) -> impl FnOnce(io::Error) -> LauncherError {
    move |source| LauncherError::Os { action, source }
}

pub(super) fn spawn_os(action: &'static str) -> impl Fn(io::Error) -> SpawnError {
    move |source| SpawnError::Os { action, source }
}
