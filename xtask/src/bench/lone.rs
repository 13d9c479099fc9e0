//! What one `stead run -- CMD` costs: memory, and the time until the program runs.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use stead_testkit::processes;

use super::fifo::Fifo;
use super::idle::megabytes;
use super::memory::{Memory, memory, own_processes};
use super::table::{Row, Table, Target};
use super::{Setting, median, milliseconds};

const ROUNDS: usize = 30;

pub(super) fn measure(setting: &Setting<'_>, table: &mut Table) -> Result<()> {
    let probe = setting.probe.path().display().to_string();
    let stead = setting.stead.display().to_string();
    let (run, used) = launch(setting, &[&stead, "run", "--"])?;
    let (bare, _) = launch(setting, &[&probe, "spawn"])?;
    table.push(
        Row::new(
            "lone run, exec to the program's exec",
            "ms",
            milliseconds(run),
        )
        .peer("fork and exec", milliseconds(bare))
        .target(Target::AtMost(10.0)),
    );
    table.push(
        Row::new("lone run, resident", "MB", megabytes(used.resident)).target(Target::AtMost(6.0)),
    );
    table.push(Row::new(
        "lone run, proportional",
        "MB",
        megabytes(used.proportional),
    ));
    Ok(())
}

/// The median time from the launcher's first instruction to the program's, and the launcher's
/// memory while the program runs.
fn launch(setting: &Setting<'_>, launcher: &[&str]) -> Result<(Duration, Memory)> {
    let folder = tempfile::tempdir()?;
    let fifo = Fifo::new(folder.path())?;
    let mut samples = Vec::with_capacity(ROUNDS);
    let mut used = Memory::default();
    for _ in 0..ROUNDS {
        let mut child = start(
            Command::new(setting.probe.path())
                .arg("launch")
                .arg(fifo.path())
                .args(launcher)
                .arg(setting.probe.path())
                .arg("run")
                .arg(fifo.path())
                .current_dir(folder.path()),
        )?;
        let begun = fifo.next()?;
        let running = fifo.next()?;
        samples.push(running.at.saturating_sub(begun.at));
        used = memory(&own_processes(begun.pid))?;
        processes::signal(running.pid, "KILL");
        child.wait()?;
    }
    Ok((median(&mut samples).context("no round was run")?, used))
}

#[allow(
    clippy::disallowed_methods,
    reason = "the launcher under measurement; it ends with its program and is reaped"
)]
fn start(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the launcher")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::probe::Probe;
    use super::*;

    #[test]
    fn a_bare_fork_and_exec_takes_some_time_and_memory() {
        let probe = Probe::build().unwrap();
        let setting = Setting {
            stead: Path::new("unused"),
            probe: &probe,
            consul: None,
        };
        let path = probe.path().display().to_string();
        let (time, used) = launch(&setting, &[&path, "spawn"]).unwrap();
        assert!(
            time > Duration::ZERO && time < Duration::from_secs(1),
            "{time:?}"
        );
        assert!(used.resident > 0);
    }
}
