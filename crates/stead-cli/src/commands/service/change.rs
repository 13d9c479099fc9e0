//! `stead service set`: keys of an installed definition, one by one.

use std::path::Path;
use std::process::ExitCode;

use stead_model::plan::Mode;
use stead_native::systemd::Systemd;
use stead_native::{Done, Manager, Request, Resolved};

use super::failure;
use crate::cli::Set;
use crate::failure::{FAILED, Failure, USAGE};
use crate::output;

pub(super) fn run(manager: &Systemd, options: &Set) -> Result<ExitCode, Failure> {
    let name = &options.name;
    let cannot = format!("cannot change {name}");
    let installed = manager
        .show(name)
        .map_err(|error| failure(&error, &cannot))?;
    let resolved = apply(installed.definition, &options.assignments)?;
    let request = Request {
        resolved,
        forced: None::<Mode>,
        host: std::env::current_exe()
            .map_err(|error| Failure::of(FAILED, "cannot tell where stead itself is", &error))?,
        replace: true,
    };
    let done = manager
        .install(&request)
        .map_err(|error| failure(&error, &cannot))?;
    output::line(&match done {
        Done::Unchanged => format!("{name}: it is so already, nothing changed"),
        Done::Installed | Done::Replaced => format!("{name}: changed; a restart takes it over"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// A service with keys changed. What comes out is judged as a definition file is.
pub(super) fn apply(resolved: Resolved, assignments: &[String]) -> Result<Resolved, Failure> {
    if assignments.is_empty() {
        return Ok(resolved);
    }
    let text = resolved
        .to_toml()
        .map_err(|error| Failure::from_error(FAILED, &error))?;
    let mut file: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| Failure::from_error(FAILED, &error))?;
    let service = file
        .get_mut("services")
        .and_then(|services| services.get_mut(resolved.name.as_str()))
        .and_then(toml::Value::as_table_mut)
        .ok_or_else(|| Failure::new(FAILED, "the definition has no service"))?;
    for assignment in assignments {
        assign(service, assignment)?;
    }
    let text = toml::to_string(&file)
        .map_err(|error| Failure::of(USAGE, "cannot write the definition", &error))?;
    Resolved::read(&text, Path::new("the definition")).map_err(|error| {
        Failure::new(USAGE, error.to_string())
            .hint("docs/definition.md has the keys and what they take")
    })
}

fn assign(service: &mut toml::Table, assignment: &str) -> Result<(), Failure> {
    let (key, value) = assignment.split_once('=').ok_or_else(|| {
        Failure::new(USAGE, format!("{assignment:?} is no assignment"))
            .hint("write KEY=VALUE, for instance restart.policy=always")
    })?;
    let mut parts: Vec<&str> = key.trim().split('.').collect();
    let last = parts.pop().unwrap_or_default();
    let mut table = service;
    for part in parts {
        let inner = table
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        table = inner.as_table_mut().ok_or_else(|| {
            Failure::new(
                USAGE,
                format!("{key}: {part} is no table of the definition"),
            )
        })?;
    }
    if value.is_empty() {
        table.remove(last);
    } else {
        table.insert(last.to_owned(), meant(value));
    }
    Ok(())
}

/// A value as TOML, or the plain text that it is where it is none: `manual`, `512MiB`.
fn meant(value: &str) -> toml::Value {
    format!("value = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()))
}
