//! A service on its way into a definition, and what there is to say about it.

use std::collections::BTreeMap;
use std::path::Path;

use stead_model::definition::{Argv, Period};
use stead_model::name::NAME_MAX;
use stead_model::plan::{Manager, Program, choose};
use stead_model::{Definition, Service, ServiceName};

use crate::{Format, ImportError, Imported, Note, render};

/// The notes of a file.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Note>);

impl Notes {
    pub(crate) fn add(
        &mut self,
        line: impl Into<Option<usize>>,
        subject: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let note = Note {
            line: line.into(),
            subject: subject.into(),
            advice: advice.into(),
        };
        if !self.0.contains(&note) {
            self.0.push(note);
        }
    }
}

/// A command, if the words are one.
pub(crate) fn argv(words: Vec<String>, line: usize) -> Result<Argv, ImportError> {
    Argv::new(words).map_err(|source| ImportError::Command { line, source })
}

/// A length of time that a definition can hold: those that are longer than anything are cut.
pub(crate) fn period(millis: u64) -> Period {
    let longest = stead_model::definition::PERIOD_MAX_DAYS * 86_400_000;
    Period::from_millis(millis.min(longest))
}

/// Sets when the service is started again: the delay, which must not be longer than the longest.
pub(crate) fn set_delay(service: &mut Service, delay: Period) {
    service.restart.delay = delay;
    service.restart.max_delay = service.restart.max_delay.max(delay);
}

/// The name as one of Stead's. Others allow characters that Stead does not.
pub(crate) fn service_name(
    format: Format,
    raw: &str,
    line: Option<usize>,
    notes: &mut Notes,
) -> Result<ServiceName, ImportError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let words = raw
        .split(|c: char| !allowed(c))
        .filter(|word| !word.is_empty());
    let name: String = words
        .collect::<Vec<_>>()
        .join("-")
        .chars()
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(NAME_MAX)
        .collect();
    let name = ServiceName::new(name).map_err(|_| ImportError::Missing {
        format,
        message: format!("names the service {raw:?}, which has no ASCII letter or digit in it"),
        hint: "give the service a name of ASCII letters and digits",
    })?;
    if name != raw {
        notes.add(
            line,
            raw,
            format!("is called {name} here, as a name has ASCII letters, digits, `-`, `_` and `.`"),
        );
    }
    Ok(name)
}

/// The definition of these services and its text, unless the rules refuse it.
pub(crate) fn finish(
    format: Format,
    services: BTreeMap<ServiceName, Service>,
    mut notes: Notes,
) -> Result<Imported, ImportError> {
    let definition = Definition {
        services,
        ..Definition::default()
    };
    let manager = match format {
        Format::WinSw | Format::Nssm => Manager::Scm,
        Format::Systemd => Manager::Systemd,
    };
    for service in definition.services.values() {
        for refusal in choose(service, manager, Program::Foreign, None)
            .err()
            .unwrap_or_default()
        {
            let advice = format!("will be refused on install: {}", refusal.why);
            notes.add(None, refusal.key, advice);
        }
    }
    let mut notes = notes.0;
    notes.sort();
    let toml = render::toml(&definition, format, &notes);
    // The rules judge it as they would have it from a person.
    Definition::parse(&toml, Path::new("stead.toml"))?;
    Ok(Imported {
        format,
        definition,
        toml,
        notes,
    })
}
