//! Checks in which the program reports itself, and silence is failure.

use stead_model::definition::Period;
use stead_model::health::Outcome;
use tokio::sync::mpsc;

use super::{Reporter, Tried};

/// Reports that wait to be counted.
const BEATS: usize = 64;

/// Through this a program's reports come in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Heartbeat(mpsc::Sender<Tried>);

/// Why a report was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeatError {
    /// The service does not run, so nobody checks it.
    #[error("the service is not being checked now")]
    Stopped,
    /// Reports come faster than they are counted.
    #[error("{BEATS} reports are waiting already")]
    Busy,
}

impl Heartbeat {
    /// Counts as a result of the check, and sets off the wait for the next.
    pub fn beat(&self, outcome: Outcome, output: impl Into<String>) -> Result<(), BeatError> {
        let tried = match outcome {
            Outcome::Success => Tried::worked(output),
            Outcome::Failure => Tried::failed(output),
        };
        self.0.try_send(tried).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => BeatError::Busy,
            mpsc::error::TrySendError::Closed(_) => BeatError::Stopped,
        })
    }
}

pub(super) fn channel() -> (Heartbeat, mpsc::Receiver<Tried>) {
    let (sender, beats) = mpsc::channel(BEATS);
    (Heartbeat(sender), beats)
}

/// Passes reports on; each span of `within` without one is a failure.
pub(super) async fn listen(mut beats: mpsc::Receiver<Tried>, within: Period, reporter: Reporter) {
    loop {
        let tried = match tokio::time::timeout(within.get(), beats.recv()).await {
            Ok(Some(tried)) => tried,
            // Every handle is gone with the watch.
            Ok(None) => return,
            Err(_) => Tried::failed(format!("no heartbeat within {within}")),
        };
        reporter.report(tried).await;
    }
}
