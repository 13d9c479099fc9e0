//! Under systemd the log is the journal's, with its fields: judged by journalctl.
#![cfg(target_os = "linux")]

use serde_json::Value;
use stead_testkit::Machine;

const SPEAKS: &str = "/opt/speaks";

fn machine() -> Machine {
    Machine::with().example("speaks", SPEAKS).boot()
}

#[test]
fn events_become_entries_with_fields() {
    let machine = machine();
    machine.ok(&["systemd-run", "--wait", "--unit", "speaks", SPEAKS]);
    machine.ok(&["journalctl", "--sync"]);
    let lines = machine.ok(&[
        "journalctl",
        "--all",
        "--output",
        "json",
        "SYSLOG_IDENTIFIER=orders",
    ]);
    let entries: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 3, "{lines}");
    let slow = &entries[0];
    for (field, value) in [
        ("MESSAGE", "slow\nanswer"),
        ("PRIORITY", "4"),
        ("SYSLOG_IDENTIFIER", "orders"),
        ("TARGET", "speaks"),
        ("PORT", "7001"),
        ("EVENT_PRIORITY", "mine"),
        ("HTTP_STATUS", "503"),
        ("ERROR", "late"),
        ("ID", "7"),
        ("USER", "ada"),
        ("AMOUNT", "1.5"),
        // By the native protocol: lines of stderr have `stdout` here.
        ("_TRANSPORT", "journal"),
    ] {
        assert_eq!(slow[field], value, "{field}");
    }
    assert_eq!(slow["SPAN"], serde_json::json!(["request", "payment"]));
    assert!(slow["CODE_FILE"].as_str().unwrap().ends_with("speaks.rs"));
    assert!(slow["CODE_LINE"].as_str().unwrap().parse::<u32>().is_ok());
    assert_eq!(
        (&entries[1]["MESSAGE"], &entries[1]["PRIORITY"]),
        (&"broken".into(), &"3".into())
    );
    assert_eq!(
        entries[2]["MESSAGE"].as_str().unwrap().len(),
        "detail ".len() + 500_000
    );
    assert_eq!(entries[2]["PRIORITY"], "7");
}

#[test]
fn a_stderr_of_its_own_gets_the_lines() {
    let machine = machine();
    // stdout leads to the journal, so that JOURNAL_STREAM is set; stderr does not.
    machine.ok(&[
        "systemd-run",
        "--wait",
        "--unit",
        "speaks",
        "--property",
        "StandardError=file:/run/lines",
        SPEAKS,
    ]);
    let text = std::fs::read_to_string(machine.path("/run/lines")).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["message"], &line["service"]),
        (&"slow\nanswer".into(), &"orders".into())
    );
}
