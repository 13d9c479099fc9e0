//! The surface of the service control manager: one method for each of its functions.

use std::time::Duration;

use super::error::Win32Error;
use super::numbers::NO_CHANGE;
use super::secret::Secret;
use super::status::{Listed, ServiceStatus};
use super::trigger::Trigger;

/// What came of a call.
pub type Called<T> = Result<T, Win32Error>;

/// The functions of `winsvc.h` that [`Scm`](super::Scm) is made of, and those of the accounts. On
/// Windows `System` is the system's own; [`Recording`](super::recording::Recording) plays it
/// everywhere.
pub trait Calls: Sync {
    /// A manager that is open; dropping it closes it.
    type Manager;
    /// A service that is open; dropping it closes it.
    type Service;

    /// `OpenSCManagerW` of this machine.
    fn open_manager(&self, access: u32) -> Called<Self::Manager>;
    /// `CreateServiceW`.
    fn create_service(
        &self,
        manager: &Self::Manager,
        service: &NewService,
    ) -> Called<Self::Service>;
    /// `OpenServiceW`.
    fn open_service(
        &self,
        manager: &Self::Manager,
        name: &str,
        access: u32,
    ) -> Called<Self::Service>;
    /// `ChangeServiceConfigW`.
    fn change_config(&self, service: &Self::Service, change: &ConfigChange) -> Called<()>;
    /// `ChangeServiceConfig2W`.
    fn change_config2(&self, service: &Self::Service, info: &Info) -> Called<()>;
    /// `QueryServiceConfigW`.
    fn query_config(&self, service: &Self::Service) -> Called<QueriedConfig>;
    /// `QueryServiceConfig2W`.
    fn query_config2(&self, service: &Self::Service, level: Level) -> Called<Info>;
    /// `QueryServiceStatusEx`.
    fn query_status(&self, service: &Self::Service) -> Called<ServiceStatus>;
    /// `EnumServicesStatusExW`: services that are programs, in any state.
    fn enumerate(&self, manager: &Self::Manager) -> Called<Vec<Listed>>;
    /// `EnumDependentServicesW`, which gives them in the order they are to be stopped in. It does
    /// not tell their processes.
    fn enumerate_dependents(
        &self,
        service: &Self::Service,
        which: Dependents,
    ) -> Called<Vec<Listed>>;
    /// `ControlService`.
    fn control(&self, service: &Self::Service, control: u32) -> Called<()>;
    /// `StartServiceW`.
    fn start(&self, service: &Self::Service, arguments: &[String]) -> Called<()>;
    /// `DeleteService`.
    fn delete(&self, service: &Self::Service) -> Called<()>;
    /// `NotifyServiceStatusChangeW`, if it is not still waiting from the call before, and an
    /// alertable wait. To be called, and the service to be dropped, on one and the same thread.
    /// The first call on a service tells how it stands at once.
    fn wait_status_change(&self, service: &Self::Service, at_most: Duration) -> Called<Notified>;

    /// `LookupAccountNameW`.
    fn lookup_account(&self, name: &str) -> Called<Sid>;
    /// `LsaOpenPolicy` and `LsaAddAccountRights`.
    fn grant_right(&self, account: &Sid, right: &str) -> Called<()>;
    /// `LookupPrivilegeValueW`.
    fn lookup_privilege(&self, name: &str) -> Called<()>;
    /// `AdjustTokenPrivileges`: turns on a privilege that this process has.
    fn enable_privilege(&self, name: &str) -> Called<()>;
}

/// The arguments of `CreateServiceW`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewService {
    /// `lpServiceName`.
    pub name: String,
    /// `lpDisplayName`.
    pub display_name: String,
    /// `dwDesiredAccess`.
    pub access: u32,
    /// `dwServiceType`.
    pub service_type: u32,
    /// `dwStartType`.
    pub start_type: u32,
    /// `dwErrorControl`.
    pub error_control: u32,
    /// `lpBinaryPathName`.
    pub image_path: String,
    /// `lpDependencies`; a group's name is preceded by `+`.
    pub dependencies: Vec<String>,
    /// `lpServiceStartName`; `None` is NULL.
    pub account: Option<String>,
    /// `lpPassword`; `None` is NULL.
    pub password: Option<Secret>,
}

/// The arguments of `ChangeServiceConfigW`, of which [`NO_CHANGE`] and NULL (`None`) keep what is
/// there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// `dwServiceType`.
    pub service_type: u32,
    /// `dwStartType`.
    pub start_type: u32,
    /// `dwErrorControl`.
    pub error_control: u32,
    /// `lpBinaryPathName`.
    pub image_path: Option<String>,
    /// `lpDependencies`; an empty list takes them away.
    pub dependencies: Option<Vec<String>>,
    /// `lpServiceStartName`.
    pub account: Option<String>,
    /// `lpPassword`.
    pub password: Option<Secret>,
    /// `lpDisplayName`.
    pub display_name: Option<String>,
}

impl ConfigChange {
    /// Changes nothing.
    pub const KEEP: Self = Self {
        service_type: NO_CHANGE,
        start_type: NO_CHANGE,
        error_control: NO_CHANGE,
        image_path: None,
        dependencies: None,
        account: None,
        password: None,
        display_name: None,
    };
}

/// `QUERY_SERVICE_CONFIGW`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueriedConfig {
    /// `dwServiceType`.
    pub service_type: u32,
    /// `dwStartType`.
    pub start_type: u32,
    /// `dwErrorControl`.
    pub error_control: u32,
    /// `lpBinaryPathName`.
    pub image_path: String,
    /// `lpDependencies`.
    pub dependencies: Vec<String>,
    /// `lpServiceStartName`.
    pub account: String,
    /// `lpDisplayName`.
    pub display_name: String,
}

/// What `ChangeServiceConfig2W` sets and `QueryServiceConfig2W` gives, by its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Info {
    /// `SERVICE_DESCRIPTIONW`.
    Description(String),
    /// `SERVICE_FAILURE_ACTIONSW`.
    FailureActions(FailureActions),
    /// `SERVICE_DELAYED_AUTO_START_INFO`.
    DelayedAutoStart(bool),
    /// `SERVICE_FAILURE_ACTIONS_FLAG`.
    FailureActionsFlag(bool),
    /// `SERVICE_SID_INFO`: 0 none, 1 unrestricted, 3 restricted.
    Sid(u32),
    /// `SERVICE_REQUIRED_PRIVILEGES_INFOW`.
    RequiredPrivileges(Vec<String>),
    /// `SERVICE_PRESHUTDOWN_INFO`, in milliseconds.
    PreshutdownTimeout(u32),
    /// `SERVICE_TRIGGER_INFO`.
    Triggers(Vec<Trigger>),
}

/// `SERVICE_FAILURE_ACTIONSW`. A text that is `None` is NULL and stays as it is; an empty one
/// takes it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureActions {
    /// `dwResetPeriod`, in seconds.
    pub reset_period: u32,
    /// `lpRebootMsg`.
    pub reboot_message: Option<String>,
    /// `lpCommand`.
    pub command: Option<String>,
    /// `lpsaActions`: `SC_ACTION_TYPE` and milliseconds.
    pub actions: Vec<(i32, u32)>,
}

/// `dwInfoLevel` of `QueryServiceConfig2W`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Level {
    /// `SERVICE_CONFIG_DESCRIPTION`.
    Description = 1,
    /// `SERVICE_CONFIG_FAILURE_ACTIONS`.
    FailureActions = 2,
    /// `SERVICE_CONFIG_DELAYED_AUTO_START_INFO`.
    DelayedAutoStart = 3,
    /// `SERVICE_CONFIG_FAILURE_ACTIONS_FLAG`.
    FailureActionsFlag = 4,
    /// `SERVICE_CONFIG_SERVICE_SID_INFO`.
    Sid = 5,
    /// `SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO`.
    RequiredPrivileges = 6,
    /// `SERVICE_CONFIG_PRESHUTDOWN_INFO`.
    PreshutdownTimeout = 7,
    /// `SERVICE_CONFIG_TRIGGER_INFO`.
    Triggers = 8,
}

impl Info {
    /// Its level.
    pub fn level(&self) -> Level {
        match self {
            Self::Description(_) => Level::Description,
            Self::FailureActions(_) => Level::FailureActions,
            Self::DelayedAutoStart(_) => Level::DelayedAutoStart,
            Self::FailureActionsFlag(_) => Level::FailureActionsFlag,
            Self::Sid(_) => Level::Sid,
            Self::RequiredPrivileges(_) => Level::RequiredPrivileges,
            Self::PreshutdownTimeout(_) => Level::PreshutdownTimeout,
            Self::Triggers(_) => Level::Triggers,
        }
    }
}

/// Which dependents to list (`dwServiceState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dependents {
    /// `SERVICE_ACTIVE`: those that are not stopped.
    Active,
    /// `SERVICE_STATE_ALL`.
    All,
}

/// What a wait for a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notified {
    /// This is how the service stood when it changed.
    Status(ServiceStatus),
    /// It was marked for deletion.
    DeletePending,
    /// Nothing happened in that time.
    TimedOut,
}

/// A security identifier, as its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sid(pub Vec<u8>);
