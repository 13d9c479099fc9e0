//! Telling the registry that the service lives.

use stead_client::{CheckReport, CheckStatus, RegistryClient};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::environment::Heartbeat;

/// Reports a passing check three times an interval, so that two reports may be
/// lost, until it is dropped. A failure is logged when it begins and when it is
/// over.
pub(crate) async fn beat(registry: RegistryClient, heartbeat: Heartbeat) {
    let every = heartbeat.interval / 3;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        ticks.tick().await;
        let report = CheckReport {
            check: &heartbeat.check,
            status: CheckStatus::Passing,
            note: "",
        };
        // A report that hangs must not hold up the next.
        let failure = match timeout(every, registry.report(report)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it was not answered in time".to_owned()),
        };
        match failure {
            Some(error) if !failing => {
                failing = true;
                tracing::warn!(check = heartbeat.check, error, "heartbeats do not arrive");
            }
            Some(error) => tracing::debug!(check = heartbeat.check, error, "a heartbeat was lost"),
            None if failing => {
                failing = false;
                tracing::info!(check = heartbeat.check, "heartbeats arrive again");
            }
            None => {}
        }
    }
}
