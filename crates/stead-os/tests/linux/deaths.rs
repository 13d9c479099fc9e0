//! Who dies first does not matter: nothing stays, nothing runs twice.
//!
//! Stead is played by the example `launch`, which can be killed.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use crate::support::{
    Mark, cgroups_of, children, guardians_of, is_alive, kill, status, stop, until,
};
use crate::trees::{STUBBORN, STUBBORN_COUNT};

/// A Stead in a process of its own with one program. Ended when dropped.
struct Stead {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pid: u32,
    guardian: u32,
}

impl Stead {
    /// Starts one and waits until the program runs; also what it swept before.
    fn launch(runs: &Path, mode: &str, script: &str) -> (Self, Vec<String>) {
        Self::start(launch(runs, mode, script))
    }

    /// Starts one that starts its program again whenever it has ended.
    fn launch_again(runs: &Path, mode: &str, script: &str) -> (Self, Vec<String>) {
        Self::start(launch_with(runs, &[mode, "again"], script))
    }

    fn start(mut child: Child) -> (Self, Vec<String>) {
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut swept = Vec::new();
        loop {
            let mut line = String::new();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "launch ended early"
            );
            if line.starts_with("pid ") {
                break;
            }
            swept.push(line.trim_end().to_owned());
        }
        let pid = child.id();
        let guardians = guardians_of(pid);
        assert_eq!(guardians.len(), 1, "one guardian below Stead");
        let guardian = guardians[0];
        (
            Self {
                child,
                stdout,
                pid,
                guardian,
            },
            swept,
        )
    }

    /// Kills the guardian of one that was told to start its program again, and waits until
    /// another guardian has done so.
    fn replace_guardian(&mut self) {
        kill(self.guardian, 9);
        for expected in ["exit Signal(9)", "empty", "pid "] {
            let mut line = String::new();
            self.stdout.read_line(&mut line).unwrap();
            assert!(line.starts_with(expected), "{line:?}, not {expected:?}");
        }
        let guardians = guardians_of(self.pid);
        assert_eq!(guardians.len(), 1, "one guardian below Stead");
        assert_ne!(guardians[0], self.guardian);
        self.guardian = guardians[0];
    }

    fn kill_and_wait(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The guardians of single runs, which there are without cgroups.
    fn single_guardians(&self) -> Vec<u32> {
        guardians_of(self.guardian)
    }
}

impl Drop for Stead {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(runs: &Path, mode: &str, script: &str) -> Child {
    launch_with(runs, &[mode], script)
}

#[allow(clippy::disallowed_methods)] // This is the Stead that is to be killed.
fn launch_with(runs: &Path, options: &[&str], script: &str) -> Child {
    std::process::Command::new(example("launch"))
        .arg(runs)
        .args(options)
        .args(["/bin/sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    target.join("examples").join(name)
}

async fn in_both_modes<F: Future<Output = ()>>(
    test: impl Fn(&'static str, tempfile::TempDir, Mark) -> F,
) {
    for mode in ["auto", "off"] {
        eprintln!("with cgroups: {mode}");
        test(mode, tempfile::tempdir().unwrap(), Mark::new()).await;
    }
}

fn marked(mark: &Mark, script: &str) -> String {
    // `launch` prints to the same pipe.
    script
        .replace('@', &mark.0)
        .replace("echo ready", "exec >/dev/null 2>&1")
}

async fn until_clean(runs: &Path, stead: u32) {
    until("the record to go", || {
        std::fs::read_dir(runs).unwrap().count() == 0
    })
    .await;
    until("the cgroups to go", || cgroups_of(stead).is_empty()).await;
}

#[tokio::test]
async fn a_killed_stead_is_followed_by_its_programs() {
    in_both_modes(|mode, runs, mark| async move {
        let (mut stead, _) = Stead::launch(runs.path(), mode, &marked(&mark, STUBBORN));
        mark.until_alive(STUBBORN_COUNT).await;
        let guardians = [stead.single_guardians(), vec![stead.guardian]].concat();
        let killed = Instant::now();
        stead.kill_and_wait();
        mark.until_alive(0).await;
        eprintln!("gone {:?} after the kill", killed.elapsed());
        assert!(killed.elapsed() < Duration::from_secs(1));
        until_clean(runs.path(), stead.pid).await;
        until("the guardians to go", || {
            !guardians.iter().any(|pid| is_alive(*pid))
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_killed_guardian_takes_every_program_along_and_stead_tells() {
    in_both_modes(|mode, runs, mark| async move {
        let (mut stead, _) = Stead::launch(runs.path(), mode, &marked(&mark, STUBBORN));
        mark.until_alive(STUBBORN_COUNT).await;
        kill(stead.guardian, 9);
        let mut told = String::new();
        stead.stdout.read_to_string(&mut told).unwrap();
        assert_eq!(told, "exit Signal(9)\nempty\n");
        assert!(stead.child.wait().unwrap().success());
        assert_eq!(mark.alive(), [0_u32; 0]);
        assert_eq!(cgroups_of(stead.pid), Vec::<PathBuf>::new());
    })
    .await;
}

#[tokio::test]
async fn when_all_guardians_are_killed_stead_ends_the_rest() {
    in_both_modes(|mode, runs, mark| async move {
        let (mut stead, _) = Stead::launch(runs.path(), mode, &marked(&mark, STUBBORN));
        mark.until_alive(STUBBORN_COUNT).await;
        stop(stead.pid).await;
        for guardian in [stead.single_guardians(), vec![stead.guardian]].concat() {
            kill(guardian, 9);
        }
        kill(stead.pid, libc::SIGCONT);
        let mut told = String::new();
        stead.stdout.read_to_string(&mut told).unwrap();
        assert_eq!(told, "exit Signal(9)\nempty\n");
        assert_eq!(mark.alive(), [0_u32; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_killed_guardian_of_one_run_is_stood_in_for() {
    let (runs, mark) = (tempfile::tempdir().unwrap(), Mark::new());
    let (mut stead, _) = Stead::launch(runs.path(), "off", &marked(&mark, STUBBORN));
    mark.until_alive(STUBBORN_COUNT).await;
    let single = stead.single_guardians();
    assert_eq!(single.len(), 1);
    kill(single[0], 9);
    let mut told = String::new();
    stead.stdout.read_to_string(&mut told).unwrap();
    assert_eq!(told, "exit Signal(9)\nempty\n");
    assert!(stead.child.wait().unwrap().success());
    assert_eq!(mark.alive(), [0_u32; 0]);
    until_clean(runs.path(), stead.pid).await;
}

#[tokio::test]
async fn what_stead_and_guardian_leave_when_killed_at_once_is_swept() {
    // What has no environment is only found by its cgroup.
    let with_environment = STUBBORN.replace("env -i ", "");
    in_both_modes(|mode, runs, mark| {
        let script = if mode == "auto" && crate::support::has_cgroups() {
            marked(&mark, STUBBORN)
        } else {
            marked(&mark, &with_environment)
        };
        async move {
            let (mut stead, _) = Stead::launch(runs.path(), mode, &script);
            mark.until_alive(STUBBORN_COUNT).await;
            // Stopped, so that it cannot act between the two kills.
            stop(stead.pid).await;
            let guardians = [stead.single_guardians(), vec![stead.guardian]].concat();
            for guardian in &guardians {
                stop(*guardian).await;
            }
            for guardian in guardians {
                kill(guardian, 9);
            }
            stead.kill_and_wait();
            assert_eq!(mark.alive().len(), STUBBORN_COUNT, "grandchildren live on");

            let (next, swept) = Stead::launch(runs.path(), mode, "exec sleep 5");
            assert_eq!(
                mark.alive(),
                [0_u32; 0],
                "they live when the next program runs"
            );
            let sleepers = swept.iter().filter(|line| line.ends_with(" sleep")).count();
            assert_eq!(sleepers, STUBBORN_COUNT, "{swept:?}");
            drop(next);
            until_clean(runs.path(), stead.pid).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_sweep_waits_for_a_guardian_that_is_still_at_it() {
    in_both_modes(|mode, runs, mark| async move {
        let (mut stead, _) = Stead::launch(runs.path(), mode, &marked(&mark, STUBBORN));
        mark.until_alive(STUBBORN_COUNT).await;
        let guardians = [stead.single_guardians(), vec![stead.guardian]].concat();
        for guardian in &guardians {
            stop(*guardian).await;
        }
        stead.kill_and_wait();
        let mut next = launch(runs.path(), mode, "exec sleep 5");
        let next_pid = next.id();
        let waits = || {
            let call = std::fs::read_to_string(format!("/proc/{next_pid}/wchan"));
            call.is_ok_and(|call| call.contains("poll"))
        };
        until("the sweep to wait", waits).await;
        assert_eq!(mark.alive().len(), STUBBORN_COUNT);
        for guardian in &guardians {
            kill(*guardian, libc::SIGCONT);
        }
        let mut line = String::new();
        let mut stdout = BufReader::new(next.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(
            line.starts_with("pid "),
            "nothing was left to sweep: {line}"
        );
        assert_eq!(mark.alive(), [0_u32; 0]);
        next.kill().unwrap();
        next.wait().unwrap();
        until_clean(runs.path(), next_pid).await;
    })
    .await;
}

#[tokio::test]
async fn a_live_stead_is_left_alone() {
    in_both_modes(|mode, runs, mark| async move {
        let (first, _) = Stead::launch(runs.path(), mode, &marked(&mark, STUBBORN));
        mark.until_alive(STUBBORN_COUNT).await;
        let (second, swept) = Stead::launch(runs.path(), mode, "exec sleep 5");
        assert_eq!(swept, Vec::<String>::new());
        assert_eq!(mark.alive().len(), STUBBORN_COUNT);
        let (pids, program) = ([first.pid, second.pid], children(second.guardian));
        drop(second);
        drop(first);
        for pid in pids {
            until_clean(runs.path(), pid).await;
        }
        assert!(!program.iter().any(|pid| is_alive(*pid)));
    })
    .await;
}

#[tokio::test]
async fn a_stead_killed_under_its_second_guardian_leaves_nothing() {
    in_both_modes(|mode, runs, mark| async move {
        let script = marked(&mark, STUBBORN);
        let (mut stead, _) = Stead::launch_again(runs.path(), mode, &script);
        for _ in 0..2 {
            mark.until_alive(STUBBORN_COUNT).await;
            stead.replace_guardian();
        }
        mark.until_alive(STUBBORN_COUNT).await;

        // It holds its record still.
        let (second, swept) = Stead::launch(runs.path(), mode, "exec sleep 5");
        assert_eq!(swept, Vec::<String>::new());
        assert_eq!(mark.alive().len(), STUBBORN_COUNT);
        let second_pid = second.pid;
        drop(second);

        stead.kill_and_wait();
        mark.until_alive(0).await;
        until_clean(runs.path(), stead.pid).await;
        until_clean(runs.path(), second_pid).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_second_guardian_leaves_when_killed_with_stead_is_swept() {
    let script = STUBBORN.replace("env -i ", "");
    in_both_modes(|mode, runs, mark| {
        let script = marked(&mark, &script);
        async move {
            let (mut stead, _) = Stead::launch_again(runs.path(), mode, &script);
            mark.until_alive(STUBBORN_COUNT).await;
            stead.replace_guardian();
            mark.until_alive(STUBBORN_COUNT).await;
            let guardians = [stead.single_guardians(), vec![stead.guardian]].concat();
            stop(stead.pid).await;
            for guardian in &guardians {
                stop(*guardian).await;
            }
            for guardian in guardians {
                kill(guardian, 9);
            }
            stead.kill_and_wait();
            assert_eq!(mark.alive().len(), STUBBORN_COUNT, "grandchildren live on");

            let (next, swept) = Stead::launch(runs.path(), mode, "exec sleep 5");
            assert_eq!(
                mark.alive(),
                [0_u32; 0],
                "they live when the next program runs"
            );
            let sleepers = swept.iter().filter(|line| line.ends_with(" sleep")).count();
            assert_eq!(sleepers, STUBBORN_COUNT, "{swept:?}");
            drop(next);
            until_clean(runs.path(), stead.pid).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stead_killed_at_any_moment_leaves_nothing_to_the_next() {
    in_both_modes(|mode, runs, mark| async move {
        let mut steads = Vec::new();
        for step in 0..40 {
            let mut stead = launch(runs.path(), mode, &marked(&mark, STUBBORN));
            // From before there is a guardian to after the program has forked.
            tokio::time::sleep(Duration::from_micros(step * 250)).await;
            stead.kill().unwrap();
            stead.wait().unwrap();
            steads.push(stead.id());
        }
        let (next, _) = Stead::launch(runs.path(), mode, "exec sleep 5");
        assert_eq!(
            mark.alive(),
            [0_u32; 0],
            "they live when the next program runs"
        );
        for stead in steads {
            assert_eq!(cgroups_of(stead), Vec::<PathBuf>::new());
        }
        let pid = next.pid;
        drop(next);
        until_clean(runs.path(), pid).await;
    })
    .await;
}

#[tokio::test]
async fn polite_signals_do_not_touch_a_guardian() {
    in_both_modes(|mode, runs, mark| async move {
        let (stead, _) = Stead::launch(runs.path(), mode, &marked(&mark, STUBBORN));
        mark.until_alive(STUBBORN_COUNT).await;
        let guardians = [stead.single_guardians(), vec![stead.guardian]].concat();
        for guardian in &guardians {
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
                kill(*guardian, signal);
                let pending = 1_u64 << (signal - 1);
                until("the signal to arrive", || {
                    let shown = status(*guardian, "ShdPnd").unwrap();
                    u64::from_str_radix(&shown, 16).unwrap() & pending != 0
                })
                .await;
            }
            assert!(is_alive(*guardian));
        }
        assert_eq!(mark.alive().len(), STUBBORN_COUNT);
        let pid = stead.pid;
        drop(stead);
        until_clean(runs.path(), pid).await;
    })
    .await;
}
