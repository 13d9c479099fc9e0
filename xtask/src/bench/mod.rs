//! `cargo xtask bench`: Stead beside its peers, measured in one run on one machine, as ratios.

mod cargo_bench;
mod fifo;
mod idle;
mod lone;
mod memory;
mod probe;
mod restart;
mod supervisord;
mod table;
mod wake;

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::needs::{self, User};
use crate::shell;
use probe::Probe;
use table::Table;

/// The benchmarks.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Supervision: restart, logs, idle cost, a lone service, the store, waking a watcher.
    Supervisor(Supervisor),
}

/// How to run the benchmark of supervision.
#[derive(Args)]
pub(crate) struct Supervisor {
    /// Only these parts.
    parts: Vec<Part>,
    /// A built `stead`; without it, the packaged binary is built.
    #[arg(long)]
    binary: Option<PathBuf>,
    /// A Consul binary to compare waking a watcher with.
    #[arg(long)]
    consul: Option<PathBuf>,
}

/// What can be measured on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A program's exit to its restart, against supervisord.
    Restart,
    /// Capture of a program's output, against `s6-log t`.
    Logs,
    /// What 200 idle services cost, against supervisord.
    Idle,
    /// What a lone `stead run` costs, against a bare fork and exec.
    Lone,
    /// Durable writes of the store.
    Store,
    /// A write to the answer of a blocking query.
    Wake,
}

impl Part {
    fn needs_stead(self) -> bool {
        !matches!(self, Self::Logs | Self::Store)
    }
}

/// What every part may use.
struct Setting<'a> {
    stead: &'a Path,
    probe: &'a Probe,
    consul: Option<&'a Path>,
}

/// Runs a benchmark; a target that is missed is an error, after everything was printed.
pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Supervisor(options) => supervisor(options),
    }
}

fn supervisor(options: &Supervisor) -> Result<()> {
    needs::satisfy(&[User::Bench])?;
    let parts = if options.parts.is_empty() {
        Part::value_variants()
    } else {
        &options.parts
    };
    let stead = match &options.binary {
        Some(binary) => binary.clone(),
        None if parts.iter().any(|part| part.needs_stead()) => build()?,
        None => PathBuf::new(),
    };
    let probe = Probe::build()?;
    let setting = Setting {
        stead: &stead,
        probe: &probe,
        consul: options.consul.as_deref(),
    };

    let mut table = Table::default();
    for part in parts {
        eprintln!("measuring: {part:?}");
        match part {
            Part::Restart => restart::measure(&setting, &mut table)?,
            Part::Logs => cargo_bench::run("stead-supervisor", "logs")?,
            Part::Idle => idle::measure(&setting, &mut table)?,
            Part::Lone => lone::measure(&setting, &mut table)?,
            Part::Store => cargo_bench::run("stead-store", "engines")?,
            Part::Wake => wake::measure(&setting, &mut table)?,
        }
    }
    println!("\n{table}");
    let missed = table.missed();
    if missed > 0 {
        bail!("{missed} targets missed");
    }
    Ok(())
}

/// Builds the binary as it is packaged and tells where it is.
fn build() -> Result<PathBuf> {
    shell::run(shell::cargo().args(["build", "--profile", "dist", "--locked", "-p", "stead-cli"]))?;
    let metadata = shell::output(shell::cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--locked",
    ]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target folder")?;
    Ok(Path::new(target).join("dist/stead"))
}

/// Lets the measured programs run undisturbed.
#[allow(
    clippy::disallowed_methods,
    reason = "the length of a measurement, not a wait for something to happen"
)]
fn measure_for(time: Duration) {
    thread::sleep(time);
}

/// The middle of the samples.
fn median(samples: &mut [Duration]) -> Option<Duration> {
    samples.sort_unstable();
    samples.get(samples.len() / 2).copied()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_ignores_outliers() {
        let mut samples = [9, 1, 2, 1000, 3].map(Duration::from_millis);
        assert_eq!(median(&mut samples), Some(Duration::from_millis(3)));
        assert_eq!(median(&mut []), None);
    }
}
