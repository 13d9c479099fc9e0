//! Services as units of systemd, installed and controlled over D-Bus.

mod account;
mod difference;
mod files;
mod sandbox;
mod shown;
mod unit;

use std::path::{Path, PathBuf};
use std::time::Duration;

use stead_model::definition::Start;
use stead_model::name::ServiceName;
use stead_model::plan::{self, Choice, Mode, Program};
use stead_os::systemd::blocking::Systemd as Bus;
use stead_os::systemd::unit::UnitFile;
use stead_os::systemd::{self, Status, SystemdError, Verb};

use crate::error::NativeError;
use crate::manager::{Done, Installation, Manager, Plan, Request, Shown, Step};
use crate::place::{Places, Scope};
use crate::preflight::Finding;
use crate::resolved::Resolved;
use files::{Files, Standing};
pub use shown::words;
use unit::Source;

/// The first lines of a unit that Stead made.
const MARK: &str = "# Made by Stead from ";

/// Told how a unit stands while something is waited for.
pub type Progress = Box<dyn Fn(&Status) + Send + Sync>;

/// systemd, for one scope.
pub struct Systemd {
    places: Places,
    progress: Progress,
}

impl Systemd {
    /// For the services of these places. Nothing is connected to before it is needed, so that a
    /// plan can be made where systemd does not run.
    pub fn new(places: Places, progress: Progress) -> Self {
        Self { places, progress }
    }

    /// Where its services are.
    pub fn places(&self) -> &Places {
        &self.places
    }

    fn connect(&self) -> Result<Bus, NativeError> {
        let scope = match self.places.scope {
            Scope::System => systemd::Scope::System,
            Scope::User => systemd::Scope::User,
        };
        Bus::connect(scope).map_err(failure)
    }

    fn choose(request: &Request) -> Result<Choice, NativeError> {
        plan::choose(
            &request.resolved.service,
            plan::Manager::Systemd,
            Program::Foreign,
            request.forced,
        )
        .map_err(NativeError::Refused)
    }

    /// The two files of an installation.
    fn files(&self, request: &Request, mode: Mode) -> Result<Files, NativeError> {
        let unit_file = self.unit(&request.resolved, mode, &request.host)?;
        let name = request.resolved.name.as_str();
        Ok(Files {
            definition: (self.places.definition(name), request.resolved.to_toml()?),
            unit: (self.unit_path(name), unit_file.to_string()),
        })
    }

    fn unit(&self, resolved: &Resolved, mode: Mode, host: &Path) -> Result<UnitFile, NativeError> {
        unit::unit(&Source {
            resolved,
            mode,
            places: &self.places,
            host,
        })
        .map_err(|source| NativeError::Manager {
            operation: format!(
                "a unit cannot say what the definition of {} does",
                resolved.name
            ),
            source: Box::new(source),
        })
    }

    fn unit_path(&self, name: &str) -> PathBuf {
        self.places.units.join(unit_name(name))
    }

    /// What stands in the way of an installation.
    fn findings(&self, request: &Request, mode: Mode) -> Vec<Finding> {
        let service = &request.resolved.service;
        let program = request.resolved.program();
        let host = (mode == Mode::Hosted).then_some(request.host.as_path());
        let mut findings = Vec::new();
        if !program.is_file() {
            findings.push(Finding::new(format!(
                "there is no program {}",
                program.display()
            )));
        }
        let folders = std::iter::once(("the working folder", &service.directory)).chain(
            service
                .sandbox
                .write
                .iter()
                .map(|folder| ("the folder of sandbox.write", folder)),
        );
        for (what, folder) in folders {
            if !Path::new(folder).is_dir() {
                findings.push(
                    Finding::new(format!("{what}, {folder}, is not there"))
                        .hint(format!("mkdir -p {folder}")),
                );
            }
        }
        for dependency in &service.depends_on {
            let name = dependency.as_str();
            if !self.places.definition(name).exists() && !self.unit_path(name).exists() {
                findings.push(
                    Finding::new(format!(
                        "it depends on {dependency}, which is not installed"
                    ))
                    .hint(format!("`stead service install {dependency}` first")),
                );
            }
        }
        findings.extend(sandbox::preflight(service, self.places.scope, host));
        if self.places.scope == Scope::System {
            findings.extend(account::findings(&request.resolved, host));
        }
        findings
    }

    /// The definition that is installed under a name, and the text it was read from.
    fn installed(&self, name: &str) -> Result<(Resolved, String), NativeError> {
        named(name)?;
        let path = self.places.definition(name);
        let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => NativeError::NotInstalled {
                name: name.to_owned(),
            },
            _ => NativeError::file("read", &path, source),
        })?;
        let resolved =
            Resolved::read(&text, &path).map_err(|source| NativeError::Damaged { path, source })?;
        Ok((resolved, text))
    }

    /// Does a job; a failure says how the unit ended.
    fn perform(&self, verb: Verb, name: &str, within: Duration) -> Result<(), NativeError> {
        let (resolved, _) = self.installed(name)?;
        if verb != Verb::Stop && resolved.service.start == Start::Disabled {
            return Err(NativeError::Disabled);
        }
        let bus = self.connect()?;
        let unit = unit_name(name);
        match bus.perform_with(verb, &unit, within, |status| (self.progress)(status)) {
            Ok(()) => Ok(()),
            Err(error @ (SystemdError::Job { .. } | SystemdError::Timeout { .. })) => {
                let status = bus.status(&unit).map_err(failure)?;
                Err(match error {
                    SystemdError::Timeout { within, .. } => NativeError::Late {
                        within,
                        state: shown::words(&status),
                    },
                    _ => NativeError::Failed {
                        why: shown::why(&status).unwrap_or_else(|| error.to_string()),
                    },
                })
            }
            Err(error) => Err(failure(error)),
        }
    }
}

impl Manager for Systemd {
    fn plan(&self, request: &Request) -> Result<Plan, NativeError> {
        let choice = Self::choose(request)?;
        let files = self.files(request, choice.mode)?;
        let unit = unit_name(request.resolved.name.as_str());
        let write = |(path, text): (PathBuf, String)| Step::Write { path, text };
        let tell = |what: &str| Step::Tell {
            what: if self.places.scope == Scope::User {
                format!("systemctl --user {what}")
            } else {
                format!("systemctl {what}")
            },
        };
        let mut steps = vec![
            write(files.definition),
            write(files.unit),
            tell("daemon-reload"),
        ];
        if starts_at_boot(&request.resolved) {
            steps.push(tell(&format!("enable {unit}")));
        }
        let findings = self.findings(request, choice.mode);
        Ok(Plan {
            choice,
            steps,
            notes: findings.into_iter().map(|finding| finding.what).collect(),
        })
    }

    fn install(&self, request: &Request) -> Result<Done, NativeError> {
        let choice = Self::choose(request)?;
        let findings = self.findings(request, choice.mode);
        if !findings.is_empty() {
            return Err(NativeError::Preflight(findings));
        }
        let files = self.files(request, choice.mode)?;
        let name = request.resolved.name.as_str();
        let bus = self.connect()?;
        let enable = starts_at_boot(&request.resolved);
        let done = match files::standing(&bus, &files, name, enable)? {
            Standing::Free => Done::Installed,
            Standing::Same => return Ok(Done::Unchanged),
            Standing::Other if request.replace => Done::Replaced,
            Standing::Other => {
                return Err(NativeError::Differs {
                    name: name.to_owned(),
                });
            }
        };
        files::put(&bus, &files, name, enable)?;
        Ok(done)
    }

    fn uninstall(&self, name: &str, within: Duration) -> Result<(), NativeError> {
        named(name)?;
        let definition = self.places.definition(name);
        let path = self.unit_path(name);
        match path.symlink_metadata() {
            Ok(_) if !files::is_ours(&path) => {
                return Err(NativeError::Taken {
                    name: name.to_owned(),
                    by: Some(path),
                });
            }
            Err(_) if !definition.exists() => {
                return Err(NativeError::NotInstalled {
                    name: name.to_owned(),
                });
            }
            _ => {}
        }
        let unit = unit_name(name);
        let bus = self.connect()?;
        match bus.perform_with(Verb::Stop, &unit, within, |status| (self.progress)(status)) {
            Ok(()) | Err(SystemdError::NoSuchUnit { .. }) => {}
            Err(SystemdError::Timeout { within, .. }) => {
                return Err(NativeError::Late {
                    within,
                    state: "STOPPING".to_owned(),
                });
            }
            Err(error) => return Err(failure(error)),
        }
        bus.disable(&[&unit]).map_err(failure)?;
        for path in [&path, &definition] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(NativeError::file("remove", path, error));
                }
                _ => {}
            }
        }
        bus.reload().map_err(failure)?;
        // A unit that failed stays known until somebody says otherwise; one that did not is gone.
        match bus.reset_failed(&unit) {
            Ok(()) | Err(SystemdError::NoSuchUnit { .. } | SystemdError::Refused { .. }) => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }

    fn start(&self, name: &str, within: Duration) -> Result<(), NativeError> {
        self.perform(Verb::Start, name, within)
    }

    fn stop(&self, name: &str, within: Duration) -> Result<(), NativeError> {
        self.perform(Verb::Stop, name, within)
    }

    fn restart(&self, name: &str, within: Duration) -> Result<(), NativeError> {
        self.perform(Verb::Restart, name, within)
    }

    fn reload(&self, name: &str, within: Duration) -> Result<(), NativeError> {
        let (resolved, _) = self.installed(name)?;
        if resolved.service.reload.is_none() {
            return Err(NativeError::Failed {
                why: "its definition does not say how to reload it".to_owned(),
            });
        }
        let status = self.connect()?.status(&unit_name(name)).map_err(failure)?;
        if !shown::state(&status).is_running() {
            return Err(NativeError::NotRunning);
        }
        self.perform(Verb::Reload, name, within)
    }

    fn status(&self, name: &str) -> Result<Shown, NativeError> {
        let (resolved, _) = self.installed(name)?;
        let status = self.connect()?.status(&unit_name(name)).map_err(failure)?;
        let mode = self.mode_of(name);
        Ok(shown::shown(&resolved, mode, &status))
    }

    fn list(&self) -> Result<Vec<Shown>, NativeError> {
        let names = self
            .places
            .installed()
            .map_err(|source| NativeError::file("list", &self.places.definitions, source))?;
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let bus = self.connect()?;
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            let (resolved, _) = self.installed(&name)?;
            match bus.status(&unit_name(&name)) {
                Ok(status) => all.push(shown::shown(&resolved, self.mode_of(&name), &status)),
                // Its unit was taken away behind our back; `show` says so.
                Err(SystemdError::NoSuchUnit { .. }) => {}
                Err(error) => return Err(failure(error)),
            }
        }
        Ok(all)
    }

    fn show(&self, name: &str) -> Result<Installation, NativeError> {
        let (resolved, _) = self.installed(name)?;
        let path = self.unit_path(name);
        let has = std::fs::read_to_string(&path).unwrap_or_default();
        let mode = self.mode_of(name);
        // Which Stead it runs under is as it was installed, not as this one lies.
        let host = host_in(&has).unwrap_or_default();
        let wants = self.unit(&resolved, mode, &host)?.to_string();
        Ok(Installation {
            definition_path: self.places.definition(name),
            definition: resolved,
            differences: difference::lines(&has, &wants),
            given: vec![(path, has)],
        })
    }

    fn dependents(&self, name: &str) -> Result<Vec<String>, NativeError> {
        self.installed(name)?;
        let relations = self
            .connect()?
            .relations(&unit_name(name))
            .map_err(failure)?;
        Ok(relations
            .required_by
            .iter()
            .map(|unit| unit.strip_suffix(".service").unwrap_or(unit).to_owned())
            .collect())
    }
}

impl Systemd {
    /// What a change of an installed service has to keep: the executable of Stead it is hosted by,
    /// and that it is hosted although the rule would not have it so.
    pub fn kept(&self, resolved: &Resolved) -> (Option<PathBuf>, Option<Mode>) {
        let name = resolved.name.as_str();
        let text = std::fs::read_to_string(self.unit_path(name)).unwrap_or_default();
        let host = host_in(&text);
        let by_rule = plan::choose(
            &resolved.service,
            plan::Manager::Systemd,
            Program::Foreign,
            None,
        );
        let forced = host.is_some() && by_rule.is_ok_and(|choice| choice.mode == Mode::Direct);
        (host, forced.then_some(Mode::Hosted))
    }

    /// Who runs an installed service, as its unit says.
    fn mode_of(&self, name: &str) -> Mode {
        let text = std::fs::read_to_string(self.unit_path(name)).unwrap_or_default();
        if host_in(&text).is_some() {
            Mode::Hosted
        } else {
            Mode::Direct
        }
    }
}

/// The executable of Stead in a unit, if the unit is a hosted one of ours.
fn host_in(text: &str) -> Option<PathBuf> {
    let marked = text.lines().find(|line| line.starts_with(MARK))?;
    if !marked.ends_with("(hosted).") {
        return None;
    }
    let file = UnitFile::parse(text).ok()?;
    let line = file.get("Service", "ExecStart")?;
    let commands = systemd::unit::command_lines(line).ok()?;
    commands.first()?.command.first().map(PathBuf::from)
}

/// A name that could be no service's is one of no installed service; it never becomes a path.
fn named(name: &str) -> Result<(), NativeError> {
    match ServiceName::new(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(NativeError::NotInstalled {
            name: name.to_owned(),
        }),
    }
}

fn starts_at_boot(resolved: &Resolved) -> bool {
    matches!(resolved.service.start, Start::Automatic | Start::Delayed)
}

fn unit_name(name: &str) -> String {
    format!("{name}.service")
}

fn failure(error: SystemdError) -> NativeError {
    match error {
        SystemdError::NoBus { .. } | SystemdError::NoSystemd { .. } => NativeError::Unreachable {
            manager: plan::Manager::Systemd,
            source: Box::new(error),
        },
        SystemdError::Denied { .. } => NativeError::Denied {
            what: error.to_string(),
        },
        error => NativeError::Manager {
            operation: error.to_string(),
            source: chain(&error),
        },
    }
}

/// What is behind an error, without the error itself.
fn chain(error: &SystemdError) -> Box<dyn std::error::Error + Send + Sync> {
    std::error::Error::source(error)
        .map_or_else(|| "systemd said no more".to_owned(), ToString::to_string)
        .into()
}
