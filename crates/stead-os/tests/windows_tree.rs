//! Process trees on Windows: nothing of one escapes, and its limits hold for all of it.
#![cfg(windows)]

mod windows;

use std::process::Stdio;
use std::time::Duration;

use stead_os::process::{Exit, LimitNotEnforced, Limits, Signal};
use windows::{DEADLINE, Fixture, Watched, line, probe, soon, stdout};

#[tokio::test]
async fn killing_the_tree_takes_the_grandchild() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["family"]).await;
    let out = stdout(&mut process);
    let grandchild: u32 = line(&out).await.parse().unwrap();
    let watched = Watched::open(grandchild);
    assert!(process.contains(process.id()));
    assert!(process.contains(grandchild));
    assert!(!process.contains(std::process::id()));

    process.kill_tree();
    soon("the exit", process.exit()).await;
    soon("the empty tree", process.empty()).await;
    assert!(!watched.runs());
    assert!(!process.contains(grandchild));
}

#[tokio::test]
async fn a_tree_outlives_its_first_process() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["orphan"]).await;
    let out = stdout(&mut process);
    let orphan: u32 = line(&out).await.parse().unwrap();
    let watched = Watched::open(orphan);
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(0));

    let mut empty = Box::pin(process.empty());
    assert!(watched.runs());
    assert!(process.contains(orphan));
    tokio::select! {
        biased;
        () = &mut empty => panic!("empty while the orphan runs"),
        () = std::future::ready(()) => {}
    }
    process.kill_tree();
    soon("the empty tree", empty).await;
    watched.ended(DEADLINE);
}

#[tokio::test]
async fn dropping_the_process_ends_the_tree() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["family"]).await;
    let out = stdout(&mut process);
    let watched = Watched::open(line(&out).await.parse().unwrap());
    let (exit, empty) = (process.exit(), process.empty());
    drop(process);
    // Both futures work without it.
    soon("the exit", exit).await;
    soon("the empty tree", empty).await;
    watched.ended(DEADLINE);
}

#[tokio::test]
async fn dropping_the_launcher_ends_every_tree() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["family"]).await;
    let out = stdout(&mut process);
    let watched = Watched::open(line(&out).await.parse().unwrap());
    drop(fixture);
    soon("the empty tree", process.empty()).await;
    soon("the exit", process.exit()).await;
    watched.ended(DEADLINE);
}

#[tokio::test]
async fn killing_the_owner_ends_its_programs_within_a_second() {
    let fixture = Fixture::new();
    let runs = fixture.folder.path().join("own");
    let (reader, writer) = std::io::pipe().unwrap();
    // Not by a launcher: a job of ours would end the programs too.
    #[expect(clippy::disallowed_methods, reason = "plays the one who starts Stead")]
    let mut owner = std::process::Command::new(windows::probe_program())
        .arg("own")
        .arg(&runs)
        .stdin(Stdio::null())
        .stdout(writer)
        .spawn()
        .unwrap();
    let told = line(&reader).await;
    let programs: Vec<Watched> = told
        .split(' ')
        .map(|pid| Watched::open(pid.parse().unwrap()))
        .collect();
    assert_eq!(programs.len(), 2);
    assert!(programs.iter().all(Watched::runs));

    owner.kill().unwrap();
    owner.wait().unwrap();
    for program in programs {
        program.ended(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn every_waiter_is_told() {
    let fixture = Fixture::new();
    let process = fixture.spawn(&["wait"]).await;
    let early: Vec<_> = (0..8).map(|_| tokio::spawn(process.exit())).collect();
    process.kill_tree();
    for waiter in early {
        assert_eq!(soon("an exit", waiter).await.unwrap(), Exit::Code(1));
    }
    assert_eq!(soon("the exit, late", process.exit()).await, Exit::Code(1));
    // Nothing is left to be told anything.
    process.ask(Signal(15));
    process.signal(Signal(15));
    process.kill_tree();
}

#[tokio::test]
async fn a_hundred_programs_at_once() {
    let fixture = Fixture::new();
    let mut running = Vec::new();
    for code in 0..100 {
        running.push((code, fixture.spawn(&["exit", &code.to_string()]).await));
    }
    for (code, process) in &running {
        assert_eq!(soon("an exit", process.exit()).await, Exit::Code(*code));
        soon("an empty tree", process.empty()).await;
    }
}

#[tokio::test]
async fn limits_are_in_force_or_reported() {
    let fixture = Fixture::new();
    let mut command = probe(&["wait"]);
    command.limits = Limits {
        memory: Some(256 << 20),
        cpu: Some(1.0),
        tasks: Some(16),
        open_files: Some(64),
    };
    let mut process = fixture.launcher.spawn(command).await.unwrap();
    assert_eq!(line(&stdout(&mut process)).await, "ready");
    let refused = process.not_enforced();
    assert!(
        refused.contains(&LimitNotEnforced {
            limit: "open_files",
            reason: "Windows has no such limit".to_owned(),
        }),
        "{refused:?}"
    );
    // What else is refused differs by system; none is refused without a reason.
    assert!(
        refused.iter().all(|refused| !refused.reason.is_empty()),
        "{refused:?}"
    );
    println!("not enforced here: {refused:?}");
}

#[tokio::test]
async fn usage_counts_the_tree() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["allocate", "64"]).await;
    let out = stdout(&mut process);
    assert_eq!(line(&out).await, (64 << 20).to_string());
    let usage = process.usage();
    println!("{usage:?}");
    assert!(usage.memory >= 64 << 20, "{usage:?}");
    assert!(usage.processes >= 1, "{usage:?}");
    process.kill_tree();
    soon("the empty tree", process.empty()).await;
    let usage = process.usage();
    assert_eq!((usage.memory, usage.processes), (0, 0));
}
