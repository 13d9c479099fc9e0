//! From installation to removal, direct and hosted.

use stead_testkit::{DEADLINE, eventually};

use crate::support::{
    account_of, define, eventually_status, exists, fails, machine, ok, running, service, status,
};

const REDIS: &str = r#"
[services.cache]
command = ["redis-server", "--port", "7101", "--save", "", "--supervised", "systemd"]
ready = "notify"
description = "Keeps what is asked for often"
"#;

/// Says READY=1 by hand, reloads on SIGHUP, and tells both.
const PYTHON: &str = r#"
import os, signal, socket, sys, time

def tell(*words):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.sendto("\n".join(words).encode(), os.environ["NOTIFY_SOCKET"])

def reload(*_):
    tell("RELOADING=1")
    print("reloaded", flush=True)
    tell("READY=1")

signal.signal(signal.SIGHUP, reload)
time.sleep(0.2)
tell("READY=1", "STATUS=at work")
print("ready", *sys.argv[1:], flush=True)
while True:
    signal.pause()
"#;

#[test]
fn a_program_is_installed_run_and_taken_out() {
    let machine = machine();
    let file = define(&machine, REDIS);
    let said = ok(&machine, &["install", "cache", "--file", file]);
    assert_eq!(said, "cache: installed (direct)\n");
    assert_eq!(status(&machine, "cache")["state"], "INIT");
    assert_eq!(
        machine.ok(&["systemctl", "is-enabled", "cache.service"]),
        "enabled\n"
    );
    machine.ok(&[
        "systemd-analyze",
        "verify",
        "/etc/systemd/system/cache.service",
    ]);

    assert_eq!(ok(&machine, &["start", "cache"]), "cache: RUNNING/ready\n");
    let running = status(&machine, "cache");
    assert_eq!(running["phase"], "ready");
    assert_eq!(running["manager"], "systemd");
    assert_eq!(running["mode"], "direct");
    let answer = machine.ok(&["redis-cli", "-p", "7101", "ping"]);
    assert_eq!(answer, "PONG\n");

    // An account of its own, and not root.
    let account = account_of(&machine, &running["pid"]);
    assert!((61_184..65_520).contains(&account), "{account}");

    ok(&machine, &["restart", "cache"]);
    assert_ne!(status(&machine, "cache")["pid"], running["pid"]);
    let list = ok(&machine, &["list"]);
    assert!(
        list.contains("cache") && list.contains("RUNNING/ready"),
        "{list}"
    );
    let logs = ok(&machine, &["logs", "cache"]);
    assert!(logs.contains("Ready to accept connections"), "{logs}");

    assert_eq!(ok(&machine, &["stop", "cache"]), "cache: TERMINATED\n");
    fails(&machine, 3, &["status", "cache"]);
    ok(&machine, &["start", "cache"]);
    let said = ok(&machine, &["uninstall", "cache"]);
    assert!(said.starts_with("cache: uninstalled\n"), "{said}");
    fails(&machine, 3, &["status", "cache"]);
    for left in [
        "/etc/systemd/system/cache.service",
        "/etc/systemd/system/multi-user.target.wants/cache.service",
        "/etc/stead/services/cache.toml",
    ] {
        assert!(!exists(&machine, left), "{left}");
    }
    let known = machine.run(&["systemctl", "cat", "cache.service"]);
    assert!(!known.status.success());
}

#[test]
fn what_systemd_lacks_is_done_by_stead_as_the_host() {
    let machine = machine();
    machine.write_program("/opt/shop/worker.py", PYTHON);
    let file = define(
        &machine,
        r#"
[services.worker]
command = ["python3", "worker.py", "a b", "$HOME", "%n"]
ready = "notify"
reload = { signal = "SIGHUP" }
restart = { delay = "0s", max_delay = "30s" }
"#,
    );
    let said = ok(&machine, &["install", "worker", "--file", file, "--now"]);
    assert_eq!(said, "worker: installed (hosted, for restart.max_delay)\n");
    machine.ok(&[
        "systemd-analyze",
        "verify",
        "/etc/systemd/system/worker.service",
    ]);
    let hosted = status(&machine, "worker");
    assert_eq!(hosted["phase"], "ready");
    assert_eq!(hosted["status"], "at work");
    let logs = ok(&machine, &["logs", "worker"]);
    assert!(logs.contains("ready a b $HOME %n"), "{logs}");

    ok(&machine, &["reload", "worker"]);
    eventually(DEADLINE, "the program has reloaded", || {
        ok(&machine, &["logs", "worker"]).contains("reloaded")
    });

    // Stead starts the program again; systemd sees nothing of it but the words.
    let first = running(&machine, "python3 worker.py");
    assert_eq!(first.len(), 1, "{first:?}");
    machine.ok(&["sh", "-c", &format!("kill -9 {}", first[0])]);
    eventually(DEADLINE, "another run of the program", || {
        ok(&machine, &["logs", "worker"])
            .matches("ready a b")
            .count()
            == 2
    });
    assert_eq!(status(&machine, "worker")["pid"], hosted["pid"]);
    assert!(exists(&machine, "/var/log/stead/worker"));

    // It dies of SIGTERM, as it is meant to: that is no failure.
    assert_eq!(ok(&machine, &["stop", "worker"]), "worker: TERMINATED\n");
    assert_eq!(running(&machine, "worker"), [0; 0]);
    ok(&machine, &["uninstall", "worker"]);
}

#[test]
fn a_host_ends_as_the_definition_judges_its_program() {
    let machine = machine();
    for (name, program, state) in [
        ("three", "sleep 1; exit 3", "TERMINATED"),
        ("zero", "sleep 1; exit 0", "ERROR"),
    ] {
        let words = [
            "install",
            name,
            "--hosted",
            "--now",
            "--set",
            "success_exit=[3]",
        ];
        let never = [
            "--set",
            "restart.policy=never",
            "--",
            "/bin/sh",
            "-c",
            program,
        ];
        // Long enough to be ready first: one that is over before it said so has failed to systemd.
        let _ = service(&machine, &[&words[..], &never].concat());
        eventually_status(&machine, name, state, |status| status["state"] == state);
    }
}

#[test]
fn a_host_that_is_killed_is_there_again_with_one_run_of_its_program() {
    let machine = machine();
    let words = [
        "install",
        "nap",
        "--hosted",
        "--now",
        "--",
        "/bin/sleep",
        "1000",
    ];
    ok(&machine, &words);
    let before = status(&machine, "nap")["pid"].clone();
    machine.ok(&[
        "systemctl",
        "kill",
        "--kill-whom=main",
        "--signal=KILL",
        "nap.service",
    ]);
    eventually_status(&machine, "nap", "another host", |status| {
        status["phase"] == "ready" && status["pid"] != before
    });
    let programs = running(&machine, "/bin/sleep 1000");
    assert_eq!(programs.len(), 1, "{programs:?}");
}

#[test]
fn a_reload_that_never_ends_holds_up_no_stop() {
    let machine = machine();
    machine.write_program("/opt/shop/worker.py", PYTHON);
    let file = define(
        &machine,
        r#"
[services.worker]
command = ["python3", "worker.py"]
ready = "notify"
reload = { command = ["/bin/sleep", "1000"] }
stop = { grace = "1s" }
"#,
    );
    ok(
        &machine,
        &["install", "worker", "--file", file, "--hosted", "--now"],
    );
    // The verb would wait for what never comes.
    let unit = "worker.service";
    machine.ok(&[
        "systemctl",
        "kill",
        "--kill-whom=main",
        "--signal=HUP",
        unit,
    ]);
    eventually(DEADLINE, "the reload has begun", || {
        !running(&machine, "/bin/sleep 1000").is_empty()
    });
    assert_eq!(ok(&machine, &["stop", "worker"]), "worker: TERMINATED\n");
}

#[test]
fn a_change_keeps_who_runs_it() {
    let machine = machine();
    let words = ["install", "nap", "--hosted", "--", "/bin/sleep", "1000"];
    ok(&machine, &words);
    ok(
        &machine,
        &[
            "set",
            "nap",
            "description=Sleeps",
            "sandbox.write=[\"srv\"]",
        ],
    );
    assert_eq!(status(&machine, "nap")["mode"], "hosted");
    let shown = ok(&machine, &["show", "nap"]);
    assert!(shown.contains("ReadWritePaths=/srv"), "{shown}");
}

#[test]
fn readiness_reload_and_the_watchdog_are_systemds_where_it_can() {
    let machine = machine();
    machine.write_program("/opt/shop/worker.py", PYTHON);
    let file = define(
        &machine,
        r#"
[services.worker]
command = ["python3", "worker.py"]
ready = "notify"
reload = { signal = "SIGHUP" }
restart = { delay = "0s" }
[services.worker.systemd]
watchdog = "1s"
"#,
    );
    let said = ok(&machine, &["install", "worker", "--file", file, "--now"]);
    assert_eq!(said, "worker: installed (direct)\n");
    assert_eq!(status(&machine, "worker")["status"], "at work");
    ok(&machine, &["reload", "worker"]);
    eventually(DEADLINE, "the program has reloaded", || {
        ok(&machine, &["logs", "worker"]).contains("reloaded")
    });
    // It never tells the watchdog anything, is killed for that, and started again.
    eventually_status(&machine, "worker", "restarted", |status| {
        status["restarts"].as_u64() >= Some(1)
    });
}

#[test]
fn a_service_is_there_again_after_a_boot() {
    let mut machine = machine();
    let file = define(&machine, REDIS);
    ok(&machine, &["install", "cache", "--file", file]);
    machine.reboot();
    eventually_status(&machine, "cache", "runs", |status| {
        status["phase"] == "ready"
    });
}

#[test]
fn one_key_is_changed_and_the_rest_stays() {
    let machine = machine();
    let file = define(&machine, REDIS);
    ok(&machine, &["install", "cache", "--file", file]);
    let said = ok(
        &machine,
        &["set", "cache", "start=manual", "limits.memory=64MiB"],
    );
    assert_eq!(said, "cache: changed; a restart takes it over\n");
    let again = ok(&machine, &["set", "cache", "start=manual"]);
    assert_eq!(again, "cache: it is so already, nothing changed\n");
    let shown = ok(&machine, &["show", "cache"]);
    for part in [
        "Keeps what is asked for often",
        "MemoryMax=67108864",
        "start = \"manual\"",
        "# what the manager has is what the definition says",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    let enabled = machine.run(&["systemctl", "is-enabled", "cache.service"]);
    assert!(!enabled.status.success());

    // Somebody else changes the unit, and `show` tells.
    let unit = std::fs::read_to_string(machine.path("/etc/systemd/system/cache.service")).unwrap();
    machine.write(
        "/etc/systemd/system/cache.service",
        &unit.replace("MemoryMax=67108864", "MemoryMax=1G"),
    );
    let shown = ok(&machine, &["show", "cache"]);
    assert!(
        shown.contains("- MemoryMax=1G\n+ MemoryMax=67108864"),
        "{shown}"
    );
}

#[test]
fn dependents_are_stopped_first_and_named() {
    let machine = machine();
    let file = define(
        &machine,
        r#"
[services.below]
command = ["sleep", "1000"]
[services.above]
command = ["sleep", "1000"]
depends_on = ["below"]
"#,
    );
    let early = fails(&machine, 1, &["install", "above", "--file", file]);
    assert!(
        early.contains("it depends on below, which is not installed"),
        "{early}"
    );
    for name in ["below", "above"] {
        ok(&machine, &["install", name, "--file", file]);
    }
    ok(&machine, &["start", "above"]);
    assert_eq!(status(&machine, "below")["phase"], "ready");
    assert_eq!(ok(&machine, &["dependents", "below"]), "above\n");
    ok(&machine, &["stop", "below"]);
    assert_eq!(status(&machine, "above")["state"], "TERMINATED");
}
