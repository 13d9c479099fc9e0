//! A definition as a unit of systemd, `systemd.service(5)`.

use std::path::Path;

use stead_model::definition::{Period, Ready, Reload, RestartWhen, Service, Start};
use stead_model::plan::Mode;
use stead_os::systemd::unit::{Section, UnitError, UnitFile};

use super::sandbox;
use crate::place::{Places, Scope};
use crate::resolved::Resolved;

/// Beyond the grace: for the host to see the end and tell it.
const HOST_MARGIN: Period = Period::from_secs(10);

/// What a unit is made from.
pub(super) struct Source<'a> {
    pub(super) resolved: &'a Resolved,
    pub(super) mode: Mode,
    pub(super) places: &'a Places,
    /// The executable of Stead.
    pub(super) host: &'a Path,
}

/// The unit of a service.
pub(super) fn unit(source: &Source<'_>) -> Result<UnitFile, UnitError> {
    let mut file = UnitFile::new();
    head(file.section("Unit"), source)?;
    body(file.section("Service"), source)?;
    let wanted_by = &source.resolved.service.systemd.wanted_by;
    let install = file.section("Install");
    if wanted_by.is_empty() {
        install.set(
            "WantedBy",
            match source.places.scope {
                Scope::System => "multi-user.target",
                Scope::User => "default.target",
            },
        );
    } else {
        install.units("WantedBy", wanted_by)?;
    }
    Ok(file)
}

fn head(section: &mut Section, source: &Source<'_>) -> Result<(), UnitError> {
    let Resolved { name, service } = source.resolved;
    section.comment(&format!(
        "Made by Stead from {} ({}).\n`stead service set {name} KEY=VALUE` changes it.",
        source.places.definition(name.as_str()).display(),
        source.mode,
    ));
    let description = service.description.as_deref();
    section.text("Description", description.unwrap_or(name.as_str()));
    let needed: Vec<String> = service
        .depends_on
        .iter()
        .map(|dependency| format!("{dependency}.service"))
        .collect();
    if !needed.is_empty() {
        section.units("Requires", &needed)?;
    }
    if !service.systemd.wants.is_empty() {
        section.units("Wants", &service.systemd.wants)?;
    }
    let mut after = needed;
    after.extend(service.systemd.after.iter().cloned());
    if source.places.scope == Scope::System {
        after.push("network.target".to_owned());
    }
    if !after.is_empty() {
        section.units("After", &after)?;
    }
    if service.start == Start::Disabled {
        section.set("RefuseManualStart", "yes");
    }
    if source.mode == Mode::Direct {
        let restart = &service.restart;
        if restart.limit == 0 {
            section.set("StartLimitIntervalSec", "0");
        } else {
            section.set("StartLimitIntervalSec", time(restart.window));
            // systemd counts the first start too.
            section.set("StartLimitBurst", restart.limit.saturating_add(1));
        }
    }
    Ok(())
}

fn body(section: &mut Section, source: &Source<'_>) -> Result<(), UnitError> {
    let Resolved { name, service } = source.resolved;
    match source.mode {
        Mode::Direct => direct(section, service)?,
        Mode::Hosted => hosted(section, source)?,
    }
    section.set("SyslogIdentifier", name);
    if source.places.scope == Scope::System {
        match service.user.as_deref() {
            Some(user) => section.set("User", user),
            None => section.set("DynamicUser", "yes"),
        };
        for kind in ["StateDirectory", "LogsDirectory"] {
            section.set(kind, format!("stead/{name}"));
        }
        section.set("RuntimeDirectory", format!("stead-{name}"));
    }
    if let Some(slice) = &service.systemd.slice {
        section.units("Slice", [slice])?;
    }
    limits(section, service);
    sandbox::add(section, service, source.places.scope)?;
    for (key, value) in &service.systemd.properties {
        section.set(key, value);
    }
    Ok(())
}

/// systemd runs the program.
fn direct(section: &mut Section, service: &Service) -> Result<(), UnitError> {
    section.set(
        "Type",
        match service.ready {
            Ready::Notify => "notify",
            Ready::Spawned | Ready::Healthy => "exec",
        },
    );
    section.exec("ExecStart", "", service.command.words())?;
    match &service.reload {
        Some(Reload::Signal(signal)) => {
            let signal = signal.to_string();
            let short = signal.trim_start_matches("SIG");
            // A shell's own `kill`: no other is sure to be installed.
            let script = format!("kill -s {short} \"$MAINPID\"");
            section.exec("ExecReload", "", &["/bin/sh", "-c", &script])?;
        }
        Some(Reload::Command(command)) => {
            section.exec("ExecReload", "", command.words())?;
        }
        None => {}
    }
    section.path("WorkingDirectory", Path::new(&service.directory))?;
    for (name, value) in &service.environment {
        section.environment(name, value)?;
    }
    if let Some(file) = &service.environment_file {
        section.pattern("EnvironmentFile", "", Path::new(file))?;
    }
    section.set("KillSignal", service.stop.signal);
    section.set("TimeoutStartSec", time(service.ready_timeout));
    // To systemd, no time at all is all the time there is.
    let grace = service.stop.grace.max(Period::from_millis(1));
    section.set("TimeoutStopSec", time(grace));
    if let Some(watchdog) = service.systemd.watchdog {
        section.set("WatchdogSec", time(watchdog));
    }
    section.set(
        "Restart",
        match service.restart.policy {
            RestartWhen::Always => "always",
            RestartWhen::OnFailure => "on-failure",
            RestartWhen::Never => "no",
        },
    );
    section.set("RestartSec", time(service.restart.delay));
    let others: Vec<String> = service
        .success_exit
        .iter()
        .filter(|code| **code != 0)
        .map(ToString::to_string)
        .collect();
    if !others.is_empty() {
        section.list("SuccessExitStatus", &others)?;
    }
    Ok(())
}

/// systemd runs Stead, which runs the program.
fn hosted(section: &mut Section, source: &Source<'_>) -> Result<(), UnitError> {
    let Resolved { name, service } = source.resolved;
    let places = source.places;
    let paths = [
        places.definition(name.as_str()),
        places.state_of(name.as_str()),
        places.logs_of(name.as_str()),
    ];
    let [definition, state, logs] = paths.each_ref().map(|path| path.to_string_lossy());
    let host = source.host.to_string_lossy();
    section.set("Type", "notify");
    section.exec(
        "ExecStart",
        "",
        &[
            host.as_ref(),
            "run",
            name.as_str(),
            "--file",
            definition.as_ref(),
            "--data",
            state.as_ref(),
            "--logs",
            logs.as_ref(),
        ],
    )?;
    if service.reload.is_some() {
        let script = "kill -s HUP \"$MAINPID\"";
        section.exec("ExecReload", "", &["/bin/sh", "-c", script])?;
    }
    // Stead has the deadlines: it alone knows of hooks and of restarts during the start.
    section.set("TimeoutStartSec", "infinity");
    section.set("TimeoutStopSec", time(stop_within(service)));
    // Each run of the program gets a cgroup below the unit's, where the sandbox leaves them in reach.
    section.set("Delegate", "yes");
    // Stead alone is asked; it asks the program by the definition. What is left is killed.
    section.set("KillMode", "mixed");
    // It restarts the program itself, and gives up when the definition says so. Only if it is
    // killed is it for systemd to start it again.
    section.set("Restart", "on-abnormal");
    section.set("RestartSec", "1s");
    Ok(())
}

/// How long a hosted service may take to stop.
pub(super) fn stop_within(service: &Service) -> Period {
    let hooks = service.before_stop.len() + service.after_stop.len();
    let hooks = u32::try_from(hooks).unwrap_or(u32::MAX);
    let all = service.hook_timeout.get().saturating_mul(hooks)
        + service.stop.grace.get()
        + HOST_MARGIN.get();
    Period::from_millis(u64::try_from(all.as_millis()).unwrap_or(u64::MAX))
}

fn limits(section: &mut Section, service: &Service) {
    let limits = &service.limits;
    if let Some(memory) = limits.memory {
        section.set("MemoryMax", memory.bytes());
    }
    if let Some(cpu) = limits.cpu {
        section.set("CPUQuota", format!("{:.0}%", (cpu * 100.0).max(1.0)));
    }
    if let Some(tasks) = limits.tasks {
        section.set("TasksMax", tasks);
    }
    if let Some(files) = limits.open_files {
        section.set("LimitNOFILE", files);
    }
}

/// In milliseconds, which every setting of a time takes.
fn time(period: Period) -> String {
    format!("{}ms", period.get().as_millis())
}
