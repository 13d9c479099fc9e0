//! What a change gives to the manager, and what it leaves alone.

use std::time::Duration;

use stead_os::scm::manage::numbers::access;
use stead_os::scm::manage::recording::Call;
use stead_os::scm::manage::{
    Account, Change, ConfigChange, Dependency, ErrorControl, FailureActions, Info, Level,
    Operation, Reason, Recovery, RecoveryKind, Secret, ServiceConfig, Setting, SidType, StartType,
    Trigger,
};

use crate::support::{action, infos, orders, scm, sets, user};

#[test]
fn a_change_names_what_it_changes_and_nothing_else() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.calls().taken();
    let keep = ConfigChange {
        service_type: u32::MAX,
        start_type: u32::MAX,
        error_control: u32::MAX,
        image_path: None,
        dependencies: None,
        account: None,
        password: None,
        display_name: None,
    };
    let changed = |change: &Change| {
        scm.change("orders", change).unwrap();
        let calls = scm.calls().taken();
        let found = calls.iter().find_map(|it| match it {
            Call::ChangeConfig { change, .. } => Some(change.clone()),
            _ => None,
        });
        (found, infos(&calls))
    };
    let change = Change {
        start: Some(StartType::Manual),
        ..Change::default()
    };
    let start_type = ConfigChange {
        start_type: 3,
        ..keep.clone()
    };
    assert_eq!(changed(&change), (Some(start_type), vec![]));

    let change = Change {
        command: Some(vec![r"C:\a b\x.exe".to_owned()]),
        dependencies: Some(vec![]),
        ..Change::default()
    };
    let two = ConfigChange {
        image_path: Some(r#""C:\a b\x.exe""#.to_owned()),
        dependencies: Some(vec![]),
        ..keep.clone()
    };
    assert_eq!(changed(&change), (Some(two), vec![]));

    // To go back to a built-in account takes an empty password, not NULL.
    let change = Change {
        account: Some(Account::NetworkService),
        ..Change::default()
    };
    let account = ConfigChange {
        account: Some(r"NT AUTHORITY\NetworkService".to_owned()),
        password: Some(Secret::new(String::new())),
        ..keep
    };
    assert_eq!(changed(&change), (Some(account), vec![]));

    // What is not in the one structure leaves that one alone; empty takes away.
    let change = Change {
        description: Some(String::new()),
        recovery: Some(Recovery::default()),
        privileges: Some(vec![]),
        triggers: Some(vec![]),
        sid: Some(SidType::None),
        on_error_exit: Some(false),
        ..Change::default()
    };
    let away = vec![
        Info::Description(String::new()),
        Info::Sid(0),
        Info::RequiredPrivileges(vec![]),
        Info::FailureActions(FailureActions {
            reset_period: u32::MAX,
            reboot_message: Some(String::new()),
            command: Some(String::new()),
            actions: vec![],
        }),
        Info::FailureActionsFlag(false),
        // There are no triggers that could be taken away.
    ];
    assert_eq!(changed(&change), (None, away));
    let triggers = |triggers: &[Trigger]| {
        changed(&Change {
            triggers: Some(triggers.to_vec()),
            ..Change::default()
        })
    };
    let some = [Trigger::network_up()];
    assert_eq!(triggers(&some).1, [Info::Triggers(some.to_vec())]);
    assert_eq!(triggers(&[]).1, [Info::Triggers(vec![])]);
    assert_eq!(triggers(&[]).1, []);
    let found = scm.config("orders").unwrap().config;
    assert_eq!(found.command, [r"C:\a b\x.exe"]);
    assert_eq!(found.account, Account::NetworkService);
    assert_eq!(found.start, StartType::Manual);
}

#[test]
fn a_delay_is_set_and_taken_back_when_it_changes() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    let to = |start| {
        scm.calls().taken();
        let change = Change {
            start: Some(start),
            ..Change::default()
        };
        scm.change("orders", &change).unwrap();
        infos(&scm.calls().taken())
    };
    assert_eq!(to(StartType::Automatic), []);
    assert_eq!(to(StartType::Delayed), [Info::DelayedAutoStart(true)]);
    assert_eq!(to(StartType::Delayed), []);
    assert_eq!(
        scm.config("orders").unwrap().config.start,
        StartType::Delayed
    );
    // A service that does not start by itself has no delay to change.
    assert_eq!(to(StartType::Manual), []);
    assert_eq!(to(StartType::Automatic), [Info::DelayedAutoStart(false)]);

    // Where there is no delay at all, an automatic start is none the less one.
    scm.calls().unsupported(&[Level::DelayedAutoStart]);
    assert_eq!(to(StartType::Automatic), []);
    let change = Change {
        start: Some(StartType::Delayed),
        ..Change::default()
    };
    let error = scm.change("orders", &change).unwrap_err();
    assert_eq!(error.reason, Reason::Unsupported);
    assert_eq!(error.operation, Operation::Set(Setting::DelayedStart));
}

#[test]
fn a_reboot_takes_a_privilege_and_a_restart_a_right() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.calls().taken();
    let change = Change {
        recovery: Some(Recovery {
            actions: vec![
                action(RecoveryKind::Restart, 1),
                action(RecoveryKind::Reboot, 60),
            ],
            reboot_message: Some("Back soon".to_owned()),
            ..Recovery::default()
        }),
        ..Change::default()
    };
    scm.change("orders", &change).unwrap();
    let calls = scm.calls().taken();
    let Call::OpenService { access, .. } = &calls[1] else {
        panic!("{calls:?}");
    };
    assert_ne!(access & access::SERVICE_START, 0);
    let enable = Call::EnablePrivilege {
        name: "SeShutdownPrivilege".to_owned(),
    };
    let at = |wanted: &dyn Fn(&Call) -> bool| calls.iter().position(wanted).unwrap();
    assert!(at(&|it| *it == enable) < at(&|it| sets(it, Level::FailureActions)));
}

#[test]
fn the_difference_is_what_has_to_change() {
    let scm = scm();
    scm.calls().add_account(r"SHOP\orders");
    let first = ServiceConfig {
        description: "Takes orders".to_owned(),
        account: user("hunter2"),
        sid: Some(SidType::Unrestricted),
        ..orders()
    };
    scm.install(&first).unwrap();
    let found = || scm.config("orders").unwrap().config;
    // Neither what was left to the manager nor the password, nor how an account is written.
    assert!(Change::between(&found(), &first).is_empty());
    let written = ServiceConfig {
        account: Account::named(r"shop\ORDERS", None),
        ..first.clone()
    };
    assert!(Change::between(&found(), &written).is_empty());

    let second = ServiceConfig {
        display_name: "Shop orders".to_owned(),
        description: String::new(),
        command: vec![r"C:\x.exe".to_owned()],
        start: StartType::Delayed,
        error_control: ErrorControl::Critical,
        account: Account::Virtual("orders".to_owned()),
        dependencies: vec![Dependency::Service("payments".to_owned())],
        sid: Some(SidType::None),
        privileges: Some(vec!["SeBackupPrivilege".to_owned()]),
        preshutdown_timeout: Some(Duration::from_secs(7)),
        recovery: Some(Recovery {
            actions: vec![action(RecoveryKind::Restart, 5)],
            ..Recovery::default()
        }),
        on_error_exit: Some(true),
        triggers: Some(vec![Trigger::network_down()]),
        ..first
    };
    let change = Change::between(&found(), &second);
    scm.change("orders", &change).unwrap();
    assert_eq!(found(), second);
    assert!(Change::between(&found(), &second).is_empty());
}
