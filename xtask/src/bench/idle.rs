//! What it costs to watch over many services that do nothing.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;
use stead_testkit::{DEADLINE, Stack, eventually, processes};

use super::memory::{Memory, memory, own_processes, processor_time};
use super::supervisord::Supervisord;
use super::table::{Row, Table, Target};
use super::{Setting, measure_for};

const SERVICES: u32 = 200;

const WINDOW: Duration = Duration::from_secs(30);

/// Until a supervisor has nothing more to do about starting its programs.
const SETTLE: Duration = Duration::from_secs(5);

/// Percent of one core.
const CPU_TARGET: f64 = 0.2;

/// 15 MB and 40 KB for each service.
const MEMORY_TARGET: f64 = 15.0 + 0.04 * SERVICES as f64;

struct Cost {
    processor: f64,
    memory: Memory,
}

pub(super) fn measure(setting: &Setting<'_>, table: &mut Table) -> Result<()> {
    let stead = stead(setting)?;
    let peer = supervisord(setting)?;
    table.push(
        Row::new(
            format!("{SERVICES} idle services, processor"),
            "%",
            stead.processor,
        )
        .peer("supervisord", peer.processor)
        .target(Target::AtMost(CPU_TARGET)),
    );
    table.push(
        Row::new(
            format!("{SERVICES} idle services, resident"),
            "MB",
            megabytes(stead.memory.resident),
        )
        .peer("supervisord", megabytes(peer.memory.resident))
        .target(Target::AtMost(MEMORY_TARGET)),
    );
    table.push(
        Row::new(
            format!("{SERVICES} idle services, proportional"),
            "MB",
            megabytes(stead.memory.proportional),
        )
        .peer("supervisord", megabytes(peer.memory.proportional)),
    );
    Ok(())
}

fn stead(setting: &Setting<'_>) -> Result<Cost> {
    let mut definition = "[stack]\nname = \"bench\"\n".to_owned();
    for number in 0..SERVICES {
        write!(
            definition,
            "[services.idle-{number}]\ncommand = {}\n",
            setting.probe.in_toml(&["idle"])
        )?;
    }
    let stack = Stack::of(setting.stead).up(&definition);
    let cost = cost(setting, stack.pid())?;
    stack.stop();
    Ok(cost)
}

fn supervisord(setting: &Setting<'_>) -> Result<Cost> {
    let command = format!("{} idle", setting.probe.path().display());
    let running = Supervisord::start(&command, SERVICES)?;
    cost(setting, running.pid())
}

fn cost(setting: &Setting<'_>, supervisor: u32) -> Result<Cost> {
    let idle = format!("{} idle", setting.probe.path().display());
    eventually(DEADLINE, "every service runs", || {
        processes::descendants(supervisor)
            .iter()
            .filter(|process| process.command == idle)
            .count()
            == SERVICES as usize
    });
    measure_for(SETTLE);
    let own = own_processes(supervisor);
    let before = processor_time(&own)?;
    measure_for(WINDOW);
    let used = processor_time(&own)?.saturating_sub(before);
    Ok(Cost {
        processor: used.as_secs_f64() / WINDOW.as_secs_f64() * 100.0,
        memory: memory(&own)?,
    })
}

/// KiB as the kernel counts to MB.
#[allow(
    clippy::cast_precision_loss,
    reason = "no machine has so much memory that a KiB is lost"
)]
pub(super) fn megabytes(kibibytes: u64) -> f64 {
    kibibytes as f64 * 1024.0 / 1_000_000.0
}
