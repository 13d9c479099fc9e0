//! What the tests have in common.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use stead_testkit::{DEADLINE, Stack, StackBuilder, eventually, processes};

/// A stack of the binary under test.
pub(crate) fn stack() -> StackBuilder {
    Stack::of(env!("CARGO_BIN_EXE_stead"))
}

/// The same with or without cgroups.
pub(crate) fn stack_with_cgroups(mode: &str) -> StackBuilder {
    stack().variable("STEAD_CGROUP", mode)
}

/// Waits until the service is RUNNING/ready, and gives its status.
#[track_caller]
pub(crate) fn ready(stack: &Stack, name: &str) -> Value {
    stack.eventually_status(name, "ready", |status| status["phase"] == "ready")
}

/// Waits until the service is in a state, and gives its status.
#[track_caller]
pub(crate) fn in_state(stack: &Stack, name: &str, state: &str) -> Value {
    stack.eventually_status(name, state, |status| status["state"] == state)
}

/// Waits until the service's verdict is `health`.
#[track_caller]
pub(crate) fn in_health(stack: &Stack, name: &str, health: &str) -> Value {
    stack.eventually_status(name, health, |status| status["health"] == health)
}

/// The main process of a status.
#[track_caller]
pub(crate) fn pid(status: &Value) -> u32 {
    status["pid"]
        .as_u64()
        .and_then(|pid| pid.try_into().ok())
        .unwrap_or_else(|| panic!("no pid: {status}"))
}

/// Waits until a service has another main process than `old`, which is up, and gives its status.
#[track_caller]
pub(crate) fn replaced(stack: &Stack, name: &str, old: u32) -> Value {
    stack.eventually_status(name, "has a new process", |status| {
        status["phase"] == "ready"
            && status["pid"]
                .as_u64()
                .is_some_and(|pid| pid != u64::from(old))
    })
}

/// The instances that `/v1/health/service/NAME?passing` finds.
pub(crate) fn passing(stack: &Stack, name: &str) -> Vec<Value> {
    let answer = stack.get(&format!("/v1/health/service/{name}?passing"));
    answer.json().as_array().cloned().expect("an array")
}

/// Waits until the number of passing instances is `count`.
#[track_caller]
pub(crate) fn until_passing(stack: &Stack, name: &str, count: usize) {
    eventually(DEADLINE, &format!("{count} of {name} passing"), || {
        passing(stack, name).len() == count
    });
}

/// The words that the registry has for a service's checks.
pub(crate) fn published(stack: &Stack, name: &str) -> Vec<String> {
    let checks = stack.get(&format!("/v1/health/checks/{name}")).json();
    checks
        .as_array()
        .expect("an array")
        .iter()
        .map(|check| check["Status"].as_str().expect("a word").to_owned())
        .collect()
}

/// The lines of a text file, none while it is not there.
pub(crate) fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Waits until the process is gone.
#[track_caller]
pub(crate) fn until_gone(pid: u32) {
    eventually(DEADLINE, &format!("process {pid} is gone"), || {
        !processes::runs(pid)
    });
}

/// Asserts an exit status and what stderr says.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, status: i32, says: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{stderr}");
    for text in says {
        assert!(stderr.contains(text), "{text:?} is not in:\n{stderr}");
    }
}

/// Asserts success and gives stdout.
#[track_caller]
pub(crate) fn stdout(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Asserts that `texts` come in this order in a text.
#[track_caller]
pub(crate) fn assert_in_order(text: &str, texts: &[&str]) {
    let mut rest = text;
    for wanted in texts {
        let Some(at) = rest.find(wanted) else {
            panic!("{wanted:?} does not come where it should in:\n{text}");
        };
        rest = &rest[at + wanted.len()..];
    }
}
