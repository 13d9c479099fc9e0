//! Commands Stead gives to itself; not for people, and not in the help.

use std::process::ExitCode;

/// Runs the hidden command this process was started for, if it was.
pub(crate) fn run() -> Option<ExitCode> {
    #[cfg(windows)]
    {
        return stead_os::process::ctrl_c_helper();
    }
    #[cfg(not(windows))]
    None
}
