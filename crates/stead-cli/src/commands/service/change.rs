//! `stead service set`: keys of an installed definition, one by one.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use stead_model::Service;
use stead_model::name::ServiceName;
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
        .map_err(|error| failure(&error, &cannot))?
        .definition;
    let (host, forced) = manager.kept(&installed);
    let base = PathBuf::from(&installed.service.directory);
    let service = apply(&installed.name, &installed.service, &options.assignments)?;
    let request = Request {
        resolved: resolve(&installed.name, &service, &base, &base)?,
        forced,
        host: match host {
            Some(host) => host,
            None => stead_itself()?,
        },
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

/// The executable that this is.
pub(super) fn stead_itself() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::of(FAILED, "cannot tell where stead itself is", &error))
}

/// Makes every path of a service absolute: those of its definition from `base`, its program from
/// `typed_in`, or by the search path.
pub(super) fn resolve(
    name: &ServiceName,
    service: &Service,
    base: &Path,
    typed_in: &Path,
) -> Result<Resolved, Failure> {
    let environment = stead_supervisor::environment::inherited();
    let program =
        stead_supervisor::program::find(service.command.program(), typed_in, &environment)
            .map_err(|error| {
                Failure::from_error(FAILED, &error).during(format!("cannot install {name}"))
            })?;
    Resolved::new(name, service, base, &program).map_err(|error| Failure::from_error(USAGE, &error))
}

/// A service with keys changed. What comes out is judged as a definition file is.
pub(super) fn apply(
    name: &ServiceName,
    service: &Service,
    assignments: &[String],
) -> Result<Service, Failure> {
    let before = Resolved {
        name: name.clone(),
        service: service.clone(),
    };
    if assignments.is_empty() {
        return Ok(before.service);
    }
    let text = before
        .to_toml()
        .map_err(|error| Failure::from_error(FAILED, &error))?;
    let mut file: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| Failure::from_error(FAILED, &error))?;
    let table = file
        .get_mut("services")
        .and_then(|services| services.get_mut(name.as_str()))
        .and_then(toml::Value::as_table_mut)
        .ok_or_else(|| Failure::new(FAILED, "the definition has no service"))?;
    for assignment in assignments {
        assign(table, assignment)?;
    }
    let text = toml::to_string(&file)
        .map_err(|error| Failure::of(USAGE, "cannot write the definition", &error))?;
    let after = Resolved::read(&text, Path::new("the definition")).map_err(|error| {
        Failure::new(USAGE, error.to_string())
            .hint("docs/definition.md has the keys and what they take")
    })?;
    Ok(after.service)
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
