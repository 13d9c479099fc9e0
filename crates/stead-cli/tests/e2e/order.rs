//! `depends_on`: who waits for whom, to start and to stop.

use serde_json::Value;
use stead_testkit::{DEADLINE, Stack, eventually};

use crate::support::{assert_fails, assert_in_order, in_state, lines, ready, stack, stdout};

/// gateway → orders → payments; each notes its start and its end in `trace`.
fn shop(start: &str) -> String {
    let service = |name: &str, on: &str| {
        format!(
            r#"
[services.{name}]
command = ["sh", "-c", "echo +{name} >> trace; trap 'echo -{name} >> trace; exit 0' TERM; while :; do sleep 1000 & wait; done"]
start = "{start}"
depends_on = [{on}]
ready = "healthy"
[[services.{name}.checks]]
exec = ["grep", "-q", "+{name}", "trace"]
interval = "20ms"
healthy_after = 1
"#
        )
    };
    service("gateway", "\"orders\"") + &service("orders", "\"payments\"") + &service("payments", "")
}

fn up(start: &str) -> Stack {
    stack().up(&shop(start))
}

fn trace(stack: &Stack) -> Vec<String> {
    lines(&stack.folder().join("trace"))
}

#[track_caller]
fn until_traced(stack: &Stack, expected: &[&str]) {
    eventually(DEADLINE, &format!("{expected:?}"), || {
        trace(stack).len() >= expected.len()
    });
    assert_eq!(trace(stack), expected);
}

#[test]
fn dependencies_start_first_and_stop_last() {
    let stack = up("automatic");
    ready(&stack, "gateway");
    until_traced(&stack, &["+payments", "+orders", "+gateway"]);
    let folder = stack.folder().join("trace");
    let copy = stead_testkit::folder();
    let ended = {
        // The stack's folder goes with it.
        std::fs::hard_link(&folder, copy.path().join("trace")).unwrap();
        stack.stop()
    };
    assert_eq!(
        lines(&copy.path().join("trace"))[3..],
        ["-gateway", "-orders", "-payments"]
    );
    assert_in_order(
        &ended.stderr,
        &[
            "payments: RUNNING/ready",
            "orders: RUNNING/ready",
            "gateway: RUNNING/ready",
            "stead: stopping",
            "gateway: TERMINATED",
            "orders: TERMINATED",
            "payments: TERMINATED",
            "stead: stopped",
        ],
    );
}

#[test]
fn a_stop_takes_dependents_along_and_a_start_dependencies() {
    let stack = up("automatic");
    ready(&stack, "gateway");
    assert_eq!(
        stdout(&stack.stead(&["stop", "payments"])),
        "payments: TERMINATED\n"
    );
    until_traced(
        &stack,
        &[
            "+payments",
            "+orders",
            "+gateway",
            "-gateway",
            "-orders",
            "-payments",
        ],
    );
    for name in ["gateway", "orders", "payments"] {
        assert_fails(&stack.stead(&["status", name]), 3, &[]);
    }

    assert_eq!(
        stdout(&stack.stead(&["start", "gateway"])),
        "gateway: RUNNING/ready\n"
    );
    assert_eq!(trace(&stack)[6..], ["+payments", "+orders", "+gateway"]);

    // A restart is of the service alone.
    assert_eq!(
        stdout(&stack.stead(&["restart", "payments"])),
        "payments: RUNNING/ready\n"
    );
    assert_eq!(trace(&stack)[9..], ["-payments", "+payments"]);
    stack.stop();
}

#[test]
fn manual_services_wait_to_be_asked() {
    let stack = up("manual");
    let shown: Value =
        serde_json::from_str(&stdout(&stack.stead(&["ps", "--output", "json"]))).unwrap();
    for service in shown.as_array().unwrap() {
        assert_eq!(service["state"], "INIT", "{service}");
    }
    assert_eq!(
        stdout(&stack.stead(&["start", "payments", "orders"])),
        "payments: RUNNING/ready\norders: RUNNING/ready\n"
    );
    assert_eq!(trace(&stack), ["+payments", "+orders"]);
    stack.stop();
}

#[test]
fn a_failed_dependency_is_named() {
    let stack = stack().up(
        "[services.payments]\ncommand = [\"sh\", \"-c\", \"exit 7\"]\nrestart.policy = \"never\"\n\
         ready = \"healthy\"\nchecks = [{ exec = [\"true\"] }]\n\
         [services.orders]\ncommand = [\"sleep\", \"1000\"]\ndepends_on = [\"payments\"]\n\
         [services.gateway]\ncommand = [\"sleep\", \"1000\"]\ndepends_on = [\"orders\"]\n",
    );
    in_state(&stack, "payments", "ERROR");
    assert_fails(
        &stack.stead(&["start", "gateway"]),
        1,
        &[
            "error: cannot start gateway",
            "payments",
            "exited with status 7",
        ],
    );
    let waiting = stack.status("gateway").unwrap();
    assert_eq!(waiting["state"], "INIT");
    assert_eq!(waiting["detail"], "waits for orders");
    stack.stop();
}
