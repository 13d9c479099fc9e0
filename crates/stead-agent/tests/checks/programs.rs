//! exec and heartbeat.

use std::time::Duration;

use stead_agent::checks::BeatError;
use stead_model::definition::{Argv, Check, CheckKind, Period};
use stead_model::health::{OUTPUT_MAX, Outcome};
use stead_model::name::CheckName;
use stead_testkit::{DEADLINE, eventually_async, processes};

use super::{Bench, every, failed, worked};

fn sh(script: &str) -> CheckKind {
    CheckKind::Exec(Argv::new(["sh", "-c", script].map(str::to_owned).to_vec()).unwrap())
}

#[tokio::test]
async fn zero_is_success_and_both_outputs_are_shown() {
    let mut bench = Bench::new();
    let outcome = bench.once(sh("echo fine; echo though >&2")).await;
    worked(&outcome, "fine\n");
    worked(&outcome, "though\n");
    failed(
        &bench.once(sh("echo broken; exit 3")).await,
        "exit status 3: broken",
    );
    failed(&bench.once(sh("kill -9 $$")).await, "ended by signal 9");
    let missing = CheckKind::Exec(Argv::new(vec!["missing".into()]).unwrap());
    failed(
        &bench.once(missing).await,
        "exec missing: no executable missing",
    );
}

#[tokio::test]
async fn more_output_than_is_kept_stops_nobody() {
    let outcome = Bench::new()
        .once(sh("head -c 1000000 /dev/zero | tr '\\0' x"))
        .await;
    worked(&outcome, "xxx");
    assert_eq!(outcome.output.len(), OUTPUT_MAX);
}

async fn pids(path: &std::path::Path, count: usize) -> Vec<u32> {
    eventually_async(DEADLINE, "the script has written its pids", async || {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        (pids.len() == count).then_some(pids)
    })
    .await
}

async fn gone(pids: &[u32]) {
    eventually_async(DEADLINE, "the tree is gone", async || {
        (!pids.iter().any(|&pid| processes::runs(pid))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_whole_tree_ends_with_the_timeout() {
    let mut bench = Bench::new();
    let script = "setsid sleep 1000 & echo $! >> pids; echo $$ >> pids; sleep 1000";
    // Once: the interval is far off.
    let check = every(
        sh(script),
        Duration::from_secs(2),
        Duration::from_millis(700),
    );
    let _watch = bench.watch(vec![check]);
    let pids = pids(&bench.folder.path().join("pids"), 2).await;
    failed(&bench.next().await, "exec sh: no result within 700ms");
    gone(&pids).await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_delays_nothing() {
    let mut bench = Bench::new();
    let script = "sleep 1000 & echo $! > pids; echo done";
    worked(&bench.once(sh(script)).await, "done");
    gone(&pids(&bench.folder.path().join("pids"), 1).await).await;
}

#[tokio::test]
async fn a_try_under_way_ends_with_the_watch() {
    let bench = Bench::new();
    let check = every(
        sh("echo $$ > pids; sleep 1000"),
        Duration::from_millis(40),
        DEADLINE,
    );
    let watch = bench.watch(vec![check]);
    let pids = pids(&bench.folder.path().join("pids"), 1).await;
    drop(watch);
    gone(&pids).await;
    tokio::time::timeout(DEADLINE, bench.checks.shutdown())
        .await
        .unwrap();
}

fn heartbeat() -> Check {
    let kind = CheckKind::Heartbeat(Period::from_secs(15));
    every(kind, Duration::from_secs(5), Duration::from_secs(2))
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_failure_for_as_long_as_it_lasts() {
    let mut bench = Bench::new();
    let watch = bench.watch(vec![heartbeat()]);
    let name = CheckName::new("heartbeat").unwrap();
    assert!(watch.heartbeat(&CheckName::new("http").unwrap()).is_none());
    let heart = watch.heartbeat(&name).unwrap().clone();
    let start = tokio::time::Instant::now();
    heart
        .beat(Outcome::Success, "three orders a second")
        .unwrap();
    worked(&bench.next().await, "three orders a second");
    assert_eq!(start.elapsed().as_secs(), 0, "a report counts at once");
    for missed in 1..=3 {
        failed(&bench.next().await, "no heartbeat within 15s");
        assert_eq!(start.elapsed().as_secs(), missed * 15);
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    heart.beat(Outcome::Failure, "no database").unwrap();
    failed(&bench.next().await, "no database");
    failed(&bench.next().await, "no heartbeat");
    assert_eq!(
        start.elapsed().as_secs(),
        3 * 15 + 10 + 15,
        "the wait begins anew with a report"
    );
    drop(watch);
    bench.checks.shutdown().await;
    assert_eq!(heart.beat(Outcome::Success, ""), Err(BeatError::Stopped));
}
