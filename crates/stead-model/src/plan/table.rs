//! The table key × manager, which the documentation shows too.

use super::Manager;

/// Who does what a key asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The platform's manager, or the operating system at its word.
    Manager,
    /// Stead, which the manager runs as the host of the program.
    Host,
    /// Stead's own commands: it is kept with the installed definition and shown.
    Stead,
    /// It speaks of another manager.
    Elsewhere,
    /// It cannot be had, for this reason; nothing is installed.
    Refused(&'static str),
}

/// A key of a service and who does what it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The key with its table, below the service: `stop.grace`.
    pub key: &'static str,
    scm: By,
    systemd: By,
    launchd: By,
}

impl Row {
    /// Who does it under this manager.
    pub const fn by(&self, manager: Manager) -> By {
        match manager {
            Manager::Scm => self.scm,
            Manager::Systemd => self.systemd,
            Manager::Launchd => self.launchd,
        }
    }
}

const M: By = By::Manager;
const H: By = By::Host;
const S: By = By::Stead;
const E: By = By::Elsewhere;

const NO_ORDER: By = By::Refused(
    "it starts all jobs at once and knows no order; let the program wait for what it needs",
);
const NO_LIMIT: By = By::Refused("the system has no such limit");
const NO_SANDBOX: By =
    By::Refused("the system has no such sandbox; give the service an account with few rights");
const NO_DOCUMENTS: By = By::Refused("there is no configuration centre yet");

const fn row(key: &'static str, scm: By, systemd: By, launchd: By) -> Row {
    Row {
        key,
        scm,
        systemd,
        launchd,
    }
}

/// Every key of a service, in the order of the definition. What stands or falls as a whole (a
/// check, `publish`, `windows.recovery`) is one.
pub const ROWS: &[Row] = &[
    row("command", M, M, M),
    row("description", M, M, S),
    row("display_name", M, S, S),
    row("directory", H, M, M),
    row("environment", H, M, M),
    row("environment_file", H, M, H),
    row("user", M, M, M),
    row("start", M, M, M),
    row("depends_on", M, M, NO_ORDER),
    row("ready", H, M, H),
    row("ready_timeout", H, M, H),
    row("success_exit", H, M, H),
    row("pid_file", H, H, H),
    row("before_start", H, H, H),
    row("after_start", H, H, H),
    row("before_stop", H, H, H),
    row("after_stop", H, H, H),
    row("hook_timeout", H, H, H),
    row("stop.signal", H, M, H),
    row("stop.grace", H, M, M),
    row("reload.signal", H, M, H),
    row("reload.command", H, M, H),
    row("restart.policy", H, M, M),
    row("restart.delay", H, M, H),
    row("restart.max_delay", H, H, H),
    row("restart.limit", H, M, H),
    row("restart.window", H, M, H),
    row("restart.on_unhealthy", H, H, H),
    row("logs.max_size", H, H, H),
    row("logs.max_age", H, H, H),
    row("logs.keep", H, H, H),
    row("logs.compress", H, H, H),
    row("limits.memory", H, M, NO_LIMIT),
    row("limits.cpu", H, M, NO_LIMIT),
    row("limits.tasks", H, M, NO_LIMIT),
    row("limits.open_files", NO_LIMIT, M, M),
    row("sandbox.profile", NO_SANDBOX, M, NO_SANDBOX),
    row("sandbox.write", NO_SANDBOX, M, NO_SANDBOX),
    row("windows.account", M, E, E),
    row("windows.privileges", M, E, E),
    row("windows.sid", M, E, E),
    row("windows.error_control", M, E, E),
    row("windows.preshutdown_timeout", M, E, E),
    row("windows.recovery", M, E, E),
    row("systemd.wanted_by", E, M, E),
    row("systemd.after", E, M, E),
    row("systemd.wants", E, M, E),
    row("systemd.slice", E, M, E),
    row("systemd.watchdog", E, M, E),
    row("systemd.properties", E, M, E),
    row("launchd.label", E, E, M),
    row("launchd.process_type", E, E, M),
    row("launchd.session", E, E, M),
    row("launchd.throttle", E, E, M),
    row("publish", H, H, H),
    row("checks", H, H, H),
    row("config.watch", NO_DOCUMENTS, NO_DOCUMENTS, NO_DOCUMENTS),
];
