//! What `CreateServiceW` and `ChangeServiceConfig2W` are given by an install.

use std::time::Duration;

use stead_os::scm::manage::numbers::access;
use stead_os::scm::manage::recording::Call;
use stead_os::scm::manage::{
    Account, Dependency, ErrorControl, FailureActions, Guid, Info, Level, NewService, Operation,
    Reason, Recovery, RecoveryKind, Secret, ServiceConfig, Setting, SidType, StartType, Trigger,
    TriggerAction, TriggerData, TriggerKind, guid,
};

use crate::support::{action, infos, orders, scm, sets, user};

#[test]
fn a_plain_install_is_one_call() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    let [Call::OpenManager { access }, Call::CreateService(created)] = &scm.calls().taken()[..]
    else {
        panic!("{:?}", scm.calls().made());
    };
    assert_eq!(*access, 0x3);
    assert_eq!(
        *created,
        NewService {
            name: "orders".to_owned(),
            display_name: "orders".to_owned(),
            access: access::SERVICE_CHANGE_CONFIG | access::DELETE,
            service_type: 0x10,
            start_type: 3,
            error_control: 1,
            image_path: r#""C:\Program Files\Shop\orders.exe" --port 7001 "a b\\""#.to_owned(),
            dependencies: vec![],
            account: Some("LocalSystem".to_owned()),
            password: Some(Secret::new(String::new())),
        }
    );
}

#[test]
fn everything_is_set_in_order() {
    let scm = scm();
    let recovery = Recovery {
        reset: Some(Duration::from_hours(24)),
        actions: vec![
            action(RecoveryKind::Restart, 1),
            action(RecoveryKind::Restart, 10),
            action(RecoveryKind::Run, 60),
        ],
        command: Some("notify.exe".to_owned()),
        reboot_message: None,
    };
    let triggers = vec![Trigger::network_up(), Trigger::port_opened(7001, "TCP")];
    let config = ServiceConfig {
        display_name: "Shop orders".to_owned(),
        description: "Takes orders".to_owned(),
        start: StartType::Delayed,
        error_control: ErrorControl::Severe,
        account: Account::LocalService,
        dependencies: vec![
            Dependency::Service("payments".to_owned()),
            Dependency::Group("NetworkProvider".to_owned()),
        ],
        sid: Some(SidType::Restricted),
        privileges: Some(vec!["SeChangeNotifyPrivilege".to_owned()]),
        preshutdown_timeout: Some(Duration::from_mins(3)),
        recovery: Some(recovery),
        on_error_exit: Some(true),
        triggers: Some(triggers.clone()),
        ..orders()
    };
    scm.install(&config).unwrap();
    let calls = scm.calls().taken();
    assert_eq!(
        calls[1],
        Call::LookupPrivilege {
            name: "SeChangeNotifyPrivilege".to_owned()
        }
    );
    let Call::CreateService(created) = &calls[2] else {
        panic!("{calls:?}");
    };
    assert_eq!((created.start_type, created.error_control), (2, 2));
    assert_eq!(created.dependencies, ["payments", "+NetworkProvider"]);
    let account = created.account.as_deref();
    assert_eq!(account, Some(r"NT AUTHORITY\LocalService"));
    assert!(created.password.as_ref().unwrap().is_empty());
    // Who may set restarts must be able to start.
    assert_ne!(created.access & access::SERVICE_START, 0);
    assert_eq!(
        infos(&calls),
        [
            Info::Description("Takes orders".to_owned()),
            Info::DelayedAutoStart(true),
            Info::FailureActions(FailureActions {
                reset_period: 86_400,
                reboot_message: None,
                command: Some("notify.exe".to_owned()),
                actions: vec![(1, 1000), (1, 10_000), (3, 60_000)],
            }),
            Info::FailureActionsFlag(true),
            Info::Sid(3),
            Info::RequiredPrivileges(vec!["SeChangeNotifyPrivilege".to_owned()]),
            Info::PreshutdownTimeout(180_000),
            Info::Triggers(triggers),
        ]
    );
    assert_eq!(calls.len(), 3 + 8);
    // Asked back, it is what was installed.
    assert_eq!(scm.config("orders").unwrap().config, config);
}

type IsIt = fn(&Call) -> bool;

#[test]
fn a_step_that_fails_leaves_nothing() {
    let settings = ServiceConfig {
        description: "Takes orders".to_owned(),
        start: StartType::Delayed,
        sid: Some(SidType::Unrestricted),
        on_error_exit: Some(true),
        triggers: Some(vec![Trigger::domain_joined()]),
        account: user("hunter2"),
        ..orders()
    };
    let steps: [(IsIt, Setting); 6] = [
        (|it| sets(it, Level::Description), Setting::Description),
        (
            |it| sets(it, Level::DelayedAutoStart),
            Setting::DelayedStart,
        ),
        (
            |it| sets(it, Level::FailureActionsFlag),
            Setting::OnErrorExit,
        ),
        (|it| sets(it, Level::Sid), Setting::Sid),
        (|it| sets(it, Level::Triggers), Setting::Triggers),
        (
            |it| matches!(it, Call::GrantRight { .. }),
            Setting::LogonRight,
        ),
    ];
    for (is_it, setting) in steps {
        let scm = scm();
        scm.calls().add_account(r"SHOP\orders");
        scm.calls().fail(5, is_it);
        let error = scm.install(&settings).unwrap_err();
        assert_eq!(error.operation, Operation::Set(setting));
        assert_eq!(error.reason, Reason::Denied);
        let deleted = Call::Delete {
            name: "orders".to_owned(),
        };
        assert_eq!(scm.calls().made().last(), Some(&deleted), "{setting}");
        assert!(!scm.calls().has("orders"), "{setting}");
        assert_eq!(scm.calls().rights(), []);
        // The name is free again.
        scm.install(&settings).unwrap();
    }
}

#[test]
fn what_makes_no_sense_reaches_nobody() {
    let bad = [
        ServiceConfig {
            name: "shop/orders".to_owned(),
            ..orders()
        },
        ServiceConfig {
            command: vec![],
            ..orders()
        },
        ServiceConfig {
            account: Account::named(r"SHOP\orders", None),
            ..orders()
        },
        ServiceConfig {
            dependencies: vec![Dependency::Service(String::new())],
            ..orders()
        },
        ServiceConfig {
            description: "a\0b".to_owned(),
            ..orders()
        },
        ServiceConfig {
            preshutdown_timeout: Some(Duration::MAX),
            ..orders()
        },
        ServiceConfig {
            recovery: Some(Recovery {
                actions: vec![action(RecoveryKind::Run, 1)],
                ..Recovery::default()
            }),
            ..orders()
        },
    ];
    for config in bad {
        let scm = scm();
        let error = scm.install(&config).unwrap_err();
        assert!(
            matches!(error.reason, Reason::Invalid(_) | Reason::Command(_)),
            "{error:?}"
        );
        assert_eq!(scm.calls().made(), []);
    }
}

#[test]
fn settings_that_are_not_told_are_not_made_up() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.calls().unsupported(&[
        Level::Sid,
        Level::Triggers,
        Level::RequiredPrivileges,
        Level::FailureActionsFlag,
    ]);
    let found = scm.config("orders").unwrap();
    assert_eq!(found.config.sid, None);
    assert_eq!(found.config.triggers, None);
    assert_eq!(found.config.privileges, None);
    assert_eq!(found.config.on_error_exit, None);
    assert_eq!(found.config.recovery, Some(Recovery::default()));
}

#[test]
fn triggers_of_all_kinds_are_kept() {
    let scm = scm();
    let triggers = vec![
        Trigger::named_pipe("orders"),
        Trigger::device(Guid(7)),
        Trigger::machine_policy(),
        Trigger {
            kind: TriggerKind::Event,
            action: TriggerAction::Stop,
            subtype: guid::USER_POLICY,
            data: vec![TriggerData::Level(2), TriggerData::AllKeywords(9)],
        },
    ];
    let config = ServiceConfig {
        triggers: Some(triggers.clone()),
        ..orders()
    };
    scm.install(&config).unwrap();
    let found = scm.config("orders").unwrap().config.triggers;
    assert_eq!(found, Some(triggers));
}
