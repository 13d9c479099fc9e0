//! Logging: `tracing` set-up and its sinks.
//!
//! [`init`] is called once, at the start of `main`, by the `stead` binary and
//! by programs written with the SDK. Lines go to stderr, for people or as JSON.
//! A sink that cannot be written to (stderr closed, a full disk behind it, a
//! reader that went away) loses its lines and never takes the program down.
//!
//! Under systemd, where stderr leads to the journal (`JOURNAL_STREAM` says so), each event is an
//! entry of it instead, whatever the format: `MESSAGE`, `PRIORITY`, `SYSLOG_IDENTIFIER` (the
//! service), `CODE_FILE`, `CODE_LINE`, `TARGET`, a `SPAN` for each span, and every field of event
//! and spans in capitals. An entry that the journal does not take at once is lost, and their
//! number told with the next that it takes.
//!
//! Where the options ask for them, lines go into a file that rotates as well ([`FileLog`]), and
//! events of the level INFO and above into the Windows event log, under a number of
//! `stead_os::eventlog`: the one the field `event_id` has, as a number or by name, else 1, 2 or 3
//! by the level. What else the event's fields say follows in the text. [`flush`] waits for it.
//!
//! The JSON shape, one object a line: `timestamp` (RFC 3339, UTC), `level`
//! (`ERROR`, `WARN`, `INFO`, `DEBUG`, `TRACE`), `target`, `service` when there
//! is one, `message`, `fields` and `spans` (outermost first) when there are any.

mod event_log;
mod file;
#[cfg(target_os = "linux")]
mod journal;
mod json;
mod sink;
mod spans;

use std::io::{self, IsTerminal as _};

pub use event_log::flush;
pub use file::FileLog;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

/// What is logged where nobody says otherwise.
const DEFAULT_LEVEL: LevelFilter = LevelFilter::INFO;

/// How the log is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The shape of lines.
    pub format: Format,
    /// What is logged, in the words of
    /// [`Targets`]: `info`, `warn,stead=debug`.
    /// `None` takes `RUST_LOG`, and `info` where that is not set.
    pub filter: Option<String>,
    /// The service's name, put into JSON lines.
    pub service: Option<String>,
    /// The source in the Windows event log to send events of the level INFO and above to; `None`
    /// and other systems: none.
    pub event_log: Option<String>,
    /// A file for the lines, besides where they go anyway.
    pub file: Option<FileLog>,
}

/// The shape of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people; in colour on a terminal, unless `NO_COLOR` is set.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Why the log could not be set up. The program can go on without.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter in the options makes no sense. (One in `RUST_LOG` that makes
    /// none is warned of, and `info` taken.)
    #[error("cannot read the log filter {filter:?}")]
    Filter {
        /// The filter.
        filter: String,
        /// Why.
        source: tracing_subscriber::filter::ParseError,
    },
    /// This process has set up its log before.
    #[error("the log is set up already")]
    AlreadySet,
}

/// Sets up the log of this process.
pub fn init(options: &Options) -> Result<(), InitError> {
    let from_environment = std::env::var("RUST_LOG").ok();
    let (filter, ignored) = filter(options.filter.as_deref(), from_environment.as_deref())?;
    let colour = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (events, no_events) = event_log::open(options);
    set(options, filter, colour, events)?;
    if let Some(why) = no_events {
        tracing::warn!(why, "there is no event log");
    }
    if let Some(InitError::Filter { filter, source }) = ignored {
        tracing::warn!(%filter, %source, "RUST_LOG is ignored: it is no log filter");
    }
    Ok(())
}

fn set(
    options: &Options,
    filter: Targets,
    colour: bool,
    events: Option<event_log::Sink>,
) -> Result<(), InitError> {
    let file = options.file.as_ref().map(file::Files::new);
    #[cfg(target_os = "linux")]
    if let Some(journal) = journal::sink(options.service.as_deref()) {
        let subscriber = tracing_subscriber::registry()
            .with(filter)
            .with(journal)
            .with(file.map(|file| lines(options, false, file)));
        return tracing::subscriber::set_global_default(subscriber)
            .map_err(|_| InitError::AlreadySet);
    }
    let subscriber = subscriber(options, filter, colour, sink::Stderr)
        .with(file.map(|file| lines(options, false, file)))
        .with(events);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| InitError::AlreadySet)
}

/// The filter to use, and what is wrong with the environment's if it is not
/// that one.
fn filter(
    explicit: Option<&str>,
    environment: Option<&str>,
) -> Result<(Targets, Option<InitError>), InitError> {
    let parse = |filter: &str| {
        filter.parse().map_err(|source| InitError::Filter {
            filter: filter.to_owned(),
            source,
        })
    };
    if let Some(filter) = explicit {
        return Ok((parse(filter)?, None));
    }
    match environment.filter(|filter| !filter.is_empty()).map(parse) {
        None => Ok((Targets::new().with_default(DEFAULT_LEVEL), None)),
        Some(Ok(filter)) => Ok((filter, None)),
        Some(Err(error)) => Ok((Targets::new().with_default(DEFAULT_LEVEL), Some(error))),
    }
}

fn subscriber<W>(
    options: &Options,
    filter: Targets,
    colour: bool,
    writer: W,
) -> impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = lines(options, colour, writer);
    tracing_subscriber::registry().with(filter).with(lines)
}

fn lines<S, W>(options: &Options, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Errors of the sink would be printed to stderr, which may be what failed.
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .log_internal_errors(false);
    match options.format {
        Format::Human => layer.with_ansi(colour).with_timer(Clock).boxed(),
        Format::Json => layer
            .with_ansi(false)
            .fmt_fields(tracing_subscriber::fmt::format::JsonFields::new())
            .event_format(json::Lines::new(options.service.clone()))
            .boxed(),
    }
}

/// Now, in UTC and milliseconds.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> std::fmt::Result {
        write!(writer, "{:.3}", jiff::Timestamp::now())
    }
}

#[cfg(test)]
mod tests;
