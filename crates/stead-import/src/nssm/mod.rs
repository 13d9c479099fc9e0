//! NSSM: a service of `nssm.exe`, which has its settings in the registry.
//!
//! After NSSM's documentation of its parameters ("NSSM - usage"), version 2.24.

mod exits;
mod reg;
mod settings;

use std::collections::BTreeMap;

use stead_model::{Service, ServiceName};

use crate::draft::{Notes, finish};
use crate::{Format, ImportError, Imported};
use reg::{Key, Value};

/// Where services are, in the set in use and in those that are kept.
const SERVICES: &str = r"\services\";

pub(crate) fn is_dump(text: &str) -> bool {
    reg::is_dump(text)
}

/// Reads what `reg export HKLM\SYSTEM\CurrentControlSet\Services\NAME` wrote: one service, or
/// several.
///
/// # Errors
///
/// The text is no dump, has no service of NSSM, or a service without an `Application`; or the
/// rules of a definition refuse what it says.
pub fn import(text: &str) -> Result<Imported, ImportError> {
    let keys = reg::parse(text)?;
    let mut found: BTreeMap<String, Dump<'_>> = BTreeMap::new();
    let mut notes = Notes::default();
    for key in &keys {
        let Some((name, below)) = service(&key.path) else {
            notes.add(
                key.line,
                &key.path,
                "is no service's key, and is not taken over",
            );
            continue;
        };
        let dump = found.entry(name.to_lowercase()).or_insert_with(|| Dump {
            name,
            line: key.line,
            own: Vec::new(),
            parameters: Vec::new(),
            exits: Vec::new(),
            events: Vec::new(),
        });
        dump.take(key, below, &mut notes);
    }
    let mut services: BTreeMap<ServiceName, Service> = BTreeMap::new();
    // A dump of all services has those of other programs as well.
    for dump in found.values().filter(|dump| !dump.parameters.is_empty()) {
        let (name, service) = settings::read(dump, &mut notes)?;
        services.insert(name, service);
    }
    if services.is_empty() {
        return Err(ImportError::Missing {
            format: Format::Nssm,
            message: r"has no service with NSSM's Parameters".to_owned(),
            hint: r"export the whole key: reg export HKLM\SYSTEM\CurrentControlSet\Services\NAME name.reg",
        });
    }
    let depended: Vec<_> = services.keys().cloned().collect();
    for dump in found.values() {
        settings::depend(dump, &depended, &mut services, &mut notes);
    }
    finish(Format::Nssm, services, notes)
}

/// What a dump has of one service.
struct Dump<'a> {
    name: &'a str,
    line: usize,
    /// The service's key itself, which belongs to the service control manager.
    own: Vec<&'a Value>,
    parameters: Vec<&'a Value>,
    exits: Vec<&'a Value>,
    /// The events, each with one thing to run.
    events: Vec<(String, &'a Value)>,
}

impl<'a> Dump<'a> {
    fn take(&mut self, key: &'a Key, below: &str, notes: &mut Notes) {
        match below.to_lowercase().as_str() {
            "" => self.own.extend(&key.values),
            "parameters" => {
                // A service of some other program may have parameters, too.
                if key.values.iter().any(|value| value.name.starts_with("App")) {
                    self.parameters.extend(&key.values);
                }
            }
            r"parameters\appexit" => self.exits.extend(&key.values),
            r"parameters\appevents" | "security" | "enum" => {}
            events if events.starts_with(r"parameters\appevents\") => {
                let event = events.rsplit('\\').next().unwrap_or_default();
                let values = key.values.iter().map(|value| (event.to_owned(), value));
                self.events.extend(values);
            }
            _ => notes.add(
                key.line,
                &key.path,
                "has no counterpart, and is not taken over",
            ),
        }
    }
}

/// The service a key belongs to, and the path below it.
fn service(path: &str) -> Option<(&str, &str)> {
    let start = path.to_ascii_lowercase().find(SERVICES)? + SERVICES.len();
    let rest = &path[start..];
    let (name, below) = rest.split_once('\\').unwrap_or((rest, ""));
    (!name.is_empty()).then_some((name, below))
}
