//! `stead service`: services of the operating system's own manager.

mod change;
mod import;
mod install;
mod logs;
mod progress;
mod show;
mod status;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use stead_native::place::Places;
use stead_native::systemd::Systemd;
use stead_native::{Manager, NativeError};

use crate::cli::{Common, Service, ServiceVerb};
use crate::failure::{DENIED, FAILED, Failure, NOT_FOUND, UNREACHABLE, USAGE};
use crate::output;

pub(crate) fn run(common: &Common, service: Service) -> Result<ExitCode, Failure> {
    let places = places(service.user_unit)?;
    let manager = Systemd::new(places, progress::reporter());
    let manager = &manager;
    let within = service.timeout;
    match service.verb {
        ServiceVerb::Install(options) => install::run(common, manager, &options, within),
        ServiceVerb::Uninstall(name) => uninstall(manager, &name.name, within),
        ServiceVerb::Start(name) => reach(common, manager, "start", &name.name, |name| {
            manager.start(name, within)
        }),
        ServiceVerb::Stop(name) => reach(common, manager, "stop", &name.name, |name| {
            manager.stop(name, within)
        }),
        ServiceVerb::Restart(name) => reach(common, manager, "restart", &name.name, |name| {
            manager.restart(name, within)
        }),
        ServiceVerb::Reload(name) => reach(common, manager, "reload", &name.name, |name| {
            manager.reload(name, within)
        }),
        ServiceVerb::Status(name) => status::one(common, manager, &name.name),
        ServiceVerb::List => status::all(common, manager),
        ServiceVerb::Show(name) => show::run(common, manager, &name.name),
        ServiceVerb::Set(options) => change::run(manager, &options),
        ServiceVerb::Dependents(name) => status::dependents(common, manager, &name.name),
        ServiceVerb::Import(options) => import::run(common, &options.file),
        ServiceVerb::Logs(options) => logs::run(manager, &options, service.user_unit),
    }
}

fn places(user_unit: bool) -> Result<Places, Failure> {
    if !user_unit {
        return Ok(Places::system());
    }
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    Places::user(variable).map_err(|error| Failure::from_error(FAILED, &error))
}

/// Has a service reach a state, and shows where it stands then.
fn reach(
    common: &Common,
    manager: &dyn Manager,
    verb: &str,
    name: &str,
    act: impl FnOnce(&str) -> Result<(), NativeError>,
) -> Result<ExitCode, Failure> {
    act(name).map_err(|error| failure(&error, &format!("cannot {verb} {name}")))?;
    let shown = manager
        .status(name)
        .map_err(|error| failure(&error, &format!("cannot tell how {name} stands")))?;
    status::print_reached(common, &shown)?;
    Ok(ExitCode::SUCCESS)
}

fn uninstall(manager: &Systemd, name: &str, within: Duration) -> Result<ExitCode, Failure> {
    manager
        .uninstall(name, within)
        .map_err(|error| failure(&error, &format!("cannot uninstall {name}")))?;
    let places = manager.places();
    let left: Vec<_> = [places.state_of(name), places.logs_of(name)]
        .into_iter()
        .filter(|folder| folder.exists())
        .map(|folder| folder.display().to_string())
        .collect();
    output::line(&format!("{name}: uninstalled"))?;
    if !left.is_empty() {
        output::line(&format!("what it wrote is still in {}", left.join(" and ")))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What went wrong, as a person reads it, with the exit status.
fn failure(error: &NativeError, operation: &str) -> Failure {
    let status = match error {
        NativeError::Refused(_) | NativeError::Resolve(_) | NativeError::Lacks { .. } => USAGE,
        NativeError::NotInstalled { .. } => NOT_FOUND,
        NativeError::Denied { .. } => DENIED,
        NativeError::Unreachable { .. } => UNREACHABLE,
        _ => FAILED,
    };
    let hint = error.hint();
    let failure = Failure::from_error(status, error).during(operation);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
