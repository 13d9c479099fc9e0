//! Pinging the supervisor's watchdog.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::report::{Report, Reports};

/// Pings at half of the watchdog's patience, as `sd_watchdog_enabled(3)` advises,
/// until it is dropped.
///
/// It runs on the service's thread: no ping while that is blocked is the point.
pub(crate) async fn ping(reports: Arc<Reports>, patience: Duration) {
    let mut ticks = interval(patience / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        reports.tell(Report::Alive);
    }
}
