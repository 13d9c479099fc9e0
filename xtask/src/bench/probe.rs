//! The measured program: tiny, in C, so that its own start costs next to nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use stead_testkit::programs;
use tempfile::TempDir;

use crate::shell;

/// The built program and the folder it lives in.
pub(super) struct Probe {
    path: PathBuf,
    _folder: TempDir,
}

/// A moment of the clock that all processes share, and who told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// `CLOCK_MONOTONIC`.
    pub(super) at: Duration,
    pub(super) pid: u32,
}

impl Probe {
    /// Compiles it, without the dynamic linker's share of a start.
    pub(super) fn build() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("probe");
        shell::run(
            shell::command("cc")
                .args(["-O2", "-static", "-Wall", "-Werror", "-o"])
                .arg(&path)
                .arg("xtask/src/bench/probe.c"),
        )?;
        Ok(Self {
            path,
            _folder: folder,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A command of this program as a definition holds it.
    pub(super) fn in_toml(&self, arguments: &[&str]) -> String {
        let mut command = vec![self.path.to_string_lossy().into_owned()];
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        programs::toml_array(&command)
    }

    /// kill -9, and when it was sent.
    pub(super) fn kill(&self, pid: u32) -> Result<Duration> {
        let told = shell::output(shell::command(&self.path).args(["kill", &pid.to_string()]))?;
        Ok(Told::parse(&told)?.at)
    }
}

impl Told {
    /// Reads `NANOSECONDS PID`.
    pub(super) fn parse(line: &str) -> Result<Self> {
        let (at, pid) = line
            .trim_end()
            .split_once(' ')
            .with_context(|| format!("the probe told {line:?}"))?;
        Ok(Self {
            at: Duration::from_nanos(at.parse()?),
            pid: pid.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_time_and_a_pid() {
        let told = Told::parse("1500000000 12\n").unwrap();
        assert_eq!((told.at, told.pid), (Duration::from_millis(1500), 12));
        assert!(Told::parse("12").is_err());
    }
}
