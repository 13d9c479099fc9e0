//! Logs a few events by the set-up of this crate: what the tests run as a service.

use stead_telemetry::{Format, Options};

fn main() -> Result<(), stead_telemetry::InitError> {
    stead_telemetry::init(&Options {
        format: Format::Json,
        filter: Some("debug".to_owned()),
        service: Some("orders".to_owned()),
        ..Options::default()
    })?;
    let _outer = tracing::info_span!("request", id = 7, user = "ada").entered();
    let inner = tracing::info_span!("payment", amount = tracing::field::Empty).entered();
    inner.record("amount", 1.5);
    let error = std::io::Error::other("late");
    tracing::warn!(
        port = 7001,
        priority = "mine",
        http.status = 503,
        error = &error as &dyn std::error::Error,
        "slow\nanswer"
    );
    drop(inner);
    tracing::error!("broken");
    tracing::debug!("detail {}", "x".repeat(500_000));
    tracing::trace!("not at this level");
    Ok(())
}
