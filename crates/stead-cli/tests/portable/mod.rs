//! What the tests for every system have in common: the program under test, the programs it keeps,
//! and how to see without asking any system whether one runs.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "each test program uses its part, and fails by panicking; it ends what it starts"
)]

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use stead_testkit::{DEADLINE, eventually};

#[cfg(unix)]
pub(crate) use unix::Foreground;
#[cfg(windows)]
pub(crate) use windows::Foreground;

/// The program under test.
pub(crate) const STEAD: &str = env!("CARGO_BIN_EXE_stead");

/// What a test changes in the environment of `stead` in a folder.
pub(crate) fn variables(folder: &Path) -> [(&'static str, PathBuf); 2] {
    // Where it keeps its records of what runs, on Unix and on Windows.
    [
        ("XDG_RUNTIME_DIR", folder.to_owned()),
        ("TMP", folder.to_owned()),
    ]
}

/// A command of `stead` in a folder, without input and with its output in pipes.
pub(crate) fn stead(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(STEAD);
    command
        .args(arguments)
        .current_dir(folder)
        .envs(variables(folder))
        .env("NO_COLOR", "1")
        .env_remove("STEAD_AGENT")
        .env_remove("STEAD_ADDR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The program that the tests have kept. Cargo builds examples for a test run, in a folder beside
/// the tests' own.
pub(crate) fn probe() -> String {
    let this = std::env::current_exe().unwrap();
    let name = format!("probe{}", std::env::consts::EXE_SUFFIX);
    let path = this.parent().unwrap().parent().unwrap();
    let path = path.join("examples").join(name);
    assert!(path.exists(), "{} is not built", path.display());
    path.into_os_string().into_string().unwrap()
}

/// Whether a process holds this lock.
pub(crate) fn is_held(lock: &Path) -> bool {
    match File::open(lock).map(|file| file.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => true,
        Ok(Ok(())) | Err(_) => false,
        Ok(Err(TryLockError::Error(error))) => panic!("{}: {error}", lock.display()),
    }
}

/// Waits until a process holds the lock: it runs.
#[track_caller]
pub(crate) fn until_held(lock: &Path) {
    eventually(DEADLINE, &format!("{} is held", lock.display()), || {
        is_held(lock)
    });
}

/// Waits until no process holds the lock: whoever did is gone.
#[track_caller]
pub(crate) fn until_free(lock: &Path) {
    eventually(DEADLINE, &format!("{} is free", lock.display()), || {
        !is_held(lock)
    });
}

/// Asserts an exit status and what stderr says.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, status: i32, says: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    for text in says {
        assert!(stderr.contains(text), "{text:?} is not in:\n{stderr}");
    }
}
