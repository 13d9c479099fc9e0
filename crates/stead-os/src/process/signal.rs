//! Signals by name.

use super::Signal;

impl Signal {
    /// The signal of this name (`SIGTERM`) on this system, if it has one. On Windows, which has no
    /// signals, the names stand for the ladder's rungs and only tell `SIGKILL` from the rest.
    pub fn named(name: &str) -> Option<Self> {
        NUMBERS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, number)| Self(*number))
    }
}

#[cfg(unix)]
const NUMBERS: [(&str, i32); 14] = [
    ("SIGHUP", libc::SIGHUP),
    ("SIGINT", libc::SIGINT),
    ("SIGQUIT", libc::SIGQUIT),
    ("SIGABRT", libc::SIGABRT),
    ("SIGKILL", libc::SIGKILL),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGPIPE", libc::SIGPIPE),
    ("SIGALRM", libc::SIGALRM),
    ("SIGTERM", libc::SIGTERM),
    ("SIGCONT", libc::SIGCONT),
    ("SIGTTIN", libc::SIGTTIN),
    ("SIGTTOU", libc::SIGTTOU),
    ("SIGWINCH", libc::SIGWINCH),
];

#[cfg(windows)]
const NUMBERS: [(&str, i32); 3] = [("SIGINT", 2), ("SIGTERM", 15), ("SIGKILL", 9)];
