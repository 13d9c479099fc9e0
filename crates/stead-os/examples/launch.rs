//! Runs one command with its tree and says what happens:
//! `launch RUNS-FOLDER auto|off [again] COMMAND ARGUMENT…`
//!
//! Prints `swept PID NAME` for each process an earlier one left, then `pid PID`, `exit …` and
//! `empty`; with `again` it then starts over. Kill it in any way: nothing of the command stays.

#![allow(clippy::print_stdout)]

use std::ffi::OsString;
use std::io::{Error, Write};

use stead_os::process::{CgroupMode, Command, Launcher, LauncherOptions, Limits, Output, Stdin};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut next = || {
        arguments
            .next()
            .ok_or_else(|| Error::other("too few arguments"))
    };
    let (runs, mode, mut program) = (next()?, next()?, next()?);
    let again = program == *"again";
    if again {
        program = next()?;
    }
    let launcher = Launcher::start(LauncherOptions {
        runs: runs.into(),
        cgroup: if mode == *"off" {
            CgroupMode::Off
        } else {
            CgroupMode::Auto
        },
    })?;
    for swept in launcher.sweep() {
        println!("swept {} {}", swept.pid, swept.name);
    }
    let command = Command {
        name: "launched".to_owned(),
        program: program.into(),
        arguments: arguments.collect::<Vec<OsString>>(),
        directory: std::env::current_dir()?,
        environment: std::env::vars_os().collect(),
        user: None,
        limits: Limits::default(),
        stdin: Stdin::Inherit,
        stdout: Output::Inherit,
        stderr: Output::Inherit,
    };
    tokio::runtime::Builder::new_current_thread()
        .build()?
        .block_on(async {
            loop {
                let process = launcher.spawn(command.clone()).await?;
                println!("pid {}", process.id());
                println!("exit {:?}", process.exit().await);
                process.empty().await;
                println!("empty");
                std::io::stdout().flush()?;
                if !again {
                    return Ok(());
                }
            }
        })
}
