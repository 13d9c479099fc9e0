//! The structures of `ChangeServiceConfig2W` and `QueryServiceConfig2W`.

use std::ffi::c_void;
use std::ptr;

use windows_sys::Win32::System::Services::{
    SC_ACTION, SERVICE_DELAYED_AUTO_START_INFO, SERVICE_DESCRIPTIONW, SERVICE_FAILURE_ACTIONS_FLAG,
    SERVICE_FAILURE_ACTIONSW, SERVICE_PRESHUTDOWN_INFO, SERVICE_REQUIRED_PRIVILEGES_INFOW,
    SERVICE_SID_INFO, SERVICE_TRIGGER, SERVICE_TRIGGER_INFO, SERVICE_TRIGGER_SPECIFIC_DATA_ITEM,
};
use windows_sys::core::{GUID, PWSTR};

use super::super::calls::{Called, FailureActions, Info, Level};
use super::super::trigger::{Guid, Trigger, TriggerAction, TriggerData, TriggerKind};
use super::buffer::{Sized, multi, text, texts};
use super::{Optional, wide};

/// Lends the structure that an [`Info`] is to the system. It only reads it, though its fields are
/// such as could be written to.
pub(super) fn lend<T>(info: &Info, with: impl FnOnce(*const c_void) -> T) -> T {
    match info {
        Info::Description(text) => {
            let text = wide(text);
            let info = SERVICE_DESCRIPTIONW {
                lpDescription: text.as_ptr().cast_mut(),
            };
            with((&raw const info).cast())
        }
        Info::FailureActions(actions) => lend_actions(actions, with),
        Info::DelayedAutoStart(delayed) => {
            let info = SERVICE_DELAYED_AUTO_START_INFO {
                fDelayedAutostart: (*delayed).into(),
            };
            with((&raw const info).cast())
        }
        Info::FailureActionsFlag(on) => {
            let info = SERVICE_FAILURE_ACTIONS_FLAG {
                fFailureActionsOnNonCrashFailures: (*on).into(),
            };
            with((&raw const info).cast())
        }
        Info::Sid(number) => {
            let info = SERVICE_SID_INFO {
                dwServiceSidType: *number,
            };
            with((&raw const info).cast())
        }
        Info::RequiredPrivileges(names) => {
            let names = multi(names);
            let info = SERVICE_REQUIRED_PRIVILEGES_INFOW {
                pmszRequiredPrivileges: names.as_ptr().cast_mut(),
            };
            with((&raw const info).cast())
        }
        Info::PreshutdownTimeout(milliseconds) => {
            let info = SERVICE_PRESHUTDOWN_INFO {
                dwPreshutdownTimeout: *milliseconds,
            };
            with((&raw const info).cast())
        }
        Info::Triggers(triggers) => lend_triggers(triggers, with),
    }
}

fn lend_actions<T>(actions: &FailureActions, with: impl FnOnce(*const c_void) -> T) -> T {
    let message = Optional::new(actions.reboot_message.as_ref());
    let command = Optional::new(actions.command.as_ref());
    let mut list: Vec<SC_ACTION> = actions
        .actions
        .iter()
        .map(|&(kind, delay)| SC_ACTION {
            Type: kind,
            Delay: delay,
        })
        .collect();
    let count = list.len();
    // An empty list that is there takes the actions away; NULL would keep them.
    list.push(SC_ACTION::default());
    let info = SERVICE_FAILURE_ACTIONSW {
        dwResetPeriod: actions.reset_period,
        lpRebootMsg: message.pointer().cast_mut(),
        lpCommand: command.pointer().cast_mut(),
        cActions: length(count),
        lpsaActions: list.as_mut_ptr(),
    };
    with((&raw const info).cast())
}

fn lend_triggers<T>(triggers: &[Trigger], with: impl FnOnce(*const c_void) -> T) -> T {
    let mut subtypes: Vec<GUID> = triggers
        .iter()
        .map(|it| GUID::from_u128(it.subtype.0))
        .collect();
    let mut data: Vec<Vec<(u32, Vec<u8>)>> = triggers
        .iter()
        .map(|it| it.data.iter().map(TriggerData::encode).collect())
        .collect();
    let mut items: Vec<Vec<SERVICE_TRIGGER_SPECIFIC_DATA_ITEM>> = data
        .iter_mut()
        .map(|of_trigger| of_trigger.iter_mut().map(item).collect())
        .collect();
    let mut list: Vec<SERVICE_TRIGGER> = triggers
        .iter()
        .zip(&mut subtypes)
        .zip(&mut items)
        .map(|((trigger, subtype), items)| SERVICE_TRIGGER {
            dwTriggerType: trigger.kind.number(),
            dwAction: match trigger.action {
                TriggerAction::Start => 1,
                TriggerAction::Stop => 2,
            },
            pTriggerSubtype: subtype,
            cDataItems: length(items.len()),
            pDataItems: items.as_mut_ptr(),
        })
        .collect();
    let info = SERVICE_TRIGGER_INFO {
        cTriggers: length(list.len()),
        pTriggers: list.as_mut_ptr(),
        pReserved: ptr::null_mut(),
    };
    with((&raw const info).cast())
}

fn item((kind, bytes): &mut (u32, Vec<u8>)) -> SERVICE_TRIGGER_SPECIFIC_DATA_ITEM {
    SERVICE_TRIGGER_SPECIFIC_DATA_ITEM {
        dwDataType: *kind,
        cbData: length(bytes.len()),
        pData: bytes.as_mut_ptr(),
    }
}

/// What the system takes is far shorter than this could count; it refuses what is not.
fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Reads the structure of that level.
///
/// # Safety
/// The system must have filled the buffer for that level, and its pointers be good.
pub(super) unsafe fn read(buffer: &Sized, level: Level) -> Called<Info> {
    let flag = |number: i32| number != 0;
    // SAFETY: the caller promises that the structures are those of the level, and that their
    // texts are NULL or end as they should.
    unsafe {
        Ok(match level {
            Level::Description => {
                let info = buffer.first::<SERVICE_DESCRIPTIONW>()?;
                Info::Description(text(info.lpDescription))
            }
            Level::FailureActions => {
                let info = buffer.first::<SERVICE_FAILURE_ACTIONSW>()?;
                Info::FailureActions(FailureActions {
                    reset_period: info.dwResetPeriod,
                    reboot_message: optional(info.lpRebootMsg),
                    command: optional(info.lpCommand),
                    actions: list(info.lpsaActions, info.cActions)
                        .iter()
                        .map(|it| (it.Type, it.Delay))
                        .collect(),
                })
            }
            Level::DelayedAutoStart => {
                let info = buffer.first::<SERVICE_DELAYED_AUTO_START_INFO>()?;
                Info::DelayedAutoStart(flag(info.fDelayedAutostart))
            }
            Level::FailureActionsFlag => {
                let info = buffer.first::<SERVICE_FAILURE_ACTIONS_FLAG>()?;
                Info::FailureActionsFlag(flag(info.fFailureActionsOnNonCrashFailures))
            }
            Level::Sid => Info::Sid(buffer.first::<SERVICE_SID_INFO>()?.dwServiceSidType),
            Level::RequiredPrivileges => {
                let info = buffer.first::<SERVICE_REQUIRED_PRIVILEGES_INFOW>()?;
                Info::RequiredPrivileges(texts(info.pmszRequiredPrivileges))
            }
            Level::PreshutdownTimeout => {
                let info = buffer.first::<SERVICE_PRESHUTDOWN_INFO>()?;
                Info::PreshutdownTimeout(info.dwPreshutdownTimeout)
            }
            Level::Triggers => {
                let info = buffer.first::<SERVICE_TRIGGER_INFO>()?;
                let triggers = list(info.pTriggers, info.cTriggers);
                Info::Triggers(triggers.iter().map(|it| trigger(it)).collect())
            }
        })
    }
}

/// # Safety
/// The trigger's pointers must be good.
unsafe fn trigger(found: &SERVICE_TRIGGER) -> Trigger {
    // SAFETY: the caller promises it.
    unsafe {
        Trigger {
            kind: TriggerKind::from_number(found.dwTriggerType),
            action: match found.dwAction {
                2 => TriggerAction::Stop,
                _ => TriggerAction::Start,
            },
            subtype: found
                .pTriggerSubtype
                .as_ref()
                .map_or(Guid(0), |it| Guid(number(it))),
            data: list(found.pDataItems, found.cDataItems)
                .iter()
                .map(|it| TriggerData::decode(it.dwDataType, list(it.pData, it.cbData)))
                .collect(),
        }
    }
}

pub(super) fn number(guid: &GUID) -> u128 {
    u128::from(guid.data1) << 96
        | u128::from(guid.data2) << 80
        | u128::from(guid.data3) << 64
        | u128::from(u64::from_be_bytes(guid.data4))
}

/// # Safety
/// NULL, or as many good elements.
unsafe fn list<'a, T>(start: *const T, count: u32) -> &'a [T] {
    if start.is_null() {
        return &[];
    }
    // SAFETY: the caller promises as many.
    unsafe { std::slice::from_raw_parts(start, count as usize) }
}

/// # Safety
/// NULL, or a text that ends in NUL.
unsafe fn optional(start: PWSTR) -> Option<String> {
    // SAFETY: the caller promises it.
    (!start.is_null()).then(|| unsafe { text(start) })
}
