use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::files::Enabled;
use super::properties::Properties;

/// A unit as systemd sees it at one moment. What is of services alone is empty for other units.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Its name, with the type: `orders.service`.
    pub id: String,
    /// Its description.
    pub description: String,
    /// Whether its file could be read.
    pub load: LoadState,
    /// What is wrong with its file, in systemd's words.
    pub load_error: Option<String>,
    /// Whether it runs.
    pub active: ActiveState,
    /// The same in the words of its type: `running`, `exited`, `auto-restart`, `start-pre`, …
    pub sub: String,
    /// How it ended last: `success`, `exit-code`, `signal`, `core-dump`, `watchdog`, `timeout`,
    /// `protocol`, `resources`, `oom-kill`, `start-limit-hit`, `exec-condition`.
    pub result: String,
    /// `Type=` of a service.
    pub kind: Option<String>,
    /// The main process, while there is one.
    pub main_pid: Option<u32>,
    /// The process that starts, reloads or stops it at the moment.
    pub control_pid: Option<u32>,
    /// How the main process ended, once it has.
    pub exit: Option<Exit>,
    /// How often systemd itself has restarted it since it was last started.
    pub restarts: u32,
    /// When the main process was started.
    pub started: Option<SystemTime>,
    /// When it last became active.
    pub active_since: Option<SystemTime>,
    /// When it last became inactive or failed.
    pub inactive_since: Option<SystemTime>,
    /// When its state last changed.
    pub changed: Option<SystemTime>,
    /// `STATUS=` of `sd_notify(3)`.
    pub status_text: Option<String>,
    /// Memory of its cgroup, in bytes, where that is counted.
    pub memory: Option<u64>,
    /// Tasks of its cgroup, where they are counted.
    pub tasks: Option<u64>,
    /// Whether it is started at boot; `None` for a unit without a file.
    pub enabled: Option<Enabled>,
    /// Its file.
    pub fragment: Option<PathBuf>,
    /// The files that add to that.
    pub drop_ins: Vec<PathBuf>,
    /// Its file has changed since systemd read it.
    pub needs_reload: bool,
    /// `systemctl reload` would do something.
    pub can_reload: bool,
    /// The time within which it must tell that it lives.
    pub watchdog: Option<Duration>,
    /// When it told so last.
    pub watchdog_told: Option<SystemTime>,
    /// The account its processes run as, where its file names one.
    pub user: Option<String>,
}

/// Whether a unit's file could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadState {
    /// It was.
    Loaded,
    /// A setting that it cannot do without is wrong.
    BadSetting,
    /// It could not be read.
    Error,
    /// It is masked.
    Masked,
    /// Another state, in systemd's word.
    Other(String),
}

/// Whether a unit runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActiveState {
    /// It does.
    Active,
    /// It does, and reads its configuration again.
    Reloading,
    /// It does not.
    Inactive,
    /// It does not, and ended badly.
    Failed,
    /// It starts; between an end and the automatic restart too.
    Activating,
    /// It stops.
    Deactivating,
    /// Another state, in systemd's word.
    Other(String),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(i32),
    /// Killed by this signal.
    Signal(i32),
    /// Killed by this signal, with a core dump.
    Dumped(i32),
}

impl Status {
    /// `None` for a unit that is not there.
    pub(super) fn of(unit: &Properties) -> Option<Self> {
        let load = match unit.text("LoadState").as_str() {
            "" | "not-found" => return None,
            "loaded" => LoadState::Loaded,
            "bad-setting" => LoadState::BadSetting,
            "error" => LoadState::Error,
            "masked" => LoadState::Masked,
            other => LoadState::Other(other.to_owned()),
        };
        // A pair of the error's D-Bus name and its text, both empty where all is well.
        let load_error: Option<(String, String)> = unit.get("LoadError");
        Some(Self {
            id: unit.text("Id"),
            description: unit.text("Description"),
            load,
            load_error: load_error.map(|it| it.1).filter(|it| !it.is_empty()),
            active: ActiveState::of(unit.text("ActiveState")),
            sub: unit.text("SubState"),
            result: unit.text("Result"),
            kind: unit.said("Type"),
            main_pid: unit.process("MainPID"),
            control_pid: unit.process("ControlPID"),
            exit: exit(unit),
            restarts: unit.get("NRestarts").unwrap_or_default(),
            started: unit.moment("ExecMainStartTimestamp"),
            active_since: unit.moment("ActiveEnterTimestamp"),
            inactive_since: unit.moment("InactiveEnterTimestamp"),
            changed: unit.moment("StateChangeTimestamp"),
            status_text: unit.said("StatusText"),
            memory: unit.amount("MemoryCurrent"),
            tasks: unit.amount("TasksCurrent"),
            enabled: unit.said("UnitFileState").map(|it| Enabled::of(&it)),
            fragment: unit.said("FragmentPath").map(PathBuf::from),
            drop_ins: unit
                .texts("DropInPaths")
                .into_iter()
                .map(PathBuf::from)
                .collect(),
            needs_reload: unit.flag("NeedDaemonReload"),
            can_reload: unit.flag("CanReload"),
            watchdog: unit.time("WatchdogUSec"),
            watchdog_told: unit.moment("WatchdogTimestamp"),
            user: unit.said("User"),
        })
    }
}

impl ActiveState {
    pub(super) fn of(word: String) -> Self {
        match word.as_str() {
            "active" => Self::Active,
            "reloading" => Self::Reloading,
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            "activating" => Self::Activating,
            "deactivating" => Self::Deactivating,
            _ => Self::Other(word),
        }
    }
}

/// `CLD_EXITED`, `CLD_KILLED` and `CLD_DUMPED` of `sigaction(2)`; anything else while it has not
/// ended.
fn exit(unit: &Properties) -> Option<Exit> {
    let status = unit.get("ExecMainStatus")?;
    match unit.get::<i32>("ExecMainCode")? {
        1 => Some(Exit::Status(status)),
        2 => Some(Exit::Signal(status)),
        3 => Some(Exit::Dumped(status)),
        _ => None,
    }
}
