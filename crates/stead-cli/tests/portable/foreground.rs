//! `stead` as a person has it in a terminal.

use std::path::Path;
use std::process::{Child, Stdio};

use stead_testkit::{DEADLINE, eventually_some};

use super::stead;

/// A `stead` that runs until it is asked to end.
pub(crate) struct Foreground(Child);

impl Foreground {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = stead(folder, arguments);
        command.stdout(Stdio::null()).stderr(Stdio::inherit());
        #[cfg(windows)]
        {
            // A console of its own, on which Ctrl+C reaches nobody else.
            const CREATE_NO_WINDOW: u32 = 0x0800_0000;
            std::os::windows::process::CommandExt::creation_flags(&mut command, CREATE_NO_WINDOW);
        }
        Self(command.spawn().unwrap())
    }

    /// Presses Ctrl+C, waits for the end and gives the exit status.
    #[track_caller]
    pub(crate) fn ctrl_c(mut self) -> i32 {
        #[cfg(unix)]
        stead_testkit::processes::signal(self.0.id(), "INT");
        #[cfg(windows)]
        stead_os::process::press_ctrl_c(self.0.id()).unwrap();
        let status = eventually_some(DEADLINE, "stead ends", || self.0.try_wait().unwrap());
        status.code().unwrap_or_else(|| panic!("{status}"))
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
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
