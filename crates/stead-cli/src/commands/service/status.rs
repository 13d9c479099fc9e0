//! `stead service status`, `list` and `dependents`.

use std::fmt::Write as _;
use std::process::ExitCode;

use stead_native::{Manager, Shown};

use super::failure;
use crate::cli::{Common, Output};
use crate::commands::ps;
use crate::failure::{Failure, NOT_FOUND};
use crate::output;

pub(super) fn one(common: &Common, manager: &dyn Manager, name: &str) -> Result<ExitCode, Failure> {
    let shown = manager
        .status(name)
        .map_err(|error| failure(&error, &format!("cannot tell how {name} stands")))?;
    match common.output {
        Output::Json => output::json(&shown)?,
        Output::Table => output::line(&describe(&shown))?,
    }
    Ok(if shown.service.state == "RUNNING" {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_FOUND)
    })
}

fn describe(shown: &Shown) -> String {
    let service = &shown.service;
    let state = format!(
        "{} for {} (since {})",
        ps::state(service),
        ps::since(service),
        service.since
    );
    let run = format!("{} by {}, as {}", shown.mode, shown.manager, shown.unit);
    let pid = service.pid.map(|pid| pid.to_string());
    let restarts = service.restarts.to_string();
    let fields = [
        ("state", Some(&state)),
        ("run", Some(&run)),
        ("start", Some(&shown.start)),
        ("pid", pid.as_ref()),
        ("restarts", Some(&restarts)),
        ("exit", service.exit.as_ref()),
        ("status", service.status.as_ref()),
        ("detail", service.detail.as_ref()),
    ];
    let mut text = service.name.clone();
    for (word, value) in fields {
        if let Some(value) = value {
            let _ = write!(text, "\n  {word:<9} {value}"); // a String takes everything
        }
    }
    text
}

/// Where a service stands after a verb.
pub(super) fn print_reached(common: &Common, shown: &Shown) -> Result<(), Failure> {
    match common.output {
        Output::Json => output::json(shown),
        Output::Table => output::line(&format!(
            "{}: {}",
            shown.service.name,
            ps::state(&shown.service)
        )),
    }
}

pub(super) fn all(common: &Common, manager: &dyn Manager) -> Result<ExitCode, Failure> {
    let all = manager
        .list()
        .map_err(|error| failure(&error, "cannot list the installed services"))?;
    match common.output {
        Output::Json => output::json(&all)?,
        Output::Table => {
            let headings = ["NAME", "STATE", "START", "RUN", "PID", "SINCE", "DETAIL"];
            output::table(&headings, all.iter().map(row))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(shown: &Shown) -> Vec<String> {
    let service = &shown.service;
    vec![
        service.name.clone(),
        ps::state(service),
        shown.start.clone(),
        shown.mode.to_owned(),
        service
            .pid
            .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        ps::since(service),
        service
            .detail
            .clone()
            .or_else(|| service.status.clone())
            .unwrap_or_default(),
    ]
}

pub(super) fn dependents(
    common: &Common,
    manager: &dyn Manager,
    name: &str,
) -> Result<ExitCode, Failure> {
    let names = manager
        .dependents(name)
        .map_err(|error| failure(&error, &format!("cannot tell what depends on {name}")))?;
    match common.output {
        Output::Json => output::json(&names)?,
        Output::Table => {
            for name in names {
                output::line(&name)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
