//! Being a service of Windows: what the service control manager sees of it.
#![cfg(windows)]

mod windows;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use stead_os::control::CAPACITY;
use windows::scm::{Installed, Manager};
use windows::{Watched, example};
use windows_sys::Win32::Foundation::{
    ERROR_CALL_NOT_IMPLEMENTED, ERROR_FILE_NOT_FOUND, ERROR_INVALID_PARAMETER,
    ERROR_INVALID_SERVICE_CONTROL, ERROR_SERVICE_CANNOT_ACCEPT_CTRL, ERROR_SERVICE_NOT_ACTIVE,
    ERROR_SERVICE_SPECIFIC_ERROR,
};
use windows_sys::Win32::System::Services::{
    SERVICE_ACCEPT_PAUSE_CONTINUE, SERVICE_ACCEPT_PRESHUTDOWN, SERVICE_ACCEPT_STOP,
    SERVICE_CONTROL_CONTINUE, SERVICE_CONTROL_INTERROGATE, SERVICE_CONTROL_PARAMCHANGE,
    SERVICE_CONTROL_PAUSE, SERVICE_CONTROL_PRESHUTDOWN, SERVICE_CONTROL_STOP, SERVICE_PAUSED,
    SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STOP_PENDING, SERVICE_STOPPED,
};

fn install<'a>(manager: &'a Manager, name: &str, role: &str) -> Installed<'a> {
    manager.install(name, &example("windows_service"), role)
}

#[test]
fn a_service_is_started_with_arguments_and_stopped() {
    let manager = Manager::alone();
    let service = install(&manager, "life", "plain");
    service.start(&["--port", "70 01", "ä"]);
    let status = service.until(SERVICE_RUNNING);
    let accepted = status.dwControlsAccepted;
    assert_ne!(accepted & SERVICE_ACCEPT_STOP, 0);
    assert_ne!(accepted & SERVICE_ACCEPT_PAUSE_CONTINUE, 0);
    assert_ne!(accepted & SERVICE_ACCEPT_PRESHUTDOWN, 0);
    assert_eq!((status.dwCheckPoint, status.dwWaitHint), (0, 0));
    let process = Watched::open(status.dwProcessId);
    let line = &service.until_told(1)[0];
    assert!(line.ends_with(r#"["--port", "70 01", "ä"]"#), "{line}");

    service.control(SERVICE_CONTROL_STOP).unwrap();
    let status = service.until(SERVICE_STOPPED);
    assert_eq!((status.dwWin32ExitCode, status.dwControlsAccepted), (0, 0));
    assert_eq!(service.told()[1..], ["Stop"]);
    process.ended(windows::DEADLINE);
}

#[test]
fn checkpoints_rise_while_it_starts() {
    let manager = Manager::alone();
    let service = install(&manager, "slow", "slow");
    service.start(&[]);
    let mut seen = BTreeSet::new();
    while seen.len() < 5 {
        let status = service.until_status("checkpoint", |status| {
            status.dwCheckPoint > seen.last().copied().unwrap_or(0)
        });
        assert_eq!(status.dwCurrentState, SERVICE_START_PENDING);
        assert_eq!(status.dwControlsAccepted, 0);
        assert_eq!(status.dwWaitHint, 20_000);
        seen.insert(status.dwCheckPoint);
    }
    // A stop during the start is refused by the manager, and works right after it.
    let refused = service.control(SERVICE_CONTROL_STOP).err().unwrap();
    assert!(
        [
            ERROR_SERVICE_CANNOT_ACCEPT_CTRL,
            ERROR_INVALID_SERVICE_CONTROL
        ]
        .contains(&refused),
        "{refused}"
    );
    service.go();
    service.until(SERVICE_RUNNING);
    service.control(SERVICE_CONTROL_STOP).unwrap();
    service.until(SERVICE_STOPPED);
}

#[test]
fn controls_reach_the_service_in_order() {
    let manager = Manager::alone();
    let service = install(&manager, "controls", "plain");
    service.start(&[]);
    service.until(SERVICE_RUNNING);
    service.control(SERVICE_CONTROL_PAUSE).unwrap();
    service.until(SERVICE_PAUSED);
    service.control(SERVICE_CONTROL_CONTINUE).unwrap();
    service.until(SERVICE_RUNNING);
    for code in [128, 200, 255, SERVICE_CONTROL_PARAMCHANGE] {
        service.control(code).unwrap();
    }
    service.control(SERVICE_CONTROL_INTERROGATE).unwrap();
    let told = service.until_told(7);
    assert_eq!(
        told[1..],
        [
            "Pause",
            "Continue",
            "Custom(CustomCode(128))",
            "Custom(CustomCode(200))",
            "Custom(CustomCode(255))",
            "Reload"
        ]
    );
}

#[test]
fn what_a_service_has_no_use_for_does_not_reach_it() {
    let manager = Manager::alone();
    let service = install(&manager, "deaf", "stop-only");
    service.start(&[]);
    service.until(SERVICE_RUNNING);
    for code in [SERVICE_CONTROL_PAUSE, SERVICE_CONTROL_PARAMCHANGE, 200] {
        match service.control(code).err() {
            Some(ERROR_CALL_NOT_IMPLEMENTED | ERROR_INVALID_SERVICE_CONTROL) => {}
            // Wine asks the handler and does not pass its answer on.
            None if windows::under_wine() && code == 200 => {}
            other => panic!("{code}: {other:?}"),
        }
    }
    service.control(SERVICE_CONTROL_STOP).unwrap();
    service.until(SERVICE_STOPPED);
    assert_eq!(service.told()[1..], ["Stop"]);
}

/// Questions before, during and after the stop. In a pending state Wine's manager refuses them,
/// where Windows' asks on.
#[test]
fn a_storm_of_questions_while_it_stops() {
    let manager = Manager::alone();
    let service = install(&manager, "storm", "slow-stop");
    service.start(&[]);
    service.until(SERVICE_RUNNING);
    for _ in 0..200 {
        service.control(SERVICE_CONTROL_INTERROGATE).unwrap();
    }
    service.control(SERVICE_CONTROL_STOP).unwrap();
    let mut asked = 0;
    while service.status().dwCurrentState != SERVICE_STOPPED {
        match service.control(SERVICE_CONTROL_INTERROGATE) {
            Ok(_) | Err(ERROR_SERVICE_CANNOT_ACCEPT_CTRL | ERROR_SERVICE_NOT_ACTIVE) => {}
            Err(error) => panic!("after {asked} questions: {error}"),
        }
        asked += 1;
        if asked == 200 {
            service.go();
        }
    }
    assert_eq!(service.status().dwWin32ExitCode, 0);
    assert_eq!(service.told()[1..], ["Stop"]);
}

#[test]
fn checkpoints_rise_while_it_stops() {
    let manager = Manager::alone();
    let service = install(&manager, "slow-stop", "slow-stop");
    service.start(&[]);
    service.until(SERVICE_RUNNING);
    service.control(SERVICE_CONTROL_STOP).unwrap();
    let first = service.until(SERVICE_STOP_PENDING);
    assert_eq!((first.dwControlsAccepted, first.dwWaitHint), (0, 20_000));
    service.until_status("rising checkpoint", |status| {
        status.dwCheckPoint > first.dwCheckPoint + 3
    });
    service.go();
    assert_eq!(service.until(SERVICE_STOPPED).dwWin32ExitCode, 0);
}

#[test]
fn the_handler_answers_while_the_service_is_busy() {
    let manager = Manager::alone();
    let service = install(&manager, "busy", "busy");
    service.start(&[]);
    service.until(SERVICE_RUNNING);
    let began = Instant::now();
    for number in 0..CAPACITY + 5 {
        match service.control(200).err() {
            None if number < CAPACITY => {}
            // Wine does not pass the handler's answer on.
            None if windows::under_wine() => {}
            Some(ERROR_SERVICE_CANNOT_ACCEPT_CTRL) if number >= CAPACITY => {}
            other => panic!("number {number}: {other:?}"),
        }
    }
    // The queue is full, and the stop gets in all the same.
    service.control(SERVICE_CONTROL_STOP).unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    service.go();
    service.until(SERVICE_STOPPED);
    let told = service.told();
    assert_eq!(told.len(), 1 + CAPACITY + 1, "{told:?}");
    assert_eq!(told.last().unwrap(), "Stop");
}

#[test]
fn failures_are_told_by_their_codes() {
    let manager = Manager::alone();
    for (role, windows, specific) in [
        ("fail", ERROR_SERVICE_SPECIFIC_ERROR, 78),
        ("windows", ERROR_FILE_NOT_FOUND, 0),
        ("panic", ERROR_SERVICE_SPECIFIC_ERROR, 101),
    ] {
        let service = install(&manager, role, role);
        service.start(&[]);
        service.until(SERVICE_RUNNING);
        service.go();
        let status = service.until(SERVICE_STOPPED);
        assert_eq!(
            (status.dwWin32ExitCode, status.dwServiceSpecificExitCode),
            (windows, specific),
            "{role}"
        );
    }
}

/// Only the system may, when the machine goes down.
#[test]
fn nobody_sends_a_preshutdown_by_hand() {
    let manager = Manager::alone();
    let service = install(&manager, "preshutdown", "plain");
    service.start(&[]);
    service.until(SERVICE_RUNNING);
    let refused = service.control(SERVICE_CONTROL_PRESHUTDOWN).err();
    assert_eq!(refused, Some(ERROR_INVALID_PARAMETER));
    service.control(SERVICE_CONTROL_STOP).unwrap();
    service.until(SERVICE_STOPPED);
    assert_eq!(service.told()[1..], ["Stop"]);
}

#[test]
fn it_comes_back_after_a_stop_and_two_run_side_by_side() {
    let manager = Manager::alone();
    let (one, two) = (
        install(&manager, "one", "plain"),
        install(&manager, "two", "plain"),
    );
    for _ in 0..2 {
        one.start(&[]);
        two.start(&[]);
        one.until(SERVICE_RUNNING);
        two.until(SERVICE_RUNNING);
        one.control(SERVICE_CONTROL_STOP).unwrap();
        one.until(SERVICE_STOPPED);
        assert_eq!(two.status().dwCurrentState, SERVICE_RUNNING);
        two.control(SERVICE_CONTROL_STOP).unwrap();
        two.until(SERVICE_STOPPED);
    }
}

#[test]
fn started_by_hand_it_says_so() {
    let _manager = Manager::alone();
    let folder = tempfile::TempDir::new().unwrap();
    let output = std::process::Command::new(example("windows_service"))
        .arg(folder.path())
        .arg("plain")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.trim(), "by hand");
}
