//! Telling whoever runs the service how it is: one owner, on a thread that the service cannot
//! block.

#[cfg(windows)]
use std::time::Duration;

#[cfg(windows)]
use stead_os::scm::process::Reporter;

use crate::notify::Notifier;
use crate::report::Report;

/// How long something that is pending may take to say more, as long as the service says nothing
/// else by [`Report::Progress`].
#[cfg(windows)]
const HINT: Duration = Duration::from_secs(30);

/// Who is told.
#[derive(Debug)]
pub(crate) enum Platform {
    /// Whoever listens at `NOTIFY_SOCKET`, if anybody does.
    Notify(Notifier),
    /// Windows' service control manager.
    #[cfg(windows)]
    Scm(Reporter),
}

impl Platform {
    /// It is about to start.
    pub(crate) fn starting(&self) {
        match self {
            Self::Notify(_) => {}
            #[cfg(windows)]
            Self::Scm(reporter) => reporter.starting(HINT),
        }
    }

    /// It was asked to end.
    pub(crate) fn stopping(&self) {
        match self {
            Self::Notify(notifier) => notifier.send("STOPPING=1"),
            #[cfg(windows)]
            Self::Scm(reporter) => reporter.stopping(HINT),
        }
    }

    /// What the service says.
    pub(crate) fn tell(&self, report: &Report) {
        match self {
            Self::Notify(notifier) => notify(notifier, report),
            #[cfg(windows)]
            Self::Scm(reporter) => report_to_scm(reporter, report),
        }
    }
}

fn notify(notifier: &Notifier, report: &Report) {
    match report {
        Report::Ready | Report::Reloaded => notifier.send("READY=1"),
        Report::Status(text) => notifier.status(text),
        Report::Progress(within) => notifier.extend(*within),
        Report::Reloading => notifier.reloading(),
        // The protocol knows no pause; people see it in the status.
        Report::Paused => notifier.status("paused"),
        Report::Resumed => notifier.status("running"),
        Report::Alive => notifier.send("WATCHDOG=1"),
        Report::Pausing | Report::Resuming | Report::Ended => {}
    }
}

/// The service control manager knows nothing of reloads, words and watchdogs.
#[cfg(windows)]
fn report_to_scm(reporter: &Reporter, report: &Report) {
    match report {
        Report::Ready | Report::Resumed => reporter.running(),
        Report::Progress(within) => reporter.progress(*within),
        Report::Pausing => reporter.pausing(HINT),
        Report::Paused => reporter.paused(),
        Report::Resuming => reporter.resuming(HINT),
        Report::Status(_)
        | Report::Reloading
        | Report::Reloaded
        | Report::Alive
        | Report::Ended => {}
    }
}
