//! The event log by way of the log of a whole process, on Windows, in an executable that gets its
//! message table from a crate below.
#![cfg(windows)]

use std::time::Duration;

use stead_os::eventlog::{self, Call, READY};
use stead_telemetry::{FileLog, Options};

#[test]
fn a_process_logs_into_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stead.log");
    stead_telemetry::init(&Options {
        service: Some("orders".to_owned()),
        event_log: Some(format!("stead-test-telemetry-{}", std::process::id())),
        file: Some(FileLog::new(&file)),
        ..Options::default()
    })
    .unwrap();
    tracing::info!(event_id = "ready", port = 7001, "listening");
    assert!(stead_telemetry::flush(Duration::from_secs(30)));
    let line = std::fs::read_to_string(&file).unwrap();
    assert!(
        line.contains("listening event_id=\"ready\" port=7001"),
        "{line}"
    );
}

#[test]
fn the_texts_are_in_this_executable() {
    let text = eventlog::message(&Call::new(READY, &["orders"], &[])).unwrap();
    assert_eq!(text, "Service orders is ready.\r\n");
}
