//! Services under a real service control manager: from install to delete.
#![cfg(windows)]

mod scm;

use std::time::Duration;

use scm::{Fixture, program, soon};
use stead_model::lifecycle::State;
use stead_model::lifecycle::native::{SCM_NEVER_STARTED, SCM_SERVICE_SPECIFIC_ERROR, ScmState};
use stead_os::scm::manage::{
    Accepted, Account, Change, Control, CustomCode, Deleted, ErrorControl, Operation, Reason,
    ServiceConfig, Setting, SidType, StartType,
};

#[test]
fn what_is_installed_reads_back() {
    let fixture = Fixture::new("read-back");
    let config = ServiceConfig {
        display_name: format!("{} as shown", fixture.name),
        description: "Takes orders, 日本".to_owned(),
        start: StartType::Manual,
        error_control: ErrorControl::Ignore,
        preshutdown_timeout: Some(Duration::from_mins(3)),
        ..fixture.config(&["", r"a b\", r#"say "hi""#, r"C:\x\\"])
    };
    fixture.scm.install(&config).unwrap();
    let found = fixture.scm.config(&fixture.name).unwrap();
    assert_eq!(found.service_type, 0x10);
    assert!(found.image_path.starts_with('"'), "{}", found.image_path);
    // What this system does not tell is not made up.
    let told = ServiceConfig {
        recovery: found.config.recovery.clone(),
        on_error_exit: found.config.on_error_exit,
        sid: found.config.sid,
        privileges: found.config.privileges.clone(),
        triggers: found.config.triggers.clone(),
        ..config
    };
    assert_eq!(found.config, told);
    let status = fixture.status();
    assert_eq!(status.state, ScmState::Stopped);
    assert_eq!(status.win32_exit, SCM_NEVER_STARTED);
    assert_eq!(status.lifecycle(), State::Init);
    assert_eq!(status.pid, None);
}

#[test]
fn a_change_keeps_what_it_does_not_name() {
    let fixture = Fixture::new("change");
    let before = ServiceConfig {
        display_name: format!("{} before", fixture.name),
        description: "Before".to_owned(),
        ..fixture.config(&["--pause"])
    };
    fixture.scm.install(&before).unwrap();
    let change = Change {
        description: Some("After".to_owned()),
        ..Change::default()
    };
    fixture.scm.change(&fixture.name, &change).unwrap();
    let found = fixture.scm.config(&fixture.name).unwrap().config;
    assert_eq!(found.description, "After");
    assert_eq!(found.display_name, before.display_name);
    assert_eq!(found.command, before.command);
    let change = Change {
        start: Some(StartType::Automatic),
        command: Some(vec![program(), "a b".to_owned()]),
        ..Change::default()
    };
    fixture.scm.change(&fixture.name, &change).unwrap();
    let found = fixture.scm.config(&fixture.name).unwrap().config;
    assert_eq!(found.start, StartType::Automatic);
    assert_eq!(found.command, [&program(), "a b"]);
    assert_eq!(found.description, "After");
    assert_eq!(found.account, Account::LocalSystem);
}

#[test]
fn it_starts_with_arguments_and_stops() {
    let fixture = Fixture::installed("arguments", &[]);
    // Wine ends the list at an empty argument.
    fixture.start(&["--port", "7001", "a \"b\" c\\"]);
    let status = fixture.reaches(ScmState::Running);
    assert!(status.pid.is_some());
    assert_eq!(status.accepted, Accepted::STOP | Accepted::SHUTDOWN);
    let name = format!("argument {}", fixture.name);
    assert_eq!(
        fixture.log(),
        [
            &name,
            "argument --port",
            "argument 7001",
            "argument a \"b\" c\\",
            "running"
        ]
    );
    let listed = fixture.scm.list().unwrap();
    let listed = listed.iter().find(|it| it.name == fixture.name).unwrap();
    assert_eq!(listed.status.state, ScmState::Running);
    assert_eq!(listed.status.pid, status.pid);
    let stopped = fixture.stop().unwrap();
    assert_eq!((stopped.state, stopped.win32_exit), (ScmState::Stopped, 0));
    assert_eq!(stopped.lifecycle(), State::Terminated);
    assert!(fixture.logged("control 1"));
}

#[test]
fn it_pauses_and_goes_on() {
    let fixture = Fixture::running("pause", &["--pause"]);
    fixture.scm.control(&fixture.name, Control::Pause).unwrap();
    let paused = fixture.reaches(ScmState::Paused);
    assert!(paused.accepted.contains(Accepted::PAUSE_CONTINUE));
    fixture
        .scm
        .control(&fixture.name, Control::Continue)
        .unwrap();
    fixture.reaches(ScmState::Running);
    // A paused service stops as well.
    fixture.scm.control(&fixture.name, Control::Pause).unwrap();
    fixture.stop().unwrap();
}

#[test]
fn codes_of_its_own_and_interrogate_reach_it() {
    let fixture = Fixture::running("codes", &["--parameters"]);
    for code in [128, 200, 255] {
        let control = Control::Custom(CustomCode::new(code).unwrap());
        fixture.scm.control(&fixture.name, control).unwrap();
        assert!(fixture.logged(&format!("control {code}")), "{code}");
    }
    for _ in 0..20 {
        fixture
            .scm
            .control(&fixture.name, Control::Interrogate)
            .unwrap();
    }
    fixture
        .scm
        .control(&fixture.name, Control::ParamChange)
        .unwrap();
    assert!(fixture.logged("control 6"));
    assert_eq!(fixture.status().state, ScmState::Running);
}

#[test]
fn a_control_that_is_not_accepted_is_refused() {
    let fixture = Fixture::running("refused", &[]);
    let error = fixture
        .scm
        .control(&fixture.name, Control::Pause)
        .unwrap_err();
    assert_eq!(error.reason, Reason::ControlRefused);
    assert_eq!(error.to_string(), format!("cannot pause {}", fixture.name));
    assert_eq!(fixture.status().state, ScmState::Running);
    fixture.stop().unwrap();
    let error = fixture
        .scm
        .control(&fixture.name, Control::Interrogate)
        .unwrap_err();
    assert_eq!(error.reason, Reason::NotRunning);
    assert_eq!(fixture.stop().unwrap_err().reason, Reason::NotRunning);
}

#[test]
fn exit_codes_of_its_own_are_told() {
    let fixture = Fixture::running("exit-own", &["--exit-own", "42"]);
    let stopped = fixture.stop().unwrap();
    assert_eq!(stopped.win32_exit, SCM_SERVICE_SPECIFIC_ERROR);
    assert_eq!(stopped.specific_exit, 42);
    assert_eq!(stopped.lifecycle(), State::Error);
}

#[test]
fn a_failed_start_tells_its_code() {
    for (option, win32, own) in [("--fail", 1450, 0), ("--fail-own", 1066, 1450)] {
        // Of a process that is gone before Wine has seen it start, it says no more than that.
        let options = [option, "1450", "--checkpoints", "2", "--step", "200"];
        let fixture = Fixture::installed(&option[2..], &options);
        fixture.start(&[]);
        let stopped = fixture.reaches(ScmState::Stopped);
        assert_eq!((stopped.win32_exit, stopped.specific_exit), (win32, own));
        assert_eq!(stopped.lifecycle(), State::Error);
    }
}

#[test]
fn a_name_is_taken_once() {
    let fixture = Fixture::installed("taken", &[]);
    let error = fixture.scm.install(&fixture.config(&[])).unwrap_err();
    assert_eq!(error.reason, Reason::NameTaken);
    assert_eq!(error.operation, Operation::Install);
    // Case does not make another name of it.
    let upper = ServiceConfig {
        name: fixture.name.to_uppercase(),
        ..fixture.config(&[])
    };
    assert_eq!(
        fixture.scm.install(&upper).unwrap_err().reason,
        Reason::NameTaken
    );
}

#[test]
fn what_is_not_installed_is_said_to_be_not() {
    let fixture = Fixture::new("nowhere");
    let name = &fixture.name;
    let errors = [
        fixture.scm.status(name).unwrap_err(),
        fixture.scm.config(name).unwrap_err(),
        fixture.try_start(&[]).unwrap_err(),
        fixture.scm.control(name, Control::Pause).unwrap_err(),
        fixture.stop().unwrap_err(),
        fixture.scm.delete(name).unwrap_err(),
        fixture.scm.change(name, &Change::default()).unwrap_err(),
        fixture.scm.dependents(name).unwrap_err(),
        fixture
            .scm
            .wait(name, |_| true, soon(), |_| {})
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.reason, Reason::NotInstalled, "{error}");
        assert_eq!(error.service, *name);
    }
}

#[test]
fn a_disabled_service_is_not_started() {
    let fixture = Fixture::new("disabled");
    let config = ServiceConfig {
        start: StartType::Disabled,
        ..fixture.config(&[])
    };
    fixture.scm.install(&config).unwrap();
    let error = fixture.try_start(&[]).unwrap_err();
    assert_eq!(error.reason, Reason::Disabled);
}

#[test]
fn a_running_service_is_not_started_again() {
    let fixture = Fixture::running("again", &[]);
    let error = fixture.try_start(&[]).unwrap_err();
    assert_eq!(error.reason, Reason::AlreadyRunning);
}

#[test]
fn a_program_that_is_no_service_does_not_answer() {
    let fixture = Fixture::installed("deaf", &["--deaf"]);
    let error = fixture.try_start(&[]).unwrap_err();
    assert_eq!(error.reason, Reason::NoAnswer);
    assert_eq!(fixture.status().state, ScmState::Stopped);
}

#[test]
fn a_program_that_is_not_there_is_missed() {
    let fixture = Fixture::new("missing");
    let config = ServiceConfig::new(&fixture.name, vec![r"C:\no such\x.exe".to_owned()]);
    fixture.scm.install(&config).unwrap();
    let error = fixture.try_start(&[]).unwrap_err();
    assert_eq!(error.reason, Reason::ProgramMissing);
}

#[test]
fn it_is_deleted_at_once_or_when_it_has_stopped() {
    let fixture = Fixture::installed("delete", &[]);
    assert_eq!(fixture.scm.delete(&fixture.name).unwrap(), Deleted::Gone);
    let error = fixture.scm.status(&fixture.name).unwrap_err();
    assert_eq!(error.reason, Reason::NotInstalled);

    let fixture = Fixture::running("delete-running", &[]);
    let gone = fixture
        .scm
        .stop_and_delete(&fixture.name, soon(), |_, _| {})
        .unwrap();
    assert_eq!(gone, Deleted::Gone);
    assert!(fixture.logged("stopped"));
}

#[test]
fn two_services_run_one_after_the_other_and_side_by_side() {
    let first = Fixture::running("first", &[]);
    first.stop().unwrap();
    first.start(&[]);
    first.reaches(ScmState::Running);
    let second = Fixture::running("second", &[]);
    assert_ne!(first.status().pid, second.status().pid);
    first.stop().unwrap();
    assert_eq!(second.status().state, ScmState::Running);
    second.stop().unwrap();
}

#[test]
fn what_the_system_does_not_support_leaves_nothing_installed() {
    let fixture = Fixture::new("all-or-nothing");
    let config = ServiceConfig {
        description: "Set before the step that fails".to_owned(),
        sid: Some(SidType::Unrestricted),
        ..fixture.config(&[])
    };
    // Wine has no identifiers of services; where they are, all of it is there.
    match fixture.scm.install(&config) {
        Err(error) => {
            assert_eq!(error.reason, Reason::Unsupported);
            assert_eq!(error.operation, Operation::Set(Setting::Sid));
            let error = fixture.scm.status(&fixture.name).unwrap_err();
            assert_eq!(error.reason, Reason::NotInstalled);
        }
        Ok(()) => {
            let found = fixture.scm.config(&fixture.name).unwrap().config;
            assert_eq!(found.sid, Some(SidType::Unrestricted));
        }
    }
}

#[test]
fn accounts_and_privileges_are_looked_up_first() {
    let fixture = Fixture::new("look-up");
    let config = ServiceConfig {
        privileges: Some(vec!["SeNoSuchPrivilege".to_owned()]),
        ..fixture.config(&[])
    };
    let error = fixture.scm.install(&config).unwrap_err();
    assert_eq!(
        error.reason,
        Reason::UnknownPrivilege("SeNoSuchPrivilege".to_owned())
    );
    let nobody = r".\stead-nobody";
    let config = ServiceConfig {
        account: Account::named(
            nobody,
            Some(stead_os::scm::manage::Secret::new("x".to_owned())),
        ),
        ..fixture.config(&[])
    };
    let error = fixture.scm.install(&config).unwrap_err();
    assert_eq!(error.reason, Reason::NoSuchAccount(nobody.to_owned()));
    let error = fixture.scm.status(&fixture.name).unwrap_err();
    assert_eq!(error.reason, Reason::NotInstalled);
}

#[test]
fn names_and_commands_that_cannot_be_are_refused() {
    let fixture = Fixture::new("bad");
    for name in ["", "a/b", r"a\b", &"x".repeat(257), "a\0b"] {
        let config = ServiceConfig::new(name, vec![program()]);
        let error = fixture.scm.install(&config).unwrap_err();
        assert!(matches!(error.reason, Reason::Invalid(_)), "{name:?}");
    }
    for command in [vec![], vec!["a\"b".to_owned()]] {
        let config = ServiceConfig::new(&fixture.name, command);
        let error = fixture.scm.install(&config).unwrap_err();
        assert!(matches!(error.reason, Reason::Command(_)), "{error:?}");
    }
}
