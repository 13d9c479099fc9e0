//! The keys of `[Service]`.

use std::collections::BTreeMap;

use stead_model::Service;
use stead_model::definition::{Argv, ByteSize, Period, Ready, Reload, RestartWhen};
use stead_model::plan::{Manager, Program, choose};

use super::Reader;
use super::exec::kill_signal;
use super::restart::{self, span, wrong};
use super::specifier::UnitName;
use super::unit::{Assignment, words};
use super::value::{self, Span};
use crate::ImportError;

/// The variables of `Environment=`; `None` where a file has some, too.
pub(super) fn environment(
    assignments: &[Assignment],
    unit: &UnitName,
) -> Result<Option<BTreeMap<String, String>>, ImportError> {
    let mut variables = BTreeMap::new();
    for assignment in assignments.iter().filter(|it| it.section == "Service") {
        if assignment.key == "EnvironmentFile" {
            return Ok(None);
        }
        if assignment.key == "Environment" {
            for word in words(&assignment.value, assignment.line)? {
                if let Some((name, value)) = word.split_once('=') {
                    variables.insert(name.to_owned(), unit.expand(value).0);
                }
            }
        }
    }
    Ok(Some(variables))
}

/// Why a definition may not have a line of this key for systemd, if so.
fn refused(key: &str) -> Option<String> {
    let mut probe = Service::new(Argv::new(vec!["/bin/true".to_owned()]).ok()?);
    let properties = &mut probe.systemd.properties;
    properties.insert(key.to_owned(), String::new());
    let refusals = choose(&probe, Manager::Systemd, Program::Foreign, None).err()?;
    refusals.into_iter().next().map(|refusal| refusal.why)
}

impl Reader {
    pub(super) fn service_key(
        &mut self,
        assignment: &Assignment,
        service: &mut Service,
    ) -> Result<(), ImportError> {
        let value = assignment.value.as_str();
        match assignment.key.as_str() {
            // Read before.
            "ExecStart" => {}
            "Type" => self.kind(assignment, service)?,
            "ExecStartPre" => service.before_start.extend(self.commands(assignment)?),
            "ExecStartPost" => service.after_start.extend(self.commands(assignment)?),
            "ExecStopPost" => service.after_stop.extend(self.commands(assignment)?),
            "ExecStop" => match kill_signal(value, assignment.line) {
                Some(signal) => service.stop.signal = signal,
                None => service.before_stop.extend(self.commands(assignment)?),
            },
            "ExecReload" => self.reload(assignment, service)?,
            "Environment" => self.variables(assignment, service)?,
            "EnvironmentFile" => self.environment_file(assignment, service),
            "WorkingDirectory" => self.directory(assignment, service),
            "User" => service.user = Some(self.expanded(value, assignment)),
            "DynamicUser" => {
                if value::truth(value) == Some(true) {
                    service.user = None;
                }
            }
            "TimeoutStartSec" => self.timeout(assignment, &mut service.ready_timeout)?,
            "TimeoutStopSec" => self.timeout(assignment, &mut service.stop.grace)?,
            "TimeoutSec" => {
                self.timeout(assignment, &mut service.ready_timeout)?;
                self.timeout(assignment, &mut service.stop.grace)?;
            }
            "WatchdogSec" => {
                if let Span::Time(watchdog) = span(assignment)? {
                    service.systemd.watchdog = Some(watchdog).filter(|it| !it.is_zero());
                }
            }
            "KillSignal" => match value.parse() {
                Ok(signal) => service.stop.signal = signal,
                Err(_) => self.none(assignment, "is no signal `stop.signal` knows"),
            },
            "Slice" => service.systemd.slice = Some(self.expanded(value, assignment)),
            "StartLimitInterval" | "StartLimitBurst" => {
                restart::limit(assignment, service, &mut self.notes)?;
            }
            key if key.starts_with("Restart") || key == "SuccessExitStatus" => {
                restart::set(assignment, service, &mut self.notes)?;
            }
            "LimitNOFILE" | "MemoryMax" | "MemoryLimit" | "CPUQuota" | "TasksMax" => {
                self.limit(assignment, service);
            }
            _ => self.other(assignment, service),
        }
        Ok(())
    }

    fn kind(&mut self, assignment: &Assignment, service: &mut Service) -> Result<(), ImportError> {
        match assignment.value.as_str() {
            "simple" | "exec" | "idle" => {}
            "notify" => service.ready = Ready::Notify,
            "notify-reload" => {
                service.ready = Ready::Notify;
                service.reload = Some(Reload::Signal(stead_model::definition::Signal::Hup));
            }
            "forking" => self.none(
                assignment,
                "leaves its first process; have the program stay in the foreground (most have a flag for it)",
            ),
            "oneshot" => {
                service.restart.policy = RestartWhen::Never;
                self.none(
                    assignment,
                    "is a task and no service: here it is running until its program ends, and those that depend on it do not wait for that",
                );
            }
            "dbus" => self.none(
                assignment,
                "is ready once it has its name on the bus; here it is once it is spawned, or with a check that asks",
            ),
            _ => return Err(wrong(assignment, "a type of service, such as simple")),
        }
        Ok(())
    }

    fn reload(
        &mut self,
        assignment: &Assignment,
        service: &mut Service,
    ) -> Result<(), ImportError> {
        if let Some(signal) = kill_signal(&assignment.value, assignment.line) {
            service.reload = Some(Reload::Signal(signal));
            return Ok(());
        }
        let commands = self.commands(assignment)?;
        if matches!(service.reload, Some(Reload::Command(_))) || commands.len() > 1 {
            self.none(
                assignment,
                "is one more command; `reload` has one, the last",
            );
        }
        if let Some(command) = commands.into_iter().next_back() {
            service.reload = Some(Reload::Command(command));
        }
        Ok(())
    }

    fn variables(
        &mut self,
        assignment: &Assignment,
        service: &mut Service,
    ) -> Result<(), ImportError> {
        for word in words(&assignment.value, assignment.line)? {
            match word.split_once('=').filter(|(name, _)| !name.is_empty()) {
                Some((name, value)) => {
                    let value = self.expanded(value, assignment);
                    service.environment.insert(name.to_owned(), value);
                }
                None => self.notes.add(
                    assignment.line,
                    "Environment=",
                    format!("{word:?} is not NAME=value, and is not taken over"),
                ),
            }
        }
        Ok(())
    }

    fn environment_file(&mut self, assignment: &Assignment, service: &mut Service) {
        let value = self.expanded(&assignment.value, assignment);
        let file = value.trim_start_matches('-');
        if service.environment_file.is_some() {
            self.none(
                assignment,
                "is one more file; `environment_file` is one, the first",
            );
            return;
        }
        if value.starts_with('-') {
            self.none(
                assignment,
                "need not be there for systemd; here a start fails without it",
            );
        }
        service.environment_file = Some(file.to_owned());
        self.notes.add(
            assignment.line,
            "EnvironmentFile=",
            "went before Environment=; here `environment` goes before the file",
        );
    }

    fn directory(&mut self, assignment: &Assignment, service: &mut Service) {
        let value = self.expanded(&assignment.value, assignment);
        let directory = value.trim_start_matches('-');
        if value.starts_with('-') {
            self.none(
                assignment,
                "need not be there for systemd; here a start fails without it",
            );
        }
        if directory == "~" {
            self.none(
                assignment,
                "is the user's home; write its path in `directory`",
            );
        } else {
            directory.clone_into(&mut service.directory);
        }
    }

    /// A time after which something has failed. Stead has no time without an end.
    fn timeout(&mut self, assignment: &Assignment, into: &mut Period) -> Result<(), ImportError> {
        match span(assignment)? {
            // 0 is no limit as well, as it was in older versions.
            Span::Time(Period::ZERO) | Span::Infinity => {
                *into = Period::from_secs(86_400);
                self.none(assignment, "is without end; here it is a day");
            }
            Span::Time(time) => *into = time,
        }
        Ok(())
    }

    fn limit(&mut self, assignment: &Assignment, service: &mut Service) {
        let value = assignment.value.as_str();
        if value == "infinity" {
            // No limit is the default.
            return;
        }
        let limits = &mut service.limits;
        let taken = match assignment.key.as_str() {
            "MemoryMax" | "MemoryLimit" => value::size(value).map(|bytes| {
                limits.memory = Some(ByteSize::from_bytes(bytes));
            }),
            "CPUQuota" => value::processors(value).map(|share| limits.cpu = Some(share)),
            "TasksMax" => value.parse().ok().filter(|count| *count > 0).map(|count| {
                limits.tasks = Some(count);
            }),
            // The soft limit alone, or both by a colon.
            _ => value
                .rsplit(':')
                .next()
                .and_then(|hard| hard.parse().ok())
                .filter(|count| *count > 0)
                .map(|count| limits.open_files = Some(count)),
        };
        if taken.is_none() {
            self.property(assignment, service);
        }
    }

    fn other(&mut self, assignment: &Assignment, service: &mut Service) {
        let value = assignment.value.as_str();
        match assignment.key.as_str() {
            "KillMode" if value == "control-group" || value == "mixed" => {}
            "KillMode" | "SendSIGKILL" | "SendSIGHUP" | "FinalKillSignal" => self.none(
                assignment,
                "has no counterpart: the service is asked to end, and what is left of its tree is killed after `stop.grace`",
            ),
            "StandardOutput" | "StandardError" if matches!(value, "journal" | "inherit" | "journal+console") => {}
            "StandardOutput" | "StandardError" | "StandardInput" => self.none(
                assignment,
                "has no counterpart: the output is in the journal or in Stead's own log folder, and `stead service logs` shows it",
            ),
            "PIDFile" => self.none(
                assignment,
                "is for programs that leave their first process; `pid_file` is one that Stead writes",
            ),
            "RemainAfterExit" | "GuessMainPID" | "ExecCondition" | "TimeoutAbortSec" | "RuntimeMaxSec"
            | "RuntimeRandomizedExtraSec" | "TimeoutStartFailureMode" | "TimeoutStopFailureMode" | "BusName"
            | "RootDirectoryStartOnly" | "NonBlocking" | "Sockets" => {
                self.none(assignment, "has no counterpart");
            }
            "NotifyAccess" if value == "main" || value == "all" || value == "exec" => {}
            key if key.starts_with("X-") => {
                self.none(assignment, "is an extension of some other tool, and is not taken over");
            }
            _ => self.property(assignment, service),
        }
    }

    /// What only systemd has: its line is kept as it is.
    fn property(&mut self, assignment: &Assignment, service: &mut Service) {
        if let Some(why) = refused(&assignment.key) {
            self.none(
                assignment,
                &format!("is not taken over: {why}; a drop-in (`systemctl edit`) can still say it"),
            );
            return;
        }
        let properties = &mut service.systemd.properties;
        let key = assignment.key.clone();
        match properties.get_mut(&key) {
            // A line that takes away from those before it cannot be joined to them.
            Some(_) if assignment.value.starts_with('~') => {
                self.none(
                    assignment,
                    "is one more line that takes away; `systemd.properties` has one line of a key, so join them by hand",
                );
                return;
            }
            Some(before) => {
                before.push(' ');
                before.push_str(&assignment.value);
            }
            None => {
                properties.insert(key, assignment.value.clone());
            }
        }
        self.notes.add(
            assignment.line,
            format!("{}=", assignment.key),
            "is kept in `systemd.properties`: it is in force under systemd alone",
        );
    }
}
