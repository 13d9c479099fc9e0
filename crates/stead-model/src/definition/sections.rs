//! The sections of a service: each a struct whose fields are the keys of its table, with the
//! defaults and the sentences of the documentation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decode::{Decode, Key, Node};
use super::error::{Fault, Faults};
use super::section::{key, section};
use super::value::{Argv, ByteSize, Period, PeriodError};
use super::words::{ErrorControl, ProcessType, Profile, RestartWhen, SidType, Signal};

section! {
    /// How a service is stopped: the signal, some time, then the whole tree is killed.
    pub struct Stop {
        /// What asks the program to end. Windows sends Ctrl+C, then `WM_CLOSE`, then terminates.
        signal: Signal = Signal::Term;
        /// How long it may take to end; then its whole process tree is killed.
        grace: Period = Period::from_secs(10);
    }
}

section! {
    /// When a program that ended is started again.
    pub struct RestartPolicy {
        /// After which end: any, a failure, none.
        policy: RestartWhen = RestartWhen::OnFailure;
        /// How long to wait before the first restart. Doubles with every short run.
        delay: Period = Period::from_secs(1);
        /// The longest delay. A run of at least this long starts over with `delay`.
        max_delay: Period = Period::from_secs(60);
        /// So many failures within `window` and the service stays in ERROR until a START or a RESTART; 0: no limit.
        limit: u32 = 5;
        /// The time within which failures are counted.
        window: Period = Period::from_secs(300);
        /// Whether an Unhealthy verdict counts as a failure.
        on_unhealthy: bool = false;
    }
}

section! {
    /// How captured output is kept.
    pub struct Logs {
        /// A log file that would grow past this is rotated.
        max_size: ByteSize = ByteSize::from_mib(10);
        /// A log file older than this is rotated; rotated files older than this are removed.
        max_age: Period = Period::from_secs(7 * 86_400);
        /// How many rotated files are kept.
        keep: u32 = 5;
        /// Whether rotated files are compressed.
        compress: bool = true;
    }
}

section! {
    /// What a service may use at most (cgroup v2, resource limits, Job Object).
    pub struct Limits {
        /// Memory of the whole process tree.
        memory: Option<ByteSize> = None;
        /// Processors' worth of time: 1.5 is one and a half.
        cpu: Option<f64> = None;
        /// Processes and threads.
        tasks: Option<u64> = None;
        /// Open files of each process.
        open_files: Option<u64> = None;
    }
}

section! {
    /// How an installed service is shut off from the machine.
    pub struct Sandbox {
        /// How far.
        profile: Profile = Profile::Standard;
        /// Folders it may write besides its own state and log folder, relative to `directory`.
        write: Vec<String> = Vec::new();
    }
}

section! {
    /// What only the Windows service control manager has.
    pub struct Windows {
        /// The account, for instance `NT SERVICE\orders` or `LocalService`. Goes before `user`.
        account: Option<String> = None;
        /// The only privileges the process keeps (`sc privs`).
        privileges: Vec<String> = Vec::new();
        /// The type of the service's own security identifier.
        sid: SidType = SidType::Unrestricted;
        /// What a failed start means for the boot.
        error_control: ErrorControl = ErrorControl::Normal;
        /// How long the service may take before a shutdown of the machine goes on.
        preshutdown_timeout: Period = Period::from_secs(180);
        /// What the manager itself does when the service dies.
        recovery: Option<Recovery> = None;
    }
}

section! {
    /// Recovery actions of the Windows service control manager (`sc failure`).
    pub struct Recovery {
        /// A time without failures after which they are counted anew.
        reset: Period = Period::from_secs(86_400);
        /// What the first, the second, … failure leads to: `none/0s`, `restart/1s`, `run/60s`, `reboot/60s`.
        actions: Vec<RecoveryAction> = Vec::new();
        /// The command line that `run` runs.
        command: Option<String> = None;
        /// Whether an end with an error code counts as well (`sc failureflag`).
        on_error_exit: bool = false;
    }
}

/// One recovery action and how long after the failure it comes: `restart/1s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecoveryAction {
    /// What is done.
    pub kind: RecoveryKind,
    /// How long after the failure.
    pub delay: Period,
}

/// What a recovery action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecoveryKind {
    /// Nothing.
    None,
    /// Starts the service again.
    Restart,
    /// Runs `command`.
    Run,
    /// Restarts the machine.
    Reboot,
}

section! {
    /// What only systemd has.
    pub struct Systemd {
        /// The targets that start the service; empty: `multi-user.target`, for user units `default.target`.
        wanted_by: Vec<String> = Vec::new();
        /// Units it is ordered after.
        after: Vec<String> = Vec::new();
        /// Units it wants started as well.
        wants: Vec<String> = Vec::new();
        /// The slice it is put into.
        slice: Option<String> = None;
        /// The interval in which systemd expects `WATCHDOG=1`.
        watchdog: Option<Period> = None;
        /// Further lines of the unit's `[Service]` section.
        properties: BTreeMap<String, String> = BTreeMap::new();
    }
}

section! {
    /// What only launchd has.
    pub struct Launchd {
        /// The job's label; absent: the name of the service with `stead.` before it.
        label: Option<String> = None;
        /// How the program is weighed against others.
        process_type: ProcessType = ProcessType::Standard;
        /// The session types a user agent is limited to, for instance `Aqua`.
        session: Option<String> = None;
        /// The least time between two starts.
        throttle: Period = Period::from_secs(10);
    }
}

section! {
    /// How a service appears in the registry. Absent: it does not.
    pub struct Publish {
        /// The address; absent: the machine's.
        address: Option<String> = None;
        /// The port.
        port: Option<u16> = None;
        /// Tags.
        tags: Vec<String> = Vec::new();
        /// Metadata.
        meta: BTreeMap<String, String> = BTreeMap::new();
        /// Its weights in DNS answers.
        weights: Weights = Weights::DEFAULT;
    }
}

section! {
    /// The weights of a published service in DNS SRV answers.
    pub struct Weights {
        /// While Healthy.
        passing: u16 = Weights::DEFAULT.passing;
        /// While Unknown after Healthy.
        warning: u16 = Weights::DEFAULT.warning;
    }
}

impl Weights {
    /// The registry's own: 1 and 1.
    pub const DEFAULT: Self = Self {
        passing: 1,
        warning: 1,
    };
}

section! {
    /// The configuration documents a service follows.
    pub struct Config {
        /// Paths of documents, for instance `/services/orders/v1`.
        watch: Vec<String> = Vec::new();
    }
}

/// How a program is told to read its configuration anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reload {
    /// It is sent a signal.
    Signal(Signal),
    /// A command is run.
    Command(Argv),
}

impl std::str::FromStr for RecoveryAction {
    type Err = RecoveryActionError;

    fn from_str(text: &str) -> Result<Self, RecoveryActionError> {
        let (kind, delay) = text
            .split_once('/')
            .ok_or_else(|| RecoveryActionError::Shape(text.to_owned()))?;
        Ok(Self {
            kind: match kind {
                "none" => RecoveryKind::None,
                "restart" => RecoveryKind::Restart,
                "run" => RecoveryKind::Run,
                "reboot" => RecoveryKind::Reboot,
                _ => return Err(RecoveryActionError::Shape(text.to_owned())),
            },
            delay: delay.parse()?,
        })
    }
}

impl std::fmt::Display for RecoveryAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            RecoveryKind::None => "none",
            RecoveryKind::Restart => "restart",
            RecoveryKind::Run => "run",
            RecoveryKind::Reboot => "reboot",
        };
        write!(f, "{kind}/{}", self.delay)
    }
}

impl TryFrom<String> for RecoveryAction {
    type Error = RecoveryActionError;

    fn try_from(text: String) -> Result<Self, RecoveryActionError> {
        text.parse()
    }
}

impl From<RecoveryAction> for String {
    fn from(action: RecoveryAction) -> Self {
        action.to_string()
    }
}

/// Why a text is no recovery action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoveryActionError {
    /// It is not `KIND/DELAY`.
    #[error(
        "{0:?} is no recovery action; write none, restart, run or reboot with a delay, like \"restart/1s\""
    )]
    Shape(String),
    /// The delay is no length of time.
    #[error(transparent)]
    Delay(#[from] PeriodError),
}

impl Decode for Reload {
    const KIND: &'static str = "a table";
    const KEYS: &'static [Key] = &[
        key!(
            false,
            signal,
            Option<Signal>,
            None,
            "The signal it is sent."
        ),
        key!(
            false,
            command,
            Option<Argv>,
            None,
            "The command that is run instead."
        ),
    ];

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let table = node.table(faults)?;
        let noted = faults.len();
        node.refuse_unknown(table, Self::KEYS, faults);
        let signal = node.get(table, "signal", faults).map(Self::Signal);
        let command = node.get(table, "command", faults).map(Self::Command);
        let given = (table.contains_key("signal"), table.contains_key("command"));
        let message = match given {
            (true, true) => "has both `signal` and `command`; only one can be",
            (false, false) if faults.len() == noted => "has neither `signal` nor `command`",
            _ => return signal.or(command),
        };
        let message = format!("{} {message}", node.path);
        faults.add(Fault::new(node.path.clone(), message).at(node.key_span.clone()));
        None
    }
}
