//! The systemd journal, with the fields of events as fields of its entries.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use stead_os::systemd::journal::{self, Entry, Journal};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::spans;

/// What an event says by fields of these names goes by `EVENT_…` instead: they have a meaning.
const RESERVED: &[&str] = &[
    "CODE_FILE",
    "CODE_LINE",
    "MESSAGE",
    "MESSAGE_ID",
    "PRIORITY",
    "SPAN",
    "SYSLOG_IDENTIFIER",
    "TARGET",
];

/// Sends each event as an entry of the journal.
pub(crate) struct Sink {
    journal: Journal,
    identifier: String,
    /// Entries that the journal has not taken since it last took one.
    lost: AtomicU64,
}

/// The sink, if stderr leads to the journal.
pub(crate) fn sink(service: Option<&str>) -> Option<Sink> {
    if !journal::is_stderr() {
        return None;
    }
    // Where there is no socket to be had, the lines on stderr get there too.
    Journal::new().ok().map(|journal| Sink {
        journal,
        identifier: service.map_or_else(program, str::to_owned),
        lost: AtomicU64::new(0),
    })
}

/// What systemd would take for the identifier.
fn program() -> String {
    let path = std::env::current_exe().ok();
    let name = path.as_deref().and_then(std::path::Path::file_name);
    name.map_or_else(
        || "stead".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

impl Sink {
    fn entry(&self, level: Level, message: &str) -> Entry {
        let mut entry = Entry::new();
        entry
            .put("MESSAGE", message)
            .put("PRIORITY", priority(level))
            .put("SYSLOG_IDENTIFIER", &self.identifier);
        entry
    }

    fn send(&self, entry: &Entry) {
        if self.journal.send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let text = format!("{lost} messages were lost: the journal did not take them");
            let note = self.entry(Level::WARN, &text);
            if self.journal.send(&note).is_err() {
                self.lost.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }
}

/// The levels of `syslog(3)`.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

impl<S> Layer<S> for Sink
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        spans::begin::<Fields, S>(attributes, id, &context);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        spans::add::<Fields, S>(record, id, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let mut entry = self.entry(*metadata.level(), &fields.message);
        entry.put("TARGET", metadata.target());
        if let Some(file) = metadata.file() {
            entry.put("CODE_FILE", file);
        }
        if let Some(line) = metadata.line() {
            entry.put("CODE_LINE", line.to_string());
        }
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            entry.put("SPAN", span.name());
            if let Some(fields) = span.extensions().get::<Fields>() {
                fields.put_into(&mut entry);
            }
        }
        fields.put_into(&mut entry);
        self.send(&entry);
    }
}

/// The fields of an event or a span, named as the journal names them.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
            return;
        }
        let mut name = journal::field_name(field.name());
        if RESERVED.contains(&name.as_str()) {
            name.insert_str(0, "EVENT_");
        }
        self.others.push((name, value));
    }

    fn put_into(&self, entry: &mut Entry) {
        for (name, value) in &self.others {
            entry.put(name, value);
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
