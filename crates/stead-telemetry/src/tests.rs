use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Memory {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

struct Broken;

impl io::Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn logged(options: &Options, colour: bool, speak: impl FnOnce()) -> String {
    let memory = Memory::default();
    let (filter, _) = filter(options.filter.as_deref(), None).unwrap();
    let subscriber = subscriber(options, filter, colour, memory.clone());
    tracing::subscriber::with_default(subscriber, speak);
    let bytes = memory.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn json_lines() {
    let options = Options {
        format: Format::Json,
        service: Some("orders".into()),
        ..Options::default()
    };
    let text = logged(&options, false, || {
        let _outer = tracing::info_span!("request", id = 7).entered();
        let _inner = tracing::info_span!("payment").entered();
        let error = io::Error::other("late");
        tracing::warn!(
            amount = 1.5,
            ok = false,
            error = &error as &dyn std::error::Error,
            "slow\nanswer"
        );
        tracing::debug!("not at this level");
    });
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["service"], "orders");
    assert_eq!(line["target"], "stead_telemetry::tests");
    assert_eq!(line["message"], "slow\nanswer");
    assert_eq!(
        line["fields"],
        serde_json::json!({"amount": 1.5, "ok": false, "error": "late"})
    );
    assert_eq!(
        line["spans"],
        serde_json::json!([{"name": "request", "fields": {"id": 7}}, {"name": "payment"}])
    );
    let timestamp = line["timestamp"].as_str().unwrap();
    assert!(timestamp.ends_with('Z') && timestamp.parse::<jiff::Timestamp>().is_ok());
}

#[test]
fn human_lines() {
    let speak = || tracing::info!(port = 7001, "listening");
    let plain = logged(&Options::default(), false, speak);
    assert!(
        plain.ends_with(" INFO stead_telemetry::tests: listening port=7001\n"),
        "{plain}"
    );
    let coloured = logged(&Options::default(), true, speak);
    assert!(coloured.contains("\u{1b}["), "{coloured}");
}

#[test]
fn the_filter_s_sources() {
    for (explicit, environment, shown, complaint) in [
        (None, None, "info", false),
        (None, Some(""), "info", false),
        (None, Some("debug"), "debug", false),
        (Some("warn"), Some("debug"), "warn", false),
        (None, Some("a=b=c"), "info", true),
    ] {
        let (filter, ignored) = filter(explicit, environment).unwrap();
        assert_eq!(filter.to_string(), shown, "{explicit:?} {environment:?}");
        assert_eq!(ignored.is_some(), complaint, "{explicit:?} {environment:?}");
    }
    assert!(filter(Some("a=b=c"), None).is_err());
}

#[test]
fn a_broken_sink_is_nobody_s_trouble() {
    for format in [Format::Human, Format::Json] {
        let options = Options {
            format,
            ..Options::default()
        };
        let subscriber = subscriber(
            &options,
            Targets::new().with_default(DEFAULT_LEVEL),
            false,
            || Broken,
        );
        tracing::subscriber::with_default(subscriber, || tracing::error!("lost"));
    }
}
