//! What `up` and `run` have in common: everything that is needed to supervise a definition.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stead_model::definition::CheckKind;
use stead_model::lifecycle::Asker;
use stead_os::process::{CgroupMode, Launcher, LauncherOptions, Stdin};
use stead_supervisor::environment::{self, Environment};
use stead_supervisor::logs::Collector;
use stead_supervisor::{Options, OutputTo, Supervisor};

use super::definition::Loaded;
use crate::failure::{FAILED, Failure};

/// Where a definition's services are run.
pub(super) struct Place<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) launcher: &'a Launcher,
    /// A folder for notify sockets.
    pub(super) runtime: PathBuf,
    /// Where programs find the registry.
    pub(super) registry: Option<String>,
    pub(super) stdin: Stdin,
}

/// Sends what Stead itself has to say to stderr; `RUST_LOG` overrides the filter.
pub(super) fn log_to_stderr(filter: &str) {
    let filter = std::env::var_os("RUST_LOG")
        .is_none()
        .then(|| filter.to_owned());
    // Without a log everything else still works.
    let _ = stead_telemetry::init(&stead_telemetry::Options {
        filter,
        ..stead_telemetry::Options::default()
    });
}

/// Forks the guardian. To be called before the first thread is started.
pub(super) fn launcher(runs: &Path) -> Result<Launcher, Failure> {
    let cgroup = match std::env::var("STEAD_CGROUP").as_deref() {
        Ok("off") => CgroupMode::Off,
        _ => CgroupMode::Auto,
    };
    Launcher::start(LauncherOptions {
        runs: runs.to_owned(),
        cgroup,
    })
    .map_err(|error| Failure::of(FAILED, "cannot prepare to start programs", &error))
}

/// Captures output in files of `folder`.
pub(super) fn to_files(folder: &Path, pass_through: bool) -> Result<OutputTo, Failure> {
    let collector = Collector::start().map_err(|error| Failure::from_error(FAILED, &error))?;
    Ok(OutputTo::Files {
        collector,
        folder: folder.to_owned(),
        pass_through,
    })
}

/// A supervisor of the definition's services.
pub(super) fn supervisor(place: &Place<'_>, output: OutputTo) -> Result<Supervisor, Failure> {
    let mut environment = environment::inherited();
    if let Some(registry) = &place.registry {
        environment.insert("STEAD_ADDR".into(), registry.into());
    }
    let options = Options {
        launcher: place.launcher.clone(),
        base: place.loaded.base.clone(),
        output,
        stdin: place.stdin,
        runtime: place.runtime.clone(),
        environment,
        own_environment: heartbeats(place.loaded),
    };
    Supervisor::new(&place.loaded.definition, options)
        .map_err(|error| Failure::from_error(FAILED, &error).hint("--data names another folder"))
}

/// Who asks, when the person at this command line does.
pub(super) fn caller() -> Asker {
    let user = ["USER", "USERNAME", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    Asker::User(user.unwrap_or_else(|| "command line".to_owned()))
}

/// Tells programs with a heartbeat check where to report and how often.
fn heartbeats(loaded: &Loaded) -> BTreeMap<stead_model::name::ServiceName, Environment> {
    let mut own = BTreeMap::new();
    for (name, service) in &loaded.definition.services {
        let heartbeat = service
            .checks
            .iter()
            .enumerate()
            .find_map(|(index, check)| match &check.kind {
                CheckKind::Heartbeat(interval) => Some((index, *interval)),
                _ => None,
            });
        if let Some((index, interval)) = heartbeat {
            let id = stead_agent::check_id(name, service, index);
            let variables = [
                ("STEAD_HEARTBEAT".into(), id.into()),
                (
                    "STEAD_HEARTBEAT_INTERVAL".into(),
                    interval.to_string().into(),
                ),
            ];
            own.insert(name.clone(), Environment::from(variables));
        }
    }
    own
}

/// A folder for sockets and run records of commands that have no data folder: the user's runtime
/// folder, for root the system's, else one in the temporary folder that is the user's alone.
pub(super) fn runtime_folder() -> Result<PathBuf, Failure> {
    let base = stead_os::host::runtime_folder();
    let cannot = |error: &std::io::Error| {
        Failure::of(
            FAILED,
            format!("cannot use the runtime folder {}", base.display()),
            error,
        )
    };
    stead_os::host::make_private(&base).map_err(|error| cannot(&error))?;
    Ok(base)
}
