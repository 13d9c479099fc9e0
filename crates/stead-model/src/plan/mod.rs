//! Who does what a definition asks once it is installed as a native service: the platform's
//! manager, Stead as its host, or nobody, which is said before anything is changed.
//!
//! One rule: **direct** where the manager itself can do all that the definition asks, **hosted** by
//! `stead run` where it cannot. What a definition asks is what it says beyond the defaults: the
//! defaults are what every manager does anyhow, as near as it can.

mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use crate::definition::{Profile, Ready, Reload, Service, Start, known_keys};

pub use table::{By, ROWS, Row};

/// The manager of a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Manager {
    /// The Windows service control manager.
    Scm,
    /// systemd.
    Systemd,
    /// launchd.
    Launchd,
}

impl Manager {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Scm, Self::Systemd, Self::Launchd];

    /// Its name for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Scm => "the service control manager",
            Self::Systemd => "systemd",
            Self::Launchd => "launchd",
        }
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Who runs the program of an installed service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The manager.
    Direct,
    /// `stead run`, which the manager runs.
    Hosted,
}

impl Mode {
    /// Its name: `direct`, `hosted`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Hosted => "hosted",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What is known of the program besides its definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// Any program. It knows nothing of the Windows service control manager.
    #[default]
    Foreign,
    /// One written with the SDK, which speaks to every manager itself.
    Sdk,
}

/// Who runs it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Who.
    pub mode: Mode,
    /// What the definition asks that the manager lacks: keys, or a sentence. Empty when direct.
    pub because: Vec<String>,
}

/// A definition asks what cannot be done there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} cannot be had under {manager}: {why}")]
pub struct Refusal {
    /// The key, or the flag.
    pub key: String,
    /// The manager.
    pub manager: Manager,
    /// Why not, and what to do instead.
    pub why: String,
}

/// Settings of a unit that decide who runs what, which are the definition's alone.
const OURS: &[&str] = &[
    "AmbientCapabilities",
    "DynamicUser",
    "Group",
    "NotifyAccess",
    "PermissionsStartOnly",
    "PAMName",
    "RootDirectory",
    "RootImage",
    "SupplementaryGroups",
    "Type",
    "User",
];

/// Decides who runs a service. `forced` is what the caller wants in any case.
///
/// Everything that cannot be done is told at once.
pub fn choose(
    service: &Service,
    manager: Manager,
    program: Program,
    forced: Option<Mode>,
) -> Result<Choice, Vec<Refusal>> {
    let mut refusals = values(service, manager);
    let mut hosted = Vec::new();
    let asked = asked(service);
    for key in &asked {
        match by(key, manager, service) {
            Some(By::Host) => hosted.push(key.clone()),
            Some(By::Refused(why)) => refusals.push(Refusal {
                key: key.clone(),
                manager,
                why: why.to_owned(),
            }),
            Some(By::Manager | By::Stead | By::Elsewhere) | None => {}
        }
    }
    if manager == Manager::Scm && program == Program::Foreign {
        hosted.insert(
            0,
            "the program does not speak to the service control manager".to_owned(),
        );
    }
    if forced == Some(Mode::Direct) {
        refusals.extend(hosted.iter().map(|key| Refusal {
            key: key.clone(),
            manager,
            why: "only Stead as the host can do it; leave --direct out".to_owned(),
        }));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let mode = match forced {
        Some(mode) => mode,
        None if hosted.is_empty() => Mode::Direct,
        None => Mode::Hosted,
    };
    if mode == Mode::Hosted && manager == Manager::Systemd && service.systemd.watchdog.is_some() {
        return Err(vec![Refusal {
            key: "systemd.watchdog".to_owned(),
            manager,
            why: format!(
                "systemd would watch Stead, which hosts the program for {}; a heartbeat check is what watches the program then",
                if hosted.is_empty() {
                    "--hosted".to_owned()
                } else {
                    hosted.join(", ")
                }
            ),
        }]);
    }
    let because = match (mode, forced) {
        (Mode::Hosted, Some(_)) if hosted.is_empty() => vec!["--hosted".to_owned()],
        _ => hosted,
    };
    Ok(Choice { mode, because })
}

/// Who does what a key asks; `None`: there is no such key.
fn by(key: &str, manager: Manager, service: &Service) -> Option<By> {
    let row = ROWS.iter().find(|row| row.key == key)?;
    let by = row.by(manager);
    Some(match (key, manager) {
        // Readiness by health is the host's: no manager runs checks.
        ("ready", Manager::Systemd) if service.ready == Ready::Healthy => By::Host,
        // There the file would go before `environment`, and 0 is always a success.
        ("environment_file", Manager::Systemd) if !service.environment.is_empty() => By::Host,
        ("success_exit", Manager::Systemd) if !service.success_exit.contains(&0) => By::Host,
        // No sandbox at all is what these have anyhow.
        ("sandbox.profile", _) if service.sandbox.profile == Profile::Off => By::Stead,
        _ => by,
    })
}

/// What the single values of a key forbid, where the key as such is no trouble.
fn values(service: &Service, manager: Manager) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut refuse = |key: &str, why: &str| {
        refusals.push(Refusal {
            key: key.to_owned(),
            manager,
            why: why.to_owned(),
        });
    };
    if service.start == Start::Delayed && manager != Manager::Scm {
        refuse(
            "start = \"delayed\"",
            "it starts all services as early as it can; \"automatic\" with systemd.after, or \"manual\" with a timer, do",
        );
    }
    if manager == Manager::Systemd {
        for key in service.systemd.properties.keys() {
            if OURS.contains(&key.as_str()) || key.starts_with("Exec") {
                refuse(
                    &format!("systemd.properties.{key}"),
                    "Stead sets it from the definition; change the key it comes from",
                );
            }
        }
    }
    if matches!(service.reload, Some(Reload::Signal(_))) && manager == Manager::Scm {
        refuse(
            "reload.signal",
            "Windows has no signals; give reload.command",
        );
    }
    refusals
}

/// The keys whose values are not the defaults, in the order of the table.
pub fn asked(service: &Service) -> Vec<String> {
    let tables: BTreeSet<String> = known_keys()
        .into_iter()
        .filter(|key| key.is_table)
        .filter_map(|key| {
            let table = key.table.trim_matches(['[', ']']);
            let path = table.strip_prefix("services.NAME")?;
            Some(
                format!("{path}.{}", key.name)
                    .trim_start_matches('.')
                    .to_owned(),
            )
        })
        // What stands or falls as a whole is not looked into.
        .filter(|path| !ROWS.iter().any(|row| row.key == path))
        .collect();
    let ours = toml::Value::try_from(service);
    let defaults = toml::Value::try_from(Service::new(service.command.clone()));
    let (Ok(ours), Ok(defaults)) = (ours, defaults) else {
        return Vec::new();
    };
    let mut found = BTreeSet::new();
    differences("", &ours, Some(&defaults), &tables, &mut found);
    ROWS.iter()
        .map(|row| row.key)
        .filter(|key| found.contains(*key))
        .map(str::to_owned)
        .collect()
}

fn differences(
    path: &str,
    ours: &toml::Value,
    default: Option<&toml::Value>,
    tables: &BTreeSet<String>,
    found: &mut BTreeSet<String>,
) {
    match ours {
        toml::Value::Table(table) if path.is_empty() || tables.contains(path) => {
            for (key, value) in table {
                let below = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let default = default.and_then(|default| default.get(key));
                differences(&below, value, default, tables, found);
            }
        }
        value if Some(value) != default => {
            found.insert(path.to_owned());
        }
        _ => {}
    }
}
