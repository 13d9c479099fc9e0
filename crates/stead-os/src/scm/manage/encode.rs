//! Between plain data and the numbers and structures of `winsvc.h`.

use std::time::Duration;

use super::account::Account;
use super::calls::{FailureActions, Info, QueriedConfig};
use super::config::{Dependency, ErrorControl, Installed, ServiceConfig, SidType, StartType};
use super::error::Reason;
use super::numbers::{AUTO_START, DEMAND_START, DISABLED, INFINITE};
use super::recovery::{Recovery, RecoveryAction, RecoveryKind};
use crate::command_line;

/// What stands before a group's name among dependencies (`SC_GROUP_IDENTIFIER`).
const GROUP: char = '+';

pub(super) fn start_type(start: StartType) -> u32 {
    match start {
        StartType::Automatic | StartType::Delayed => AUTO_START,
        StartType::Manual => DEMAND_START,
        StartType::Disabled => DISABLED,
    }
}

pub(super) fn error_control(control: ErrorControl) -> u32 {
    match control {
        ErrorControl::Ignore => 0,
        ErrorControl::Normal => 1,
        ErrorControl::Severe => 2,
        ErrorControl::Critical => 3,
    }
}

pub(super) fn sid_type(sid: SidType) -> u32 {
    match sid {
        SidType::None => 0,
        SidType::Unrestricted => 1,
        SidType::Restricted => 3,
    }
}

pub(super) fn dependencies(dependencies: &[Dependency]) -> Vec<String> {
    let name = |dependency: &Dependency| match dependency {
        Dependency::Service(name) => name.clone(),
        Dependency::Group(name) => format!("{GROUP}{name}"),
    };
    dependencies.iter().map(name).collect()
}

/// Nothing is left of what was there before: what is not said is taken away.
pub(super) fn failure_actions(recovery: &Recovery) -> Result<FailureActions, Reason> {
    let reset_period = match recovery.reset {
        None => INFINITE,
        Some(reset) => u32::try_from(reset.as_secs())
            .ok()
            .filter(|seconds| *seconds != INFINITE)
            .ok_or_else(|| Reason::Invalid("the reset period is too long".to_owned()))?,
    };
    let mut actions = Vec::new();
    for action in &recovery.actions {
        let number = match action.kind {
            RecoveryKind::Nothing => 0,
            RecoveryKind::Restart => 1,
            RecoveryKind::Reboot => 2,
            RecoveryKind::Run => 3,
        };
        let delay = milliseconds(action.delay)
            .ok_or_else(|| Reason::Invalid("a recovery action's delay is too long".to_owned()))?;
        actions.push((number, delay));
    }
    Ok(FailureActions {
        reset_period,
        reboot_message: Some(recovery.reboot_message.clone().unwrap_or_default()),
        command: Some(recovery.command.clone().unwrap_or_default()),
        actions,
    })
}

pub(super) fn preshutdown(timeout: Duration) -> Result<Info, Reason> {
    milliseconds(timeout)
        .map(Info::PreshutdownTimeout)
        .ok_or_else(|| Reason::Invalid("the preshutdown timeout is too long".to_owned()))
}

fn milliseconds(time: Duration) -> Option<u32> {
    u32::try_from(time.as_millis()).ok()
}

/// What was found under that name, with what the levels say in `infos`.
pub(super) fn installed(name: &str, found: QueriedConfig, infos: Vec<Info>) -> Installed {
    let mut config = ServiceConfig {
        display_name: found.display_name,
        start: match found.start_type {
            AUTO_START => StartType::Automatic,
            DISABLED => StartType::Disabled,
            _ => StartType::Manual,
        },
        error_control: match found.error_control {
            0 => ErrorControl::Ignore,
            2 => ErrorControl::Severe,
            3 => ErrorControl::Critical,
            _ => ErrorControl::Normal,
        },
        account: Account::named(&found.account, None),
        dependencies: found.dependencies.iter().map(|it| dependency(it)).collect(),
        ..ServiceConfig::new(name, command_line::part(&found.image_path))
    };
    for info in infos {
        match info {
            Info::Description(text) => config.description = text,
            Info::FailureActions(actions) => config.recovery = Some(recovery(actions)),
            Info::DelayedAutoStart(delayed) => {
                if delayed && config.start == StartType::Automatic {
                    config.start = StartType::Delayed;
                }
            }
            Info::FailureActionsFlag(on) => config.on_error_exit = Some(on),
            Info::Sid(number) => {
                config.sid = match number {
                    0 => Some(SidType::None),
                    1 => Some(SidType::Unrestricted),
                    3 => Some(SidType::Restricted),
                    _ => None,
                }
            }
            Info::RequiredPrivileges(names) => config.privileges = Some(names),
            Info::PreshutdownTimeout(time) => {
                config.preshutdown_timeout = Some(Duration::from_millis(time.into()));
            }
            Info::Triggers(triggers) => config.triggers = Some(triggers),
        }
    }
    Installed {
        config,
        image_path: found.image_path,
        service_type: found.service_type,
    }
}

fn dependency(name: &str) -> Dependency {
    match name.strip_prefix(GROUP) {
        Some(group) => Dependency::Group(group.to_owned()),
        None => Dependency::Service(name.to_owned()),
    }
}

fn recovery(found: FailureActions) -> Recovery {
    let action = |(number, delay): (i32, u32)| RecoveryAction {
        kind: match number {
            // 4 starts the service again too, in a process of its own.
            1 | 4 => RecoveryKind::Restart,
            2 => RecoveryKind::Reboot,
            3 => RecoveryKind::Run,
            _ => RecoveryKind::Nothing,
        },
        delay: Duration::from_millis(delay.into()),
    };
    let reset = u64::from(found.reset_period);
    Recovery {
        reset: (found.reset_period != INFINITE).then_some(Duration::from_secs(reset)),
        actions: found.actions.into_iter().map(action).collect(),
        command: found.command.filter(|text| !text.is_empty()),
        reboot_message: found.reboot_message.filter(|text| !text.is_empty()),
    }
}
