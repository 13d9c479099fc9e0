//! What the tests for every system have in common: the program under test, the programs it keeps,
//! and how to see without asking any system whether one runs.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "each test program uses its part, and fails by panicking; it ends what it starts"
)]

mod foreground;

use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use stead_testkit::{DEADLINE, eventually};

pub(crate) use foreground::Foreground;

/// The program under test.
pub(crate) const STEAD: &str = env!("CARGO_BIN_EXE_stead");

/// A command of `stead` in a folder, without input and with its output in pipes.
pub(crate) fn stead(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(STEAD);
    command
        .args(arguments)
        .current_dir(folder)
        // Where it keeps its records of what runs, on Unix and on Windows.
        .env("XDG_RUNTIME_DIR", folder)
        .env("TMP", folder)
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
