//! The log, and what is said where there is none.

use std::io::Write as _;

use crate::environment::Environment;

/// Sets up the log of this process and sends panics there, like every other failure.
pub(crate) fn set_up(environment: &Environment, name: &str) {
    #[cfg(feature = "log")]
    {
        use crate::environment::LogFormat;

        let options = stead_telemetry::Options {
            format: match environment.log_format {
                LogFormat::Human => stead_telemetry::Format::Human,
                LogFormat::Json => stead_telemetry::Format::Json,
            },
            filter: None,
            service: Some(name.to_owned()),
            ..stead_telemetry::Options::default()
        };
        // A program may have set up a log of its own before: then that is the one.
        let _ = stead_telemetry::init(&options);
    }
    #[cfg(not(feature = "log"))]
    let _ = name;
    if somebody_listens() {
        crate::panics::log_panics();
    }
    for complaint in &environment.complaints {
        tracing::warn!("ignored: {complaint}");
    }
}

/// Says that the service failed and with which status it exits: in the log, or on stderr where
/// nobody set one up.
pub(crate) fn failure(name: &str, status: u8, error: &str) {
    if somebody_listens() {
        tracing::error!(service = name, status, error, "failed");
    } else {
        // Stderr may be closed, and there is nobody else to tell.
        let _ = writeln!(std::io::stderr(), "{name} failed: {error}");
    }
}

fn somebody_listens() -> bool {
    tracing::dispatcher::has_been_set()
}
