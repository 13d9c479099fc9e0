//! What a service says of itself, on its way to the one who tells the platform.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use stead_os::control::ring::{self, Receiver, Sender};

/// How many reports may wait for the platform.
const CAPACITY: usize = 64;

/// Something the service says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// It does its work.
    Ready,
    /// What it does, in a line.
    Status(String),
    /// What is pending goes on, and the next report comes within this time.
    Progress(Duration),
    /// It has taken notice of a pause.
    Pausing,
    Paused,
    /// It has taken notice of the pause's end.
    Resuming,
    Resumed,
    /// It has taken notice of a reload.
    Reloading,
    Reloaded,
    /// It lives, for the watchdog.
    Alive,
    /// It is over. Nothing that comes after is looked at.
    Ended,
}

impl Report {
    /// Whether another like it says as much.
    fn is_repeatable(&self) -> bool {
        matches!(self, Self::Status(_) | Self::Progress(_) | Self::Alive)
    }
}

/// The service's end.
#[derive(Debug)]
pub(crate) struct Reports {
    sender: Mutex<Sender<Report>>,
}

impl Reports {
    /// For a service, and for who tells the platform.
    pub(crate) fn new() -> (Self, Receiver<Report>) {
        let (sender, receiver) = ring::ring(CAPACITY);
        let reports = Self {
            sender: Mutex::new(sender),
        };
        (reports, receiver)
    }

    /// Says it. If the platform is behind, what can be repeated is left out, and what cannot waits
    /// for its turn.
    pub(crate) fn tell(&self, report: Report) {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if report.is_repeatable() {
            if let Err(report) = sender.try_send(report) {
                tracing::debug!(?report, "the platform is behind; left out");
            }
        } else {
            // With nobody to tell, the process is about to end.
            let _ = sender.send(report);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_that_is_behind_costs_only_what_can_be_repeated() {
        let (reports, mut told) = Reports::new();
        for number in 0..=CAPACITY {
            reports.tell(Report::Status(number.to_string()));
        }
        std::thread::scope(|scope| {
            scope.spawn(|| reports.tell(Report::Ready));
            for number in 0..CAPACITY {
                assert_eq!(told.receive(), Some(Report::Status(number.to_string())));
            }
            assert_eq!(told.receive(), Some(Report::Ready));
        });
        drop(told);
        reports.tell(Report::Ended);
    }
}
