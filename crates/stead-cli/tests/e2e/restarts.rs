//! The restart policy, from the outside.

use std::fs;

use stead_testkit::{DEADLINE, eventually};

use crate::support::{assert_fails, in_state, lines, pid, ready, replaced, stack, stdout};

#[test]
fn a_limit_of_failures_ends_in_error_until_somebody_restarts() {
    let stack = stack().up("[services.a]\n\
         command = [\"sh\", \"-c\", \"echo run >> runs; test -e go || exit 4; exec sleep 1000\"]\n\
         restart = { delay = \"10ms\", max_delay = \"40ms\", limit = 3, window = \"1m\" }\n");
    let status = stack.eventually_status("a", "has given up", |status| {
        status["state"] == "ERROR"
            && status["detail"]
                .as_str()
                .is_some_and(|why| why.contains('3'))
    });
    let runs = stack.folder().join("runs");
    assert_eq!(lines(&runs).len(), 3, "{status}");
    assert_eq!(status["restarts"], 2);
    assert_eq!(status["exit"], "code 4");
    assert_fails(&stack.stead(&["status", "a"]), 3, &[]);

    fs::write(stack.folder().join("go"), "").unwrap();
    assert_eq!(
        stdout(&stack.stead(&["restart", "a"])),
        "a: RUNNING/ready\n"
    );
    eventually(DEADLINE, "it has run once more", || lines(&runs).len() == 4);
    assert_eq!(ready(&stack, "a")["restarts"], 0);
    stack.stop();
}

#[test]
fn policies_differ_in_what_they_answer_to() {
    let command = "[\"sh\", \"-c\", \"echo run >> $STEAD_SERVICE; read _ < fifo-$STEAD_SERVICE; exit $STATUS\"]";
    let service = |name: &str, policy: &str, status: u8| {
        format!(
            "[services.{name}]\ncommand = {command}\nenvironment = {{ STATUS = \"{status}\" }}\n\
             restart = {{ policy = \"{policy}\", delay = \"0s\", limit = 0 }}\n"
        )
    };
    let stack = stack();
    let cases = [
        ("always-0", "always", 0, true),
        ("always-1", "always", 1, true),
        ("failure-0", "on-failure", 0, false),
        ("failure-1", "on-failure", 1, true),
        ("never-0", "never", 0, false),
        ("never-1", "never", 1, false),
    ];
    let mut definition = String::new();
    for (name, policy, status, _) in cases {
        definition += &service(name, policy, status);
        let made = std::process::Command::new("mkfifo")
            .arg(stack.folder().join(format!("fifo-{name}")))
            .status();
        assert!(made.unwrap().success());
    }
    let stack = stack.up(&definition);
    for (name, _, status, again) in cases {
        let before = pid(&ready(&stack, name));
        fs::write(stack.folder().join(format!("fifo-{name}")), "\n").unwrap();
        if again {
            replaced(&stack, name, before);
        } else {
            let end = if status == 0 { "TERMINATED" } else { "ERROR" };
            let ended = in_state(&stack, name, end);
            assert_eq!(ended["exit"], format!("code {status}"));
            assert!(ended["pid"].is_null(), "{ended}");
            assert_eq!(lines(&stack.folder().join(name)).len(), 1);
        }
    }
    stack.stop();
}

#[test]
fn an_unhealthy_service_is_restarted_if_asked() {
    let stack = stack();
    fs::write(stack.folder().join("well"), "").unwrap();
    let stack = stack.up(
        "[services.a]\ncommand = [\"sleep\", \"1000\"]\n\
         restart = { on_unhealthy = true, delay = \"0s\" }\n\
         checks = [{ exec = [\"test\", \"-e\", \"well\"], interval = \"20ms\", healthy_after = 1, unhealthy_after = 2 }]\n",
    );
    let healthy = crate::support::in_health(&stack, "a", "Healthy");
    fs::remove_file(stack.folder().join("well")).unwrap();
    let again = replaced(&stack, "a", pid(&healthy));
    fs::write(stack.folder().join("well"), "").unwrap();
    assert!(
        again["history"].to_string().contains("Unhealthy"),
        "{again}"
    );
    eventually(DEADLINE, "it recovers", || {
        stack
            .status("a")
            .is_some_and(|status| status["health"] == "Healthy")
    });
    stack.stop();
}

#[test]
fn a_restart_that_is_due_can_be_called_off() {
    let stack = stack().up(
        "[services.a]\ncommand = [\"sh\", \"-c\", \"echo run >> runs; exit 1\"]\n\
         restart = { delay = \"1h\", max_delay = \"1h\" }\n",
    );
    in_state(&stack, "a", "ERROR");
    assert_eq!(stdout(&stack.stead(&["stop", "a"])), "a: TERMINATED\n");
    assert_eq!(lines(&stack.folder().join("runs")).len(), 1);
    stack.stop();
}
