//! `stead` in the foreground, where Ctrl+C is a signal.

use std::path::Path;
use std::process::{Child, Stdio};

use stead_testkit::{DEADLINE, eventually_some, processes};

use super::stead;

/// A `stead` that runs until it is asked to end.
pub(crate) struct Foreground(Child);

impl Foreground {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let child = stead(folder, arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn();
        Self(child.unwrap())
    }

    /// Presses Ctrl+C, waits for the end and gives the exit status.
    pub(crate) fn ctrl_c(mut self) -> i32 {
        processes::signal(self.0.id(), "INT");
        let status = eventually_some(DEADLINE, "stead ends", || self.0.try_wait().unwrap());
        status.code().unwrap_or_else(|| panic!("{status}"))
    }

    /// Ends this one process, which is not asked.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}
