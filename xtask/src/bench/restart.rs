//! From the kill of a program to the first instruction of its next run.

use std::time::Duration;

use anyhow::{Context, Result};
use stead_testkit::Stack;

use super::fifo::Fifo;
use super::supervisord::Supervisord;
use super::table::{Row, Table, Target};
use super::{Setting, median, milliseconds};

const ROUNDS: usize = 50;

/// A second each.
const PEER_ROUNDS: usize = 5;

pub(super) fn measure(setting: &Setting<'_>, table: &mut Table) -> Result<()> {
    let stead = stead(setting)?;
    let peer = supervisord(setting)?;
    table.push(
        Row::new("exit to restart, median", "ms", milliseconds(stead))
            .peer("supervisord", milliseconds(peer))
            .target(Target::AtMost(5.0))
            .target(Target::TimesBelowPeer(200.0)),
    );
    Ok(())
}

fn stead(setting: &Setting<'_>) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let fifo = Fifo::new(folder.path())?;
    let stack = Stack::of(setting.stead).up(&format!(
        "[stack]\n\
         name = \"bench\"\n\
         [services.probe]\n\
         command = {}\n\
         [services.probe.restart]\n\
         policy = \"always\"\n\
         delay = \"0s\"\n\
         limit = 1000\n",
        setting
            .probe
            .in_toml(&["run", &fifo.path().to_string_lossy()]),
    ));
    let median = kill_and_wait(setting, &fifo, ROUNDS)?;
    stack.stop();
    Ok(median)
}

fn supervisord(setting: &Setting<'_>) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let fifo = Fifo::new(folder.path())?;
    let command = format!(
        "{} run {}",
        setting.probe.path().display(),
        fifo.path().display()
    );
    let _running = Supervisord::start(&command, 1)?;
    kill_and_wait(setting, &fifo, PEER_ROUNDS)
}

fn kill_and_wait(setting: &Setting<'_>, fifo: &Fifo, rounds: usize) -> Result<Duration> {
    let mut samples = Vec::with_capacity(rounds);
    let mut running = fifo.next()?;
    for _ in 0..rounds {
        let killed = setting.probe.kill(running.pid)?;
        running = fifo.next()?;
        samples.push(running.at.saturating_sub(killed));
    }
    median(&mut samples).context("no round was run")
}
