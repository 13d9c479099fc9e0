//! The Windows event log, with the fields of events in their texts.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use stead_os::eventlog::{Event as Kind, EventLog, Level as Severity};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use crate::spans;

use crate::Options;

/// The log of this process, for [`flush`].
static LOG: OnceLock<EventLog> = OnceLock::new();

/// The field by which an event says which of the kinds it is.
const ID: &str = "event_id";

/// Waits until everything logged so far is in the Windows event log, at most for `limit`. Whether
/// it is; at once where that log is not in use.
///
/// To be called before the process ends: what is still on its way would go with it. The other
/// sinks write as they are told.
pub fn flush(limit: Duration) -> bool {
    LOG.get().is_none_or(|log| log.flush(limit))
}

/// Sends each event, except those of people who develop the program.
pub(crate) struct Sink {
    log: EventLog,
    service: Option<String>,
}

/// The sink the options ask for, or why there is none.
pub(crate) fn open(options: &Options) -> (Option<Sink>, Option<String>) {
    let Some(source) = options.event_log.as_deref() else {
        return (None, None);
    };
    match log(source) {
        Ok(log) => {
            // A second log of one process is refused by `init` after this.
            let log = LOG.get_or_init(|| log).clone();
            (Some(Sink::new(log, options.service.clone())), None)
        }
        Err(why) => (None, Some(why)),
    }
}

#[cfg(windows)]
fn log(source: &str) -> Result<EventLog, String> {
    EventLog::open(source).map_err(|error| error.to_string())
}

#[cfg(not(windows))]
fn log(source: &str) -> Result<EventLog, String> {
    Err(format!(
        "{source} is a source of the Windows event log, and this is another system"
    ))
}

impl Sink {
    pub(crate) fn new(log: EventLog, service: Option<String>) -> Self {
        Self { log, service }
    }

    /// The insert string of that name, taken out of the fields.
    fn insert(&self, name: &str, fields: &mut Fields) -> String {
        if let Some(value) = fields.take(name) {
            return value;
        }
        match (name, &self.service) {
            ("service", Some(service)) => service.clone(),
            // An event that gives no cause of its own has it in its message.
            ("message" | "cause" | "end" | "panic", _) => std::mem::take(&mut fields.message),
            _ => "?".to_owned(),
        }
    }
}

fn severity(level: Level) -> Option<Severity> {
    match level {
        Level::ERROR => Some(Severity::Error),
        Level::WARN => Some(Severity::Warning),
        Level::INFO => Some(Severity::Information),
        _ => None,
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
        let Some(severity) = severity(*event.metadata().level()) else {
            return;
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let kind = match fields.kind() {
            Some(kind) => {
                fields.take(ID);
                kind
            }
            None => Kind::generic(severity),
        };
        let inserts: Vec<_> = kind
            .inserts
            .iter()
            .map(|name| self.insert(name, &mut fields))
            .collect();
        let mut details = Vec::new();
        if !fields.message.is_empty() {
            details.push(("message", fields.message.clone()));
        }
        for (name, value) in &fields.others {
            details.push((*name, value.clone()));
        }
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(Scope::from_root)
        {
            let extensions = span.extensions();
            let within = extensions.get::<Fields>().map(ToString::to_string);
            details.push((
                "in",
                format!("{}{}", span.name(), within.unwrap_or_default()),
            ));
        }
        details.push(("target", event.metadata().target().to_owned()));
        let inserts: Vec<_> = inserts.iter().map(String::as_str).collect();
        self.log.report(kind, &inserts, &details);
    }
}

/// The fields of an event or a span.
#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else if let Some((_, before)) = self.others.iter_mut().find(|(it, _)| *it == field.name())
        {
            *before = value;
        } else {
            self.others.push((field.name(), value));
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let place = self.others.iter().position(|(it, _)| *it == name)?;
        Some(self.others.remove(place).1)
    }

    /// The kind the event says it is, if there is such a one.
    fn kind(&self) -> Option<Kind> {
        let (_, id) = self.others.iter().find(|(name, _)| *name == ID)?;
        id.parse()
            .ok()
            .and_then(Kind::numbered)
            .or_else(|| Kind::named(id))
    }
}

/// `{id=7, name=x}`, as lines for people have it; nothing where there is none.
impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.others.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { "{" } else { ", " })?;
        }
        if !self.others.is_empty() {
            f.write_str("}")?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use stead_os::eventlog::Recording;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The calls the system would have got: type, category, identifier, strings.
    fn logged(service: Option<&str>, speak: impl FnOnce()) -> Vec<(u16, u16, u32, Vec<String>)> {
        let recording = Recording::default();
        let log = EventLog::to(recording.clone()).unwrap();
        let sink = Sink::new(log.clone(), service.map(str::to_owned));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(sink), speak);
        assert!(log.flush(Duration::from_secs(20)));
        let calls = recording.calls().into_iter();
        calls
            .map(|call| (call.kind, call.category, call.id, call.strings))
            .collect()
    }

    const TARGET: &str = "\r\ntarget: stead_telemetry::event_log::tests";

    #[test]
    fn levels_are_those_of_the_log() {
        let calls = logged(None, || {
            tracing::info!("one");
            tracing::warn!("two");
            tracing::error!("three");
            tracing::debug!("four");
            tracing::trace!("five");
        });
        let more = format!("\r\n{TARGET}");
        let of = |text: &str| vec![text.to_owned(), more.clone()];
        assert_eq!(
            calls,
            [
                (4, 0, 0x4000_0001, of("one")),
                (2, 0, 0x8000_0002, of("two")),
                (1, 0, 0xc000_0003, of("three")),
            ]
        );
    }

    #[test]
    fn kinds_take_their_fields_and_the_rest_follows() {
        let calls = logged(Some("orders"), || {
            tracing::info!(event_id = 101, port = 7001, "listening");
            tracing::error!(event_id = "failed", "exit code 3");
            tracing::warn!(
                event_id = "restarting",
                service = "pay",
                cause = "late",
                delay = "2s"
            );
            tracing::info!(event_id = "no-such", "odd");
        });
        let of = |texts: &[&str]| -> Vec<String> {
            let (last, others) = texts.split_last().unwrap();
            let last = format!("\r\n{last}{TARGET}");
            others
                .iter()
                .map(|it| (*it).to_owned())
                .chain([last])
                .collect()
        };
        assert_eq!(
            calls,
            [
                (
                    4,
                    0,
                    0x4000_0065,
                    of(&["orders", "\r\nmessage: listening\r\nport: 7001"])
                ),
                (1, 0, 0xc000_012c, of(&["orders", "exit code 3", ""])),
                (2, 0, 0x8000_00c8, of(&["pay", "late", "2s", ""])),
                (4, 0, 0x4000_0001, of(&["odd", "\r\nevent_id: no-such"])),
            ]
        );
    }

    #[test]
    fn spans_are_told_from_the_outside() {
        let calls = logged(None, || {
            let outer = tracing::info_span!("request", id = 7, state = tracing::field::Empty);
            outer.record("state", "new");
            let _outer = outer.entered();
            let _inner = tracing::info_span!("payment").entered();
            tracing::info!("slow");
        });
        let more = format!("\r\n\r\nin: request{{id=7, state=new}}\r\nin: payment{TARGET}");
        assert_eq!(calls, [(4, 0, 0x4000_0001, vec!["slow".to_owned(), more])]);
    }

    #[cfg(not(windows))]
    #[test]
    fn elsewhere_there_is_none_and_that_is_said() {
        let options = Options {
            event_log: Some("orders".to_owned()),
            ..Options::default()
        };
        let (sink, why) = open(&options);
        assert!(sink.is_none());
        assert!(why.unwrap().contains("orders"));
        assert!(flush(Duration::ZERO));
    }
}
