//! The service definition, `stead.toml`: typed, with defaults, and with errors that name the
//! place.

mod check;
mod section;
mod sections;
mod service;
mod value;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::{Check, CheckKind};
pub use sections::{
    Config, Launchd, Limits, Logs, Publish, Recovery, RecoveryAction, RecoveryActionError,
    RecoveryKind, Reload, RestartPolicy, Sandbox, Stop, Systemd, Weights, Windows,
};
pub use service::Service;
pub use value::{Argv, ArgvError, ByteSize, ByteSizeError, PERIOD_MAX_DAYS, Period, PeriodError};
pub use words::{
    ErrorControl, ProcessType, Profile, Ready, RestartWhen, SidType, Signal, Start, WordError,
};

use crate::name::{EnvironmentName, ServiceName, StackName};

/// What one definition file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What the services have in common.
    #[serde(default)]
    pub stack: Stack,
    /// The services by name.
    #[serde(default)]
    pub services: BTreeMap<ServiceName, Service>,
}

section::section! {
    /// What the services of a file have in common.
    pub struct Stack {
        /// The stack's name; absent: that of the folder the file is in.
        name: Option<StackName> = None;
        /// The configuration environment the services see.
        environment: Option<EnvironmentName> = None;
    }
}
