//! The program that the tests for every system have Stead keep: its first argument says what it
//! does.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::zombie_processes,
    reason = "a fixture: it plays the programs that Stead keeps"
)]

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["exit", code] => return code.parse::<u8>().unwrap().into(),
        ["arguments", ..] => print!("{:?}", &arguments[1..]),
        ["bytes"] => bytes(),
        ["read"] => {
            let mut input = Vec::new();
            std::io::stdin().read_to_end(&mut input).unwrap();
            print!("{} bytes", input.len());
        }
        ["fail-until", runs, file] => return fail_until(runs.parse().unwrap(), file.as_ref()),
        ["wait", lock] => wait(lock.as_ref()),
        ["family", lock, childs] => {
            child(childs);
            wait(lock.as_ref());
        }
        ["orphan", childs] => child(childs),
        ["graceful", lock] => return graceful(lock.as_ref()),
        _ => panic!("no such role: {arguments:?}"),
    }
    ExitCode::SUCCESS
}

/// Every byte there is, on both outputs, none of which ends in a line break.
fn bytes() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    std::io::stdout().write_all(&all).unwrap();
    std::io::stdout().flush().unwrap();
    let back: Vec<u8> = (0..=u8::MAX).rev().collect();
    std::io::stderr().write_all(&back).unwrap();
}

/// Adds a byte to a file and fails with 3 until there are so many.
fn fail_until(runs: u64, file: &Path) -> ExitCode {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(file)
        .unwrap();
    file.write_all(b".").unwrap();
    if file.metadata().unwrap().len() < runs {
        ExitCode::from(3)
    } else {
        ExitCode::SUCCESS
    }
}

/// Holds a lock, by which others see that this process runs.
fn hold(lock: &Path) -> File {
    let file = File::create(lock).unwrap();
    file.try_lock().unwrap();
    file
}

fn wait(lock: &Path) -> ! {
    let _held = hold(lock);
    loop {
        std::thread::park();
    }
}

/// Starts a child that is in no group and on no console of this process's.
fn child(lock: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["wait", lock])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    {
        const DETACHED_PROCESS: u32 = 8;
        std::os::windows::process::CommandExt::creation_flags(&mut command, DETACHED_PROCESS);
    }
    command.spawn().unwrap();
    // Nobody looks for it before it is there.
    while !Path::new(lock).exists() {
        std::thread::yield_now();
    }
}

/// Ends with 7 when asked to.
#[tokio::main(flavor = "current_thread")]
async fn graceful(lock: &Path) -> ExitCode {
    #[cfg(unix)]
    let mut asked = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).unwrap()
    };
    #[cfg(windows)]
    let mut asked = tokio::signal::windows::ctrl_c().unwrap();
    let _held = hold(lock);
    asked.recv().await;
    ExitCode::from(7)
}
