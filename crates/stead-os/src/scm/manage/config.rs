//! What a service is installed with.

use std::time::Duration;

use super::account::Account;
use super::recovery::Recovery;
use super::trigger::Trigger;

/// The longest name of a service or display name, in units of UTF-16.
pub const NAME_MAX: usize = 256;

/// A service as the manager keeps it. What is `None` is left as the manager has it: its default on
/// a new service; and when it is read, what this system does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceConfig {
    /// The name it is known by; upper and lower case are the same. At most [`NAME_MAX`], without
    /// slashes.
    pub name: String,
    /// The name that is shown. Empty: as the name.
    pub display_name: String,
    /// What it is for, in a sentence or two. May be empty.
    pub description: String,
    /// The program and its arguments, quoted when it is installed.
    pub command: Vec<String>,
    /// When it starts.
    pub start: StartType,
    /// What the start of the machine makes of a failure of it.
    pub error_control: ErrorControl,
    /// Who it runs as.
    pub account: Account,
    /// What is started before it and stopped after it.
    pub dependencies: Vec<Dependency>,
    /// Whether its process bears an identifier of its own. Default: none.
    pub sid: Option<SidType>,
    /// The only privileges its process has, by their names (`SeChangeNotifyPrivilege`). Default:
    /// those of its account; an empty list means the same.
    pub privileges: Option<Vec<String>>,
    /// How long the machine waits for it before it shuts down, if it accepts that. Default: 10 s
    /// (3 min before Windows 10 1703).
    pub preshutdown_timeout: Option<Duration>,
    /// What the manager does when it fails. Default: nothing.
    pub recovery: Option<Recovery>,
    /// Whether a stop with an exit code other than 0 is a failure too, and not only a crash.
    /// Default: no.
    pub on_error_exit: Option<bool>,
    /// What else starts or stops it.
    pub triggers: Option<Vec<Trigger>>,
}

impl ServiceConfig {
    /// A service that is started by hand as `LocalSystem`, and is as the manager makes it else.
    pub fn new(name: impl Into<String>, command: Vec<String>) -> Self {
        Self {
            name: name.into(),
            display_name: String::new(),
            description: String::new(),
            command,
            start: StartType::Manual,
            error_control: ErrorControl::Normal,
            account: Account::LocalSystem,
            dependencies: Vec::new(),
            sid: None,
            privileges: None,
            preshutdown_timeout: None,
            recovery: None,
            on_error_exit: None,
            triggers: None,
        }
    }
}

/// A service as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// What it is installed with. There are no passwords in it.
    pub config: ServiceConfig,
    /// Its command line as it stands there, from which [`ServiceConfig::command`] was parted.
    pub image_path: String,
    /// `dwServiceType` (`winsvc.h`): 0x10 for a process of its own, 0x20 for a shared one.
    pub service_type: u32,
}

/// When a service starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StartType {
    /// With the machine.
    Automatic,
    /// With the machine, some minutes after the others.
    Delayed,
    /// When somebody or something asks for it.
    Manual,
    /// Never.
    Disabled,
}

/// What the start of the machine makes of a service that fails to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ErrorControl {
    /// Nothing.
    Ignore,
    /// Writes it into the event log.
    #[default]
    Normal,
    /// Starts the machine again with the last configuration that worked.
    Severe,
    /// As severe; and if that is already in use, the start fails.
    Critical,
}

/// What a service depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dependency {
    /// A service.
    Service(String),
    /// At least one service of a load order group.
    Group(String),
}

/// The identifier `NT SERVICE\name` in a service's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SidType {
    /// There is none.
    None,
    /// Files and other things can be opened to this service alone.
    Unrestricted,
    /// As well; and it may write only what is opened to it.
    Restricted,
}

/// Changes to a service. What is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// See [`ServiceConfig::display_name`].
    pub display_name: Option<String>,
    /// See [`ServiceConfig::description`]; empty takes it away.
    pub description: Option<String>,
    /// See [`ServiceConfig::command`].
    pub command: Option<Vec<String>>,
    /// See [`ServiceConfig::start`].
    pub start: Option<StartType>,
    /// See [`ServiceConfig::error_control`].
    pub error_control: Option<ErrorControl>,
    /// See [`ServiceConfig::account`]. A user without a password keeps the one that is stored,
    /// which is of use only if it is the same user.
    pub account: Option<Account>,
    /// See [`ServiceConfig::dependencies`]; empty takes them away.
    pub dependencies: Option<Vec<Dependency>>,
    /// See [`ServiceConfig::sid`].
    pub sid: Option<SidType>,
    /// See [`ServiceConfig::privileges`]; empty gives it all those of its account.
    pub privileges: Option<Vec<String>>,
    /// See [`ServiceConfig::preshutdown_timeout`].
    pub preshutdown_timeout: Option<Duration>,
    /// See [`ServiceConfig::recovery`], which it replaces as a whole.
    pub recovery: Option<Recovery>,
    /// See [`ServiceConfig::on_error_exit`].
    pub on_error_exit: Option<bool>,
    /// See [`ServiceConfig::triggers`]; empty takes them away.
    pub triggers: Option<Vec<Trigger>>,
}
