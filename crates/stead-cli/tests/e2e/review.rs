//! What broke once under rough handling, each by the name of what it did.

#![allow(
    clippy::disallowed_methods,
    reason = "programs under test, which each test reaps"
)]

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stead_testkit::{DEADLINE, eventually, eventually_some};

use crate::support::{assert_fails, in_state, lines, ready, stack, stdout};

#[test]
fn clients_that_never_finish_do_not_hold_up_the_end() {
    let stack = stack()
        .up("[services.talker]\ncommand = [\"sh\", \"-c\", \"echo hello; exec sleep 1000\"]\n");
    ready(&stack, "talker");
    let mut half = UnixStream::connect(stack.data().join("agent.sock")).unwrap();
    half.write_all(b"GET /stead/v1/age").unwrap();
    let mut follower = Command::new(env!("CARGO_BIN_EXE_stead"))
        .args(["logs", "-f", "talker"])
        .current_dir(stack.folder())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 6];
    let mut output = follower.stdout.take().unwrap();
    std::io::Read::read_exact(&mut output, &mut line).unwrap();
    assert_eq!(&line, b"hello\n");

    let begun = Instant::now();
    stack.stop();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let ended = eventually_some(DEADLINE, "logs -f ends", || follower.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
    drop(half);
}

#[test]
fn a_stop_that_a_start_overtakes_is_answered() {
    let stack = stack().up("[services.slow]\nstop.grace = \"3s\"\n\
         command = [\"sh\", \"-c\", \"trap '' TERM; echo up; while :; do sleep 1; done\"]\n");
    eventually(DEADLINE, "it ignores SIGTERM", || {
        stdout(&stack.stead(&["logs", "slow"])).contains("up")
    });
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| stack.stead(&["stop", "slow"]));
        in_state(&stack, "slow", "STOPPING");
        stdout(&stack.stead(&["start", "slow"]));
        eventually(DEADLINE, "the stop is answered", || stop.is_finished());
        let stop = stop.join().unwrap();
        assert_fails(&stop, 1, &["cannot stop slow: it was started meanwhile"]);
    });
    // Killed at the end of its grace in the run before, which is no word about this one.
    assert!(ready(&stack, "slow")["detail"].is_null());
}

#[test]
fn a_reload_that_works_is_not_blamed_for_one_that_did_not() {
    let stack = stack().up("[services.web]\ncommand = [\"sleep\", \"1000\"]\n\
         reload.command = [\"test\", \"-e\", \"fine\"]\n");
    ready(&stack, "web");
    let failed = stack.stead(&["reload", "web"]);
    assert_fails(
        &failed,
        1,
        &["cannot reload web: reload `test -e fine` exited with status 1"],
    );
    std::fs::write(stack.folder().join("fine"), "").unwrap();
    stdout(&stack.stead(&["reload", "web"]));
    assert!(ready(&stack, "web")["detail"].is_null());
}

#[test]
fn starting_what_failed_waits_for_what_it_depends_on() {
    let stack = stack().up("[services.base]\nstart = \"manual\"\n\
         before_start = [[\"sleep\", \"1\"]]\ncommand = [\"sleep\", \"1000\"]\n\
         [services.top]\nstart = \"manual\"\ndepends_on = [\"base\"]\nrestart.policy = \"never\"\n\
         before_start = [[\"test\", \"-e\", \"fine\"]]\ncommand = [\"sleep\", \"1000\"]\n");
    assert_fails(&stack.stead(&["start", "top"]), 1, &["cannot start top"]);
    in_state(&stack, "top", "ERROR");
    let base = ready(&stack, "base")["pid"].as_u64().unwrap();
    stead_testkit::processes::signal(base.try_into().unwrap(), "KILL");
    in_state(&stack, "base", "ERROR");
    std::fs::write(stack.folder().join("fine"), "").unwrap();
    let answer: serde_json::Value =
        serde_json::from_str(&stdout(&stack.stead(&["start", "top", "--output", "json"]))).unwrap();
    assert_eq!(answer["phase"], "ready", "{answer}");
    assert_eq!(stack.status("base").unwrap()["phase"], "ready");
}

#[test]
fn what_a_killed_run_published_goes_though_nobody_starts_it_again() {
    let definition = "[services.hand]\ncommand = [\"sleep\", \"1000\"]\nstart = \"manual\"\n\
                      publish.port = 7001\n";
    let stack = stack().up(definition);
    stdout(&stack.stead(&["start", "hand"]));
    let names = |stack: &stead_testkit::Stack| stack.get("/v1/catalog/services").json();
    eventually(DEADLINE, "it is published", || {
        names(&stack).get("hand").is_some()
    });
    let stack = stack.kill(DEADLINE).up(definition);
    eventually(DEADLINE, "the stale instance is gone", || {
        names(&stack).get("hand").is_none()
    });
    stdout(&stack.stead(&["start", "hand"]));
    eventually(DEADLINE, "it is published again", || {
        names(&stack).get("hand").is_some()
    });
}

#[test]
fn what_a_client_deregistered_comes_back_with_its_next_change() {
    let stack = stack().up(
        "[services.web]\ncommand = [\"sleep\", \"1000\"]\npublish.port = 7001\n\
         restart.delay = \"0s\"\n",
    );
    let passing = || crate::support::passing(&stack, "web").len();
    eventually(DEADLINE, "it is published", || passing() == 1);
    stack.put("/v1/agent/service/deregister/web", "");
    assert_eq!(passing(), 0);
    let pid = ready(&stack, "web")["pid"].as_u64().unwrap();
    stead_testkit::processes::signal(pid.try_into().unwrap(), "KILL");
    eventually(DEADLINE, "it is published again", || passing() == 1);
}

#[test]
fn a_service_is_not_run_alone_and_by_up_at_once() {
    let definition =
        "[services.web]\ncommand = [\"sh\", \"-c\", \"echo $$ >> runs; exec sleep 1000\"]\n";
    let folder = stead_testkit::folder();
    let file = folder.path().join("stead.toml");
    std::fs::write(&file, definition).unwrap();
    let mut alone = Command::new(env!("CARGO_BIN_EXE_stead"))
        .args(["run", "web", "--file"])
        .arg(&file)
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let runs = folder.path().join("runs");
    eventually(DEADLINE, "it runs alone", || lines(&runs).len() == 1);
    let up = Command::new(env!("CARGO_BIN_EXE_stead"))
        .args(["up", "--http", "127.0.0.1:0"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let says = format!("stead run web (pid {}) runs it already", alone.id());
    assert_fails(&up, 1, &["cannot start web", &says]);
    assert_eq!(lines(&runs).len(), 1);
    stead_testkit::processes::signal(alone.id(), "INT");
    eventually_some(DEADLINE, "it ends", || alone.try_wait().unwrap());
}
