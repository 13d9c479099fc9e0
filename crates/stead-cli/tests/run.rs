//! `stead run -- CMD` on every system: see `e2e` for what only Linux has.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and ends what it starts"
)]

mod portable;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use portable::{Foreground, assert_fails, is_held, probe, stead, until_free, until_held};

/// `stead run ARGUMENTS -- probe ROLE`, as a command line without the program's name.
fn line<'a>(arguments: &[&'a str], probe: &'a str, role: &[&'a str]) -> Vec<&'a str> {
    [&["run"], arguments, &["--", probe], role].concat()
}

fn run(folder: &Path, arguments: &[&str], role: &[&str]) -> Output {
    stead(folder, &line(arguments, &probe(), role))
        .output()
        .unwrap()
}

#[test]
fn the_status_is_the_programs() {
    let folder = stead_testkit::folder();
    for status in ["0", "1", "7", "255"] {
        let output = run(folder.path(), &[], &["exit", status]);
        let ended = output.status.code().map(|code| code.to_string());
        assert_eq!(ended.as_deref(), Some(status));
        assert_eq!(
            output.stderr,
            b"",
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn output_passes_through_byte_for_byte() {
    let folder = stead_testkit::folder();
    let output = run(folder.path(), &[], &["bytes"]);
    let all: Vec<u8> = (0..=u8::MAX).collect();
    assert_eq!(output.stdout, all);
    let back: Vec<u8> = (0..=u8::MAX).rev().collect();
    assert_eq!(output.stderr, back);
}

#[test]
fn arguments_reach_the_program_as_they_are() {
    let folder = stead_testkit::folder();
    let arguments = ["a b", "", "*", "--help", "\"q\" \\", "ä%PATH%"];
    let output = run(
        folder.path(),
        &[],
        &[&["arguments"], &arguments[..]].concat(),
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{arguments:?}")
    );
}

#[test]
fn a_pipe_is_the_programs_stdin() {
    let folder = stead_testkit::folder();
    let mut child = stead(folder.path(), &line(&[], &probe(), &["read"]))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&vec![b'x'; 100_000]).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "100000 bytes");
}

#[test]
fn a_failure_is_started_again_where_that_is_asked() {
    let folder = stead_testkit::folder();
    let runs = folder.path().join("runs");
    let role = ["fail-until", "3", runs.to_str().unwrap()];
    let output = run(folder.path(), &["--restart", "never"], &role);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(fs::read(&runs).unwrap(), b".");

    let output = run(folder.path(), &["--restart", "on-failure"], &role);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(fs::read(&runs).unwrap(), b"...");
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = stead_testkit::folder();
    assert_fails(
        &run_program(folder.path(), "no-such-program"),
        1,
        &["error: cannot start no-such-program: no program `no-such-program` in PATH"],
    );
    let output = run_program(folder.path(), "./not-here");
    assert_fails(&output, 1, &["error: cannot start not-here: ", "not-here"]);
}

fn run_program(folder: &Path, program: &str) -> Output {
    stead(folder, &["run", "--", program]).output().unwrap()
}

#[test]
fn a_wrong_command_line_is_refused() {
    let folder = stead_testkit::folder();
    for (arguments, says) in [
        (&["run"][..], "required"),
        (&["run", "--"], "required"),
        (&["run", "orders", "--", "true"], "cannot be used with"),
        (&["run", "--restart", "often", "--", "true"], "on-failure"),
        (&["run", "--no-such", "--", "true"], "--no-such"),
    ] {
        let output = stead(folder.path(), arguments).output().unwrap();
        assert_fails(&output, 2, &[says]);
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
}

#[test]
fn a_service_of_a_definition_is_logged_and_passed_through() {
    let folder = stead_testkit::folder();
    let command = serde_json::to_string(&[&probe(), "arguments", "said"]).unwrap();
    fs::write(
        folder.path().join("stead.toml"),
        format!("[services.a]\ncommand = {command}\nrestart.policy = \"never\"\n"),
    )
    .unwrap();
    let output = stead(folder.path(), &["run", "a"]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(output.stdout, br#"["said"]"#);
    let logged: String = fs::read_dir(folder.path().join(".stead/logs"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(logged.contains(r#" stdout P ["said"]"#), "{logged}");
}

#[test]
fn ctrl_c_lets_the_program_stop_itself() {
    let folder = stead_testkit::folder();
    let lock = folder.path().join("lock");
    let probe = probe();
    let role = ["graceful", lock.to_str().unwrap()];
    let stead = Foreground::start(folder.path(), &line(&[], &probe, &role));
    until_held(&lock);
    assert_eq!(stead.ctrl_c(), 7);
    assert!(!is_held(&lock));
}

#[test]
fn what_the_program_has_started_ends_with_it() {
    let folder = stead_testkit::folder();
    let lock = folder.path().join("lock");
    let output = run(folder.path(), &[], &["orphan", lock.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(lock.exists(), "it was started");
    assert!(!is_held(&lock), "it is left");
}

#[test]
fn nothing_outlives_a_killed_run() {
    let folder = stead_testkit::folder();
    let locks = ["parent", "child"].map(|name| folder.path().join(name));
    let [parent, child] = locks.each_ref().map(|lock| lock.to_str().unwrap());
    let probe = probe();
    let role = ["family", parent, child];
    let mut stead = Foreground::start(folder.path(), &line(&[], &probe, &role));
    for lock in &locks {
        until_held(lock);
    }
    stead.kill();
    for lock in &locks {
        until_free(lock);
    }
}
