//! Our numbers against the system's, and structures read back as they were made.

use proptest::prelude::*;
use windows_sys::Win32::Foundation as F;
use windows_sys::Win32::Storage::FileSystem::DELETE;
use windows_sys::Win32::System::Services as S;

use super::super::calls::FailureActions;
use super::super::numbers::{self, access, error};
use super::super::trigger::{Guid, Trigger, TriggerAction, TriggerData, TriggerKind, guid};
use super::*;

macro_rules! same {
    ($ours:ident, $theirs:ident, $($name:ident)+) => {
        $(assert_eq!($ours::$name, $theirs::$name, stringify!($name));)+
    };
}

#[test]
fn rights_are_those_of_the_system() {
    same!(access, S, SC_MANAGER_CONNECT SC_MANAGER_CREATE_SERVICE SC_MANAGER_ENUMERATE_SERVICE
        SERVICE_QUERY_CONFIG SERVICE_CHANGE_CONFIG SERVICE_QUERY_STATUS
        SERVICE_ENUMERATE_DEPENDENTS SERVICE_START SERVICE_STOP SERVICE_PAUSE_CONTINUE
        SERVICE_INTERROGATE SERVICE_USER_DEFINED_CONTROL);
    assert_eq!(access::DELETE, DELETE);
}

#[test]
fn errors_are_those_of_the_system() {
    same!(error, F, ERROR_FILE_NOT_FOUND ERROR_PATH_NOT_FOUND ERROR_ACCESS_DENIED
        ERROR_INVALID_HANDLE ERROR_INVALID_DATA ERROR_NOT_SUPPORTED ERROR_INVALID_PARAMETER
        ERROR_CALL_NOT_IMPLEMENTED ERROR_INVALID_NAME ERROR_INVALID_LEVEL ERROR_BAD_EXE_FORMAT
        ERROR_DEPENDENT_SERVICES_RUNNING ERROR_INVALID_SERVICE_CONTROL
        ERROR_SERVICE_REQUEST_TIMEOUT ERROR_SERVICE_NO_THREAD ERROR_SERVICE_DATABASE_LOCKED
        ERROR_SERVICE_ALREADY_RUNNING ERROR_INVALID_SERVICE_ACCOUNT ERROR_SERVICE_DISABLED
        ERROR_CIRCULAR_DEPENDENCY ERROR_SERVICE_DOES_NOT_EXIST ERROR_SERVICE_CANNOT_ACCEPT_CTRL
        ERROR_SERVICE_NOT_ACTIVE ERROR_SERVICE_SPECIFIC_ERROR ERROR_SERVICE_DEPENDENCY_FAIL
        ERROR_SERVICE_LOGON_FAILED ERROR_SERVICE_START_HANG ERROR_SERVICE_MARKED_FOR_DELETE
        ERROR_SERVICE_EXISTS ERROR_SERVICE_DEPENDENCY_DELETED ERROR_SERVICE_NEVER_STARTED
        ERROR_DUPLICATE_SERVICE_NAME ERROR_SHUTDOWN_IN_PROGRESS
        ERROR_SERVICE_NOTIFY_CLIENT_LAGGING ERROR_NO_SUCH_PRIVILEGE ERROR_NONE_MAPPED);
}

#[test]
fn other_numbers_are_those_of_the_system() {
    assert_eq!(numbers::OWN_PROCESS, S::SERVICE_WIN32_OWN_PROCESS);
    assert_eq!(numbers::NO_CHANGE, S::SERVICE_NO_CHANGE);
    assert_eq!(numbers::AUTO_START, S::SERVICE_AUTO_START);
    assert_eq!(numbers::DEMAND_START, S::SERVICE_DEMAND_START);
    assert_eq!(numbers::DISABLED, S::SERVICE_DISABLED);
    assert_eq!(numbers::CONTROL_STOP, S::SERVICE_CONTROL_STOP);
    for (ours, theirs) in [
        (Accepted::STOP, S::SERVICE_ACCEPT_STOP),
        (Accepted::PAUSE_CONTINUE, S::SERVICE_ACCEPT_PAUSE_CONTINUE),
        (Accepted::SHUTDOWN, S::SERVICE_ACCEPT_SHUTDOWN),
        (Accepted::PARAM_CHANGE, S::SERVICE_ACCEPT_PARAMCHANGE),
        (Accepted::POWER_EVENT, S::SERVICE_ACCEPT_POWEREVENT),
        (Accepted::SESSION_CHANGE, S::SERVICE_ACCEPT_SESSIONCHANGE),
        (Accepted::PRESHUTDOWN, S::SERVICE_ACCEPT_PRESHUTDOWN),
    ] {
        assert_eq!(ours.0, theirs);
    }
    for (level, theirs) in [
        (Level::Description, S::SERVICE_CONFIG_DESCRIPTION),
        (Level::FailureActions, S::SERVICE_CONFIG_FAILURE_ACTIONS),
        (
            Level::DelayedAutoStart,
            S::SERVICE_CONFIG_DELAYED_AUTO_START_INFO,
        ),
        (
            Level::FailureActionsFlag,
            S::SERVICE_CONFIG_FAILURE_ACTIONS_FLAG,
        ),
        (Level::Sid, S::SERVICE_CONFIG_SERVICE_SID_INFO),
        (
            Level::RequiredPrivileges,
            S::SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO,
        ),
        (
            Level::PreshutdownTimeout,
            S::SERVICE_CONFIG_PRESHUTDOWN_INFO,
        ),
        (Level::Triggers, S::SERVICE_CONFIG_TRIGGER_INFO),
    ] {
        assert_eq!(level as u32, theirs);
    }
    for (ours, theirs) in [
        (
            guid::NETWORK_UP,
            S::NETWORK_MANAGER_FIRST_IP_ADDRESS_ARRIVAL_GUID,
        ),
        (
            guid::NETWORK_DOWN,
            S::NETWORK_MANAGER_LAST_IP_ADDRESS_REMOVAL_GUID,
        ),
        (guid::DOMAIN_JOIN, S::DOMAIN_JOIN_GUID),
        (guid::DOMAIN_LEAVE, S::DOMAIN_LEAVE_GUID),
        (guid::PORT_OPEN, S::FIREWALL_PORT_OPEN_GUID),
        (guid::PORT_CLOSE, S::FIREWALL_PORT_CLOSE_GUID),
        (guid::MACHINE_POLICY, S::MACHINE_POLICY_PRESENT_GUID),
        (guid::USER_POLICY, S::USER_POLICY_PRESENT_GUID),
        (guid::NAMED_PIPE, S::NAMED_PIPE_EVENT_GUID),
        (guid::RPC_INTERFACE, S::RPC_INTERFACE_EVENT_GUID),
    ] {
        assert_eq!(ours.0, info::number(&theirs));
    }
}

/// Makes the structure of an info and reads it where it stands, as the system would.
fn back(info: &Info) -> Info {
    info::lend(info, |pointer| {
        // A structure is at most five words long here.
        let buffer = sized(|room, _, _| {
            let size = match info {
                Info::Description(_) => size_of::<S::SERVICE_DESCRIPTIONW>(),
                Info::FailureActions(_) => size_of::<S::SERVICE_FAILURE_ACTIONSW>(),
                Info::Triggers(_) => size_of::<S::SERVICE_TRIGGER_INFO>(),
                Info::RequiredPrivileges(_) => size_of::<usize>(),
                _ => size_of::<u32>(),
            };
            // SAFETY: the structure has that size, and the buffer has a thousand bytes.
            unsafe { ptr::copy_nonoverlapping(pointer.cast::<u8>(), room, size) };
            1
        });
        // SAFETY: the structure is that of the level, and what it points to is still lent.
        unsafe { info::read(&buffer.unwrap(), info.level()) }.unwrap()
    })
}

#[test]
fn structures_read_back_as_they_were_made() {
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let none = FailureActions {
        reset_period: u32::MAX,
        reboot_message: None,
        command: Some(String::new()),
        actions: vec![],
    };
    for info in [
        Info::Description("Takes orders, 日本".to_owned()),
        Info::Description(String::new()),
        Info::FailureActions(none.clone()),
        Info::FailureActions(FailureActions {
            reset_period: 86_400,
            reboot_message: Some("Back soon".to_owned()),
            command: Some("notify.exe /x".to_owned()),
            actions: vec![(1, 1000), (3, 60_000), (0, 0)],
            ..none
        }),
        Info::DelayedAutoStart(true),
        Info::DelayedAutoStart(false),
        Info::FailureActionsFlag(true),
        Info::Sid(3),
        Info::RequiredPrivileges(vec![]),
        Info::RequiredPrivileges(texts(&["SeChangeNotifyPrivilege", "SeBackupPrivilege"])),
        Info::PreshutdownTimeout(180_000),
        Info::Triggers(vec![]),
        Info::Triggers(vec![
            Trigger::network_up(),
            Trigger::port_opened(7001, "TCP"),
            Trigger {
                kind: TriggerKind::Event,
                action: TriggerAction::Stop,
                subtype: Guid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
                data: vec![TriggerData::Level(3), TriggerData::AnyKeyword(1 << 60)],
            },
        ]),
    ] {
        assert_eq!(back(&info), info);
    }
}

proptest! {
    #[test]
    fn lists_of_texts_end_where_they_should(texts in prop::collection::vec("[^\0]{1,8}", 0..6)) {
        let list = multi(&texts);
        prop_assert!(list.ends_with(&[0, 0]));
        // SAFETY: the list ends in two NULs.
        prop_assert_eq!(unsafe { super::texts(list.as_ptr()) }, texts);
    }
}

#[test]
fn an_answer_that_needs_more_room_gets_it() {
    let mut called = 0;
    let buffer = sized(|room, bytes, needed| {
        called += 1;
        if bytes < 5000 {
            // SAFETY: `needed` is good for writing; the code is read next.
            unsafe {
                *needed = 5000;
                F::SetLastError(F::ERROR_INSUFFICIENT_BUFFER);
            }
            return 0;
        }
        // SAFETY: there are at least 5000 bytes.
        unsafe { room.add(4999).write(7) };
        1
    });
    assert_eq!(buffer.unwrap().array::<u8>(5000).unwrap()[4999], 7);
    assert_eq!(called, 2);
}

#[test]
fn accounts_are_looked_up() {
    // S-1-5-18, as its bytes.
    let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    let found = System.lookup_account(r"NT AUTHORITY\SYSTEM").unwrap();
    assert_eq!(found, Sid(system.to_vec()));
    let user = std::env::var("USERNAME").unwrap();
    let found = System.lookup_account(&user).unwrap();
    assert_eq!(found.0.len(), 8 + 4 * usize::from(found.0[1]));
    // As one of this machine.
    assert_eq!(System.lookup_account(&format!(r".\{user}")), Ok(found));
    let nobody = System.lookup_account("stead-nobody");
    assert_eq!(nobody, Err(Win32Error(error::ERROR_NONE_MAPPED)));
}

#[test]
fn privileges_are_known_and_turned_on() {
    for name in ["SeShutdownPrivilege", "SeChangeNotifyPrivilege"] {
        System.lookup_privilege(name).unwrap();
        System.enable_privilege(name).unwrap();
    }
    let unknown = Err(Win32Error(error::ERROR_NO_SUCH_PRIVILEGE));
    assert_eq!(System.lookup_privilege("SeOrdersPrivilege"), unknown);
    assert_eq!(System.enable_privilege("SeOrdersPrivilege"), unknown);
}

/// Wine takes it and keeps nothing.
#[test]
fn the_policy_takes_the_logon_right() {
    let user = std::env::var("USERNAME").unwrap();
    let user = System.lookup_account(&user).unwrap();
    System.grant_right(&user, "SeServiceLogonRight").unwrap();
}
