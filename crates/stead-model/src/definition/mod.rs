//! The service definition, `stead.toml`: typed, with defaults, and with errors that name the
//! place.

mod check;
mod decode;
mod error;
mod keys;
mod order;
mod parse;
mod path;
mod rules;
mod section;
mod sections;
mod service;
mod value;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use check::{Check, CheckKind};
pub use error::{DefinitionError, DefinitionErrors};
pub use keys::{KnownKey, known_keys};
pub use order::{dependents, start_order, stop_order};
pub use parse::DEFINITION_MAX;
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
#[serde(try_from = "Unchecked")]
pub struct Definition {
    /// What the services have in common.
    pub stack: Stack,
    /// The services by name.
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

/// A definition from JSON, before the rules have judged it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    #[serde(default)]
    stack: Stack,
    #[serde(default)]
    services: BTreeMap<ServiceName, Service>,
}

impl TryFrom<Unchecked> for Definition {
    type Error = String;

    fn try_from(Unchecked { stack, services }: Unchecked) -> Result<Self, String> {
        let definition = Self { stack, services };
        let mut faults = error::Faults::default();
        let declared = definition.services.keys().map(ToString::to_string);
        rules::check(
            &definition,
            &declared.collect(),
            rules::Others::None,
            &mut faults,
        );
        let mut messages: Vec<_> = faults.iter().map(|fault| fault.message.as_str()).collect();
        let as_file = toml::Value::try_from(&definition).map_err(|error| error.to_string())?;
        if has_nul(&as_file) {
            messages.push("a text has a NUL byte, which no program can be given");
        }
        if messages.is_empty() {
            Ok(definition)
        } else {
            Err(messages.join("; "))
        }
    }
}

fn has_nul(value: &toml::Value) -> bool {
    match value {
        toml::Value::String(text) => text.contains('\0'),
        toml::Value::Array(list) => list.iter().any(has_nul),
        toml::Value::Table(table) => table
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}
