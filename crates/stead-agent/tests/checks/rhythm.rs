//! When tries are made, and what waiting for them costs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use stead_agent::checks::{Checked, FIRST_WITHIN};
use stead_model::ServiceName;
use stead_model::definition::CheckKind;
use stead_model::name::CheckName;
use tokio::time::Instant;

use super::{Bench, closed, every, server};

/// With the clock standing still but for timers, the rhythm can be read off exactly.
#[tokio::test(start_paused = true)]
async fn the_interval_is_from_start_to_start() {
    let mut bench = Bench::new();
    // The program cannot be looked up, so no time passes in a try.
    let kind = CheckKind::Exec(stead_model::definition::Argv::new(vec!["missing".into()]).unwrap());
    let start = Instant::now();
    let _watch = bench.watch(vec![every(
        kind,
        Duration::from_secs(5),
        Duration::from_secs(2),
    )]);
    bench.next().await;
    let first = start.elapsed();
    assert!(
        first <= FIRST_WITHIN + Duration::from_millis(2),
        "{first:?}"
    );
    for later in 1..4 {
        bench.next().await;
        let expected = first + Duration::from_secs(5) * later;
        let off = start.elapsed().abs_diff(expected);
        assert!(
            off <= Duration::from_millis(2),
            "try {later} is off by {off:?}"
        );
    }
}

#[tokio::test]
async fn a_try_that_takes_longer_is_never_joined_by_the_next() {
    let (entered, mut entries) = tokio::sync::mpsc::channel(16);
    let address = server(move |stream| {
        let entered = entered.clone();
        async move {
            entered.send(()).await.unwrap();
            std::future::pending::<()>().await;
            drop(stream);
        }
    })
    .await;
    let mut bench = Bench::new();
    let kind = CheckKind::Http(format!("http://{address}/"));
    let _watch = bench.watch(vec![every(
        kind,
        Duration::from_millis(10),
        Duration::from_millis(150),
    )]);
    for number in 0..3 {
        entries.recv().await.unwrap();
        bench.next().await;
        assert!(entries.is_empty(), "try {number} was joined");
    }
}

#[tokio::test(start_paused = true)]
async fn first_tries_are_spread() {
    let bench = Bench::new();
    let mut moments = BTreeSet::new();
    let mut results = bench.results;
    let missing = stead_model::definition::Argv::new(vec!["missing".into()]).unwrap();
    let start = Instant::now();
    let mut watches = Vec::new();
    for number in 0..40 {
        let mut check = every(
            CheckKind::Exec(missing.clone()),
            Duration::from_mins(1),
            Duration::from_secs(2),
        );
        check.name = CheckName::new(format!("exec-{number}")).unwrap();
        watches.push(bench.checks.watch(Checked {
            service: ServiceName::new("orders").unwrap(),
            run: 1,
            checks: vec![check],
            prepare: Arc::new(|_| Err("nothing to run".to_owned())),
            results: bench.sender.clone(),
        }));
    }
    for _ in 0..40 {
        results.recv().await.unwrap();
        moments.insert(start.elapsed().as_millis());
    }
    assert!(
        moments.len() > 25,
        "{} moments for 40 checks",
        moments.len()
    );
    assert!(*moments.last().unwrap() <= FIRST_WITHIN.as_millis() + 2);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_check_that_waits_costs_little() {
    let bench = Bench::new();
    let prepare: stead_agent::checks::Prepare = Arc::new(|_| Err("nothing to run".to_owned()));
    let before = private_kib();
    let mut watches = Vec::new();
    for number in 0..1000 {
        let kind = CheckKind::Http(format!("http://{}/health", closed()));
        watches.push(bench.checks.watch(Checked {
            service: ServiceName::new(format!("service-{number}")).unwrap(),
            run: 1,
            checks: vec![every(kind, Duration::from_hours(1), Duration::from_secs(2))],
            prepare: Arc::clone(&prepare),
            results: bench.sender.clone(),
        }));
    }
    let each = (private_kib() - before) * 1024 / 1000;
    assert!(each < 3072, "{each} bytes a check");
}

/// Memory of this process that no other shares.
#[cfg(target_os = "linux")]
fn private_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
