//! `stead run`: one program in the foreground.

#![allow(
    clippy::disallowed_methods,
    reason = "the program under test, which each test reaps"
)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use stead_testkit::programs::{script, stubborn, stubborn_pids};
use stead_testkit::{DEADLINE, eventually, eventually_some, processes};

use crate::support::{assert_fails, lines, stdout};

/// `stead run` in a folder that is its runtime folder too.
fn run(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
    command
        .arg("run")
        .args(arguments)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[track_caller]
fn until_ended(child: &mut Child) -> i32 {
    let status = eventually_some(DEADLINE, "stead run ends", || child.try_wait().unwrap());
    status.code().unwrap_or_else(|| panic!("{status}"))
}

#[test]
fn output_passes_through_and_the_status_is_the_programs() {
    let folder = stead_testkit::folder();
    let output = run(
        folder.path(),
        &["--", "sh", "-c", "printf out; printf err >&2; exit 7"],
    )
    .output()
    .unwrap();
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(output.stdout, b"out");
    assert_eq!(output.stderr, b"err");
    for (script, status) in [
        ("exit 0", 0),
        ("exit 255", 255),
        ("kill -9 $$", 137),
        ("kill -TERM $$", 143),
    ] {
        let output = run(folder.path(), &["--", "sh", "-c", script])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(status), "{script}");
    }
}

#[test]
fn arguments_reach_the_program_as_they_are() {
    let folder = stead_testkit::folder();
    let output = run(
        folder.path(),
        &["--", "printf", "<%s>", "a b", "", "*", "--help", "ä"],
    )
    .output();
    assert_eq!(stdout(&output.unwrap()), "<a b><><*><--help><ä>");
}

#[test]
fn a_pipe_is_the_programs_stdin() {
    let folder = stead_testkit::folder();
    let mut child = run(folder.path(), &["--", "sh", "-c", "wc -c; echo over"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&vec![b'x'; 100_000]).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(stdout(&output), "100000\nover\n");
}

#[test]
fn always_starts_again_until_ctrl_c() {
    let folder = stead_testkit::folder();
    script(
        folder.path(),
        "worker",
        "echo run >> runs\n\
         test \"$(wc -l < runs)\" -lt 2 && exit 0\n\
         trap 'echo stopped >> runs; exit 0' TERM\n\
         while :; do sleep 1000 & wait; done",
    );
    let mut child = run(folder.path(), &["--restart", "always", "--", "./worker"])
        .spawn()
        .unwrap();
    let runs = folder.path().join("runs");
    eventually(DEADLINE, "it runs for the second time", || {
        lines(&runs).len() == 2
            && processes::descendants(child.id())
                .iter()
                .any(|process| process.command == "sleep 1000")
    });
    processes::signal(child.id(), "INT");
    assert_eq!(until_ended(&mut child), 0);
    assert_eq!(lines(&runs), ["run", "run", "stopped"]);
}

#[test]
fn ctrl_c_ends_the_whole_tree() {
    let folder = stead_testkit::folder();
    stubborn(folder.path());
    fs::write(
        folder.path().join("stead.toml"),
        "[services.stubborn]\ncommand = [\"./stubborn.sh\"]\nstop.grace = \"300ms\"\n",
    )
    .unwrap();
    let mut child = run(folder.path(), &["stubborn"]).spawn().unwrap();
    eventually(DEADLINE, "the family is complete", || {
        stubborn_pids(folder.path()).len() == 4
    });
    processes::signal(child.id(), "INT");
    // The program was killed by signal 9 after the grace.
    let status = until_ended(&mut child);
    assert!(status == 137 || status == 0, "{status}");
    for pid in stubborn_pids(folder.path()) {
        assert!(!processes::runs(pid), "{pid} is left");
    }
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_grace() {
    let folder = stead_testkit::folder();
    stubborn(folder.path());
    let mut child = run(folder.path(), &["--", "./stubborn.sh"])
        .spawn()
        .unwrap();
    eventually(DEADLINE, "the family is complete", || {
        stubborn_pids(folder.path()).len() == 4
    });
    let begun = std::time::Instant::now();
    processes::signal(child.id(), "INT");
    // Signals of one kind do not queue: only one that was taken can be followed by another.
    eventually(DEADLINE, "it ends at the second", || {
        processes::signal(child.id(), "INT");
        child.try_wait().unwrap().is_some()
    });
    assert!(
        begun.elapsed().as_secs() < 9,
        "it waited for the grace of 10 s"
    );
    eventually(DEADLINE, "nothing is left", || {
        !stubborn_pids(folder.path())
            .into_iter()
            .any(processes::runs)
    });
}

#[test]
fn a_service_of_the_definition_is_logged_and_passed_through() {
    let folder = stead_testkit::folder();
    fs::write(
        folder.path().join("stead.toml"),
        "[services.a]\ncommand = [\"sh\", \"-c\", \"echo said; exit 3\"]\nrestart.policy = \"never\"\n\
         depends_on = [\"b\"]\n[services.b]\ncommand = [\"touch\", \"b-was-started\"]\n",
    )
    .unwrap();
    let output = run(folder.path(), &["a"]).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.stdout, b"said\n");
    assert!(!folder.path().join("b-was-started").exists());
    let logged: String = fs::read_dir(folder.path().join(".stead/logs"))
        .unwrap()
        .flat_map(|entry| lines(&entry.unwrap().path()))
        .collect();
    assert!(logged.contains("said"), "{logged}");

    assert_fails(
        &run(folder.path(), &["nosuch"]).output().unwrap(),
        3,
        &[
            "error: no service nosuch in stead.toml",
            "hint: it has a, b",
        ],
    );
}

#[test]
fn nothing_outlives_a_killed_run() {
    let folder = stead_testkit::folder();
    stubborn(folder.path());
    let mut child = run(folder.path(), &["--", "./stubborn.sh"])
        .spawn()
        .unwrap();
    eventually(DEADLINE, "the family is complete", || {
        stubborn_pids(folder.path()).len() == 4
    });
    processes::signal(child.id(), "KILL");
    child.wait().unwrap();
    eventually(DEADLINE, "nothing is left", || {
        !stubborn_pids(folder.path())
            .into_iter()
            .any(processes::runs)
    });
}
