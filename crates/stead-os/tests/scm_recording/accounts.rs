//! Accounts, their passwords and rights, privileges, and who may do what.

use stead_os::scm::manage::recording::Call;
use stead_os::scm::manage::{Account, Change, Control, Operation, Reason, Secret, ServiceConfig};

use crate::support::{command, orders, scm, soon, user};

#[test]
fn a_user_gets_the_right_to_log_on() {
    let scm = scm();
    scm.calls().add_account(r"SHOP\orders");
    let config = ServiceConfig {
        account: user("hunter2"),
        ..orders()
    };
    scm.install(&config).unwrap();
    let calls = scm.calls().taken();
    let look = Call::LookupAccount {
        name: r"SHOP\orders".to_owned(),
    };
    assert_eq!(calls[1], look);
    let Call::CreateService(created) = &calls[2] else {
        panic!("{calls:?}");
    };
    assert_eq!(created.password, Some(Secret::new("hunter2".to_owned())));
    assert_eq!(
        calls[3],
        Call::GrantRight {
            account: r"SHOP\orders".to_owned(),
            right: "SeServiceLogonRight".to_owned(),
        }
    );
    // Whoever shows the calls does not show the password.
    let shown = format!("{calls:?} {config:?}");
    assert!(
        !shown.contains("hunter2") && shown.contains("***"),
        "{shown}"
    );
    // Read back, there is none.
    let found = scm.config("orders").unwrap().config.account;
    assert_eq!(found, Account::named(r"SHOP\orders", None));
}

#[test]
fn managed_and_virtual_accounts_have_no_password() {
    for (account, name, granted) in [
        (
            Account::Managed(r"SHOP\gmsa$".to_owned()),
            r"SHOP\gmsa$",
            true,
        ),
        (
            Account::Virtual("orders".to_owned()),
            r"NT SERVICE\orders",
            false,
        ),
    ] {
        let scm = scm();
        scm.calls().add_account(r"SHOP\gmsa$");
        let config = ServiceConfig {
            account,
            ..orders()
        };
        scm.install(&config).unwrap();
        let calls = scm.calls().taken();
        let created = calls.iter().find_map(|it| match it {
            Call::CreateService(created) => Some(created),
            _ => None,
        });
        let created = created.unwrap();
        assert_eq!(created.account.as_deref(), Some(name));
        // NULL, and not an empty one.
        assert_eq!(created.password, None);
        assert_eq!(!scm.calls().rights().is_empty(), granted);
    }
}

#[test]
fn what_does_not_exist_is_found_before_anything_is_changed() {
    let nobody = ServiceConfig {
        account: user("x"),
        ..orders()
    };
    let unknown = ServiceConfig {
        privileges: Some(vec![
            "SeBackupPrivilege".to_owned(),
            "SeOrdersPrivilege".to_owned(),
        ]),
        ..orders()
    };
    let no_account = Reason::NoSuchAccount(r"SHOP\orders".to_owned());
    let no_privilege = Reason::UnknownPrivilege("SeOrdersPrivilege".to_owned());
    for (config, reason) in [(nobody, no_account), (unknown, no_privilege)] {
        let scm = scm();
        let error = scm.install(&config).unwrap_err();
        assert_eq!(
            (error.operation, &error.reason),
            (Operation::Install, &reason)
        );
        let created = |it: &Call| matches!(it, Call::CreateService(_));
        assert!(!scm.calls().taken().iter().any(created));

        // Likewise when it is there and is to be changed.
        scm.install(&orders()).unwrap();
        scm.calls().taken();
        let change = Change {
            account: Some(config.account.clone()),
            privileges: config.privileges.clone(),
            description: Some("New".to_owned()),
            ..Change::default()
        };
        let error = scm.change("orders", &change).unwrap_err();
        assert_eq!(
            (error.operation, &error.reason),
            (Operation::Change, &reason)
        );
        let changes =
            |it: &Call| matches!(it, Call::ChangeConfig { .. } | Call::ChangeConfig2 { .. });
        assert!(!scm.calls().made().iter().any(changes));
    }
}

#[test]
fn who_is_not_elevated_is_told_so() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.calls().not_elevated();
    for error in [
        scm.install(&ServiceConfig::new("other", command()))
            .unwrap_err(),
        scm.change("orders", &Change::default()).unwrap_err(),
        scm.start("orders", &[]).unwrap_err(),
        scm.control("orders", Control::Pause).unwrap_err(),
        scm.delete("orders").unwrap_err(),
    ] {
        assert_eq!(error.reason, Reason::Denied, "{error}");
    }
    // Everybody may look.
    scm.status("orders").unwrap();
    scm.config("orders").unwrap();
    assert_eq!(scm.list().unwrap().len(), 1);
    scm.dependents("orders").unwrap();
    scm.wait("orders", |_| true, soon(), |_| {}).unwrap();
}
