//! The event log on Windows: texts, registration, and that writing takes nothing down.
#![cfg(windows)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use stead_os::eventlog::{
    self, Call, EVENTS, EventLog, FAILED, GAVE_UP, Registered, RegistrationError, Unregistered,
};

/// A source nobody else has.
fn source(of: &str) -> String {
    format!("stead-test-{of}-{}", std::process::id())
}

#[test]
fn this_executable_has_the_texts() {
    let call = Call::new(FAILED, &["orders", "exit code 3"], &[("pid", "7".into())]);
    assert_eq!(
        eventlog::message(&call).unwrap(),
        "Service orders failed: exit code 3.\r\n\r\npid: 7\r\n"
    );
    let call = Call::new(GAVE_UP, &["orders", "5", "5m"], &[]);
    assert_eq!(
        eventlog::message(&call).unwrap(),
        "Service orders failed 5 times within 5m and stays down until it is started by hand.\r\n"
    );
}

#[test]
fn every_event_has_a_text() {
    for event in EVENTS {
        let names: Vec<_> = event
            .inserts
            .iter()
            .map(|name| format!("<{name}>"))
            .collect();
        let inserts: Vec<_> = names.iter().map(String::as_str).collect();
        let call = Call::new(*event, &inserts, &[("more", "<rest>".into())]);
        let text = eventlog::message(&call).unwrap_or_else(|error| panic!("{}: {error}", event.id));
        for name in &names {
            assert!(text.contains(name.as_str()), "{}: {text}", event.id);
        }
        assert!(text.ends_with("more: <rest>\r\n"), "{}: {text}", event.id);
    }
    let nothing = Call {
        id: 0x4000_7fff,
        ..Call::new(FAILED, &[], &[])
    };
    eventlog::message(&nothing).unwrap_err();
}

#[test]
fn a_source_is_registered_changed_and_removed() {
    let source = source("registered");
    let (first, second) = (Path::new(r"C:\a b\one.exe"), Path::new(r"C:\%x%\two.exe"));
    assert_eq!(eventlog::is_registered(&source).unwrap(), None);
    assert_eq!(eventlog::unregister(&source).unwrap(), Unregistered::Absent);
    assert_eq!(
        eventlog::register(&source, first).unwrap(),
        Registered::Created
    );
    assert_eq!(
        eventlog::register(&source, first).unwrap(),
        Registered::Unchanged
    );
    assert_eq!(
        eventlog::register(&source, second).unwrap(),
        Registered::Changed
    );
    assert_eq!(
        eventlog::is_registered(&source).unwrap(),
        Some(PathBuf::from(second))
    );
    assert_eq!(
        eventlog::unregister(&source).unwrap(),
        Unregistered::Removed
    );
    assert_eq!(eventlog::is_registered(&source).unwrap(), None);
}

/// As a reader of the registry would see it: by the system's own `reg`.
#[test]
fn the_key_is_what_the_viewer_wants() {
    let source = source("key");
    eventlog::register(&source, Path::new(r"C:\one.exe")).unwrap();
    let shown = reg(&["query", &key(&source)]);
    let lines: Vec<Vec<_>> = shown
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for wanted in [
        ["EventMessageFile", "REG_EXPAND_SZ", r"C:\one.exe"],
        ["TypesSupported", "REG_DWORD", "0x7"],
    ] {
        assert!(lines.iter().any(|line| *line == wanted), "{shown}");
    }
    eventlog::unregister(&source).unwrap();
}

#[test]
fn another_program_s_source_is_left_alone() {
    let source = source("other");
    let file = r"C:\Other\other.dll";
    reg(&[
        "add",
        &key(&source),
        "/v",
        "EventMessageFile",
        "/d",
        file,
        "/f",
    ]);
    match eventlog::register(&source, Path::new(r"C:\one.exe")) {
        Err(RegistrationError::Taken { name, file: found }) => {
            assert_eq!(name, source);
            assert_eq!(found, Path::new(file));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        eventlog::unregister(&source).unwrap(),
        Unregistered::NotOurs
    );
    assert_eq!(
        eventlog::is_registered(&source).unwrap(),
        Some(PathBuf::from(file))
    );
    reg(&["delete", &key(&source), "/f"]);
}

#[test]
fn names_that_are_none() {
    for name in ["", r"a\b", "a\0b"] {
        assert!(matches!(
            eventlog::register(name, Path::new("x.exe")),
            Err(RegistrationError::Name(_))
        ));
        EventLog::open(name).unwrap_err();
    }
}

#[test]
fn the_system_takes_events() {
    // Registered or not: Windows takes events of unknown sources too.
    let log = EventLog::open(&source("written")).unwrap();
    let long = "x".repeat(100_000);
    for text in ["exit code 3", "", "50 %1 %%2", &long] {
        log.report(FAILED, &["orders", text], &[]);
        assert!(log.flush(Duration::from_secs(30)));
        assert_eq!(log.lost(), 0);
    }
}

fn key(source: &str) -> String {
    format!(r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\{source}")
}

fn reg(arguments: &[&str]) -> String {
    let output = std::process::Command::new("reg")
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "reg {arguments:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
