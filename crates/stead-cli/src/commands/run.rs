//! `stead run`: one service, or any command, in the foreground.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use stead_agent::folder::DataFolder;
use stead_agent::{Agent, AgentOptions};
use stead_model::definition::{self as model, Argv, Definition};
use stead_model::lifecycle::{Asker, State};
use stead_model::name::ServiceName;
use stead_os::process::{Exit, Launcher, Stdin};
use stead_supervisor::{OutputTo, Status, Supervisor};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::definition::{self, Loaded};
use super::signals::Wish;
use super::{platform, services, signals};
use crate::cli::{RestartWhen, Run};
use crate::failure::{FAILED, Failure, NOT_FOUND, USAGE};

pub(crate) fn run(run: &Run) -> Result<ExitCode, Failure> {
    services::log_to_stderr("warn");
    match &run.name {
        Some(name) => service(name, run),
        None => command(&run.command, run.restart),
    }
}

/// One service of a definition: its output passes through and goes to its log files.
fn service(name: &str, run: &Run) -> Result<ExitCode, Failure> {
    let file = &run.file;
    // Installed, with a state folder of its own, its dependencies have files of their own.
    let mut loaded = match run.data {
        Some(_) => definition::load_alone(file)?,
        None => definition::load(file)?,
    };
    let known = |name: &ServiceName| loaded.definition.services.contains_key(name);
    let name = ServiceName::new(name).ok().filter(known).ok_or_else(|| {
        let names: Vec<_> = loaded
            .definition
            .services
            .keys()
            .map(ServiceName::as_str)
            .collect();
        Failure::new(
            NOT_FOUND,
            format!("no service {name} in {}", file.display()),
        )
        .hint(format!("it has {}", names.join(", ")))
    })?;
    loaded.definition.services.retain(|other, _| *other == name);
    if let Some(service) = loaded.definition.services.get_mut(&name) {
        // Alone in the foreground, it has nobody to wait for.
        service.depends_on.clear();
    }
    let data = match &run.data {
        Some(data) => data.clone(),
        None => loaded.base.join(".stead"),
    };
    // Held before the look at `up`, which looks the other way round: one of the two sees the other.
    let _held = DataFolder::hold(&alone(&data).join(name.as_str())).map_err(|error| {
        Failure::from_error(FAILED, &error).during(format!("cannot run {name}"))
    })?;
    if let Some(pid) = DataFolder::holder(&data) {
        return Err(Failure::new(
            FAILED,
            format!("stead up (pid {pid}) runs the services of this folder"),
        )
        .during(format!("cannot run {name}"))
        .hint(format!("`stead restart {name}` restarts it there")));
    }
    let logs = run.logs.clone().unwrap_or_else(|| data.join("logs"));
    let output = services::to_files(&logs, true)?;
    foreground(&loaded, &name, output)
}

/// Where single services that run alone hold folders of their own.
pub(super) fn alone(data: &Path) -> PathBuf {
    data.join("alone")
}

/// Any command: its output is the caller's own.
fn command(argv: &[String], restart: RestartWhen) -> Result<ExitCode, Failure> {
    let argv = Argv::new(argv.to_vec()).map_err(|error| Failure::from_error(USAGE, &error))?;
    let name = name_of(argv.program());
    let mut service = model::Service::new(argv);
    service.restart.policy = match restart {
        RestartWhen::Always => model::RestartWhen::Always,
        RestartWhen::OnFailure => model::RestartWhen::OnFailure,
        RestartWhen::Never => model::RestartWhen::Never,
    };
    let base = std::env::current_dir()
        .map_err(|error| Failure::of(FAILED, "cannot tell the folder this runs in", &error))?;
    let definition = Definition {
        services: [(name.clone(), service)].into(),
        ..Definition::default()
    };
    let loaded = Loaded {
        definition,
        file: base.join("stead.toml"),
        base,
    };
    foreground(&loaded, &name, OutputTo::Caller)
}

/// A service's name for a program: its file name, as far as a name allows.
fn name_of(program: &str) -> ServiceName {
    let file = Path::new(program)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let clean: String = file
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .take(stead_model::name::NAME_MAX)
        .collect();
    ServiceName::new(clean)
        .or_else(|_| ServiceName::new("command"))
        .unwrap_or_else(|error| unreachable!("`command` is a name: {error}"))
}

fn foreground(loaded: &Loaded, name: &ServiceName, output: OutputTo) -> Result<ExitCode, Failure> {
    let runtime_folder = services::runtime_folder()?;
    // The guardian is forked here, before the first thread of this process.
    let launcher = services::launcher(&runtime_folder.join("runs"))?;
    launcher.sweep();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of(FAILED, "cannot start the asynchronous runtime", &error))?;
    let stdin = if std::io::stdin().is_terminal() {
        Stdin::Null
    } else {
        Stdin::Inherit
    };
    let place = services::Place {
        loaded,
        launcher: &launcher,
        runtime: runtime_folder,
        registry: None,
        stdin,
    };
    runtime.block_on(async {
        let supervisor = services::supervisor(&place, output)?;
        if loaded
            .definition
            .services
            .values()
            .all(|service| service.checks.is_empty())
        {
            let supervisor = Arc::new(supervisor);
            let Over::Ended(status) = until_over(&supervisor, name).await? else {
                return Ok(ExitCode::from(KILLED));
            };
            supervisor.stop_all(&services::caller()).await;
            return report(name, loaded, &status);
        }
        checked(supervisor, &launcher, loaded, name).await
    })
}

/// The same with checks, so that `ready = "healthy"` and `on_unhealthy` have their effect.
async fn checked(
    supervisor: Supervisor,
    launcher: &Launcher,
    loaded: &Loaded,
    name: &ServiceName,
) -> Result<ExitCode, Failure> {
    let agent = Agent::start(
        &loaded.definition,
        AgentOptions {
            supervisor,
            launcher: launcher.clone(),
            registry: None,
        },
    )
    .await
    .map_err(|error| Failure::of(FAILED, "cannot prepare the checks", &error))?;
    let Over::Ended(status) = until_over(agent.supervisor(), name).await? else {
        return Ok(ExitCode::from(KILLED));
    };
    agent.stop(&services::caller()).await;
    report(name, loaded, &status)
}

/// How a service in the foreground came to its end.
enum Over {
    /// It has ended, and nothing of it is left.
    Ended(Arc<Status>),
    /// Somebody would not wait for that: what is left of it goes with the launcher.
    AskedTwice,
}

/// The shell's word for an end by SIGKILL.
const KILLED: u8 = 128 + 9;

/// Starts the service and waits until it is over for good, or somebody asks for the end.
async fn until_over(supervisor: &Arc<Supervisor>, name: &ServiceName) -> Result<Over, Failure> {
    let mut wishes = signals::ending()?;
    let by = services::caller();
    let mut status = supervisor
        .watch(name.as_str())
        .ok_or_else(|| Failure::new(NOT_FOUND, format!("no service {name}")))?;
    let _quiet = AbortOnDropHandle::new(tokio::spawn(quiet_down(status.clone())));
    let _platform = AbortOnDropHandle::new(tokio::spawn(platform::pass_on(status.clone())));
    supervisor.wish_start([name.clone()], &by).await;
    let over = |status: &Arc<Status>| {
        !status.alive
            && !status.restart_due
            && matches!(status.state, State::Error | State::Terminated)
    };
    let mut reloading = None;
    let ended = loop {
        tokio::select! {
            ended = status.wait_for(over) => break ended.map(|status| Arc::clone(&status)).ok(),
            wish = wishes.recv() => match wish {
                // Beside the rest: whoever asks for the end does not wait for it.
                Some(Wish::Reload) => {
                    let (supervisor, name) = (Arc::clone(supervisor), name.clone());
                    let reloads = reload(supervisor, name, by.clone());
                    reloading = Some(AbortOnDropHandle::new(tokio::spawn(reloads)));
                }
                Some(Wish::End) | None => break None,
            },
        }
    };
    drop(reloading);
    if let Some(ended) = ended {
        return Ok(Over::Ended(ended));
    }
    tokio::select! {
        _ = supervisor.stop(name, &by) => {}
        () = signals::until_end(&mut wishes) => {
            tracing::warn!("asked twice: the program is killed");
            return Ok(Over::AskedTwice);
        }
    }
    supervisor
        .status(name.as_str())
        .map(Over::Ended)
        .ok_or_else(|| Failure::new(FAILED, "the supervisor ended early"))
}

/// The manager that runs this asks for it.
async fn reload(supervisor: Arc<Supervisor>, name: ServiceName, by: Asker) {
    if let Err(error) = supervisor.reload(&name, &by).await {
        tracing::warn!(service = %name, %error, "cannot reload");
        // The manager waits to hear that the reload is over, which it is.
        platform::ready();
    }
}

/// Once the service is ready there is nothing to do but wait.
async fn quiet_down(mut status: watch::Receiver<Arc<Status>>) {
    if status
        .wait_for(|status| status.state.is_ready())
        .await
        .is_ok()
    {
        stead_os::memory::release_startup_code();
    }
}

/// The exit status: the program's own where it had one.
///
/// A manager reads only that it is 0 or not: to it, 0 is what the definition calls a success, a
/// program that was stopped too, whatever it said.
fn report(name: &ServiceName, loaded: &Loaded, status: &Status) -> Result<ExitCode, Failure> {
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        match (status.state, status.exit) {
            (State::Terminated, _) => return Ok(ExitCode::SUCCESS),
            (State::Error, Some(Exit::Code(0))) => return Ok(ExitCode::from(FAILED)),
            _ => {}
        }
    }
    match status.exit {
        Some(Exit::Code(code))
            if status.state == State::Terminated && is_success(loaded, name, code) =>
        {
            // Under `run -- CMD` the only success is 0; a definition may name others.
            Ok(ExitCode::from(u8::try_from(code).unwrap_or(0)))
        }
        Some(Exit::Code(code)) => Ok(ExitCode::from(
            u8::try_from(code & 0xff)
                .unwrap_or(FAILED)
                .max(u8::from(code != 0)),
        )),
        // The shell's convention for an end by a signal.
        Some(Exit::Signal(signal)) => {
            Ok(ExitCode::from(u8::try_from(128 + signal).unwrap_or(FAILED)))
        }
        None if status.state == State::Error => {
            let why = status
                .detail
                .clone()
                .unwrap_or_else(|| "it failed".to_owned());
            Err(Failure::new(FAILED, format!("cannot start {name}: {why}")))
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

fn is_success(loaded: &Loaded, name: &ServiceName, code: i32) -> bool {
    loaded
        .definition
        .services
        .get(name)
        .is_some_and(|service| service.success_exit.contains(&code))
}
