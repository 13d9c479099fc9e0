//! A process that writes is killed without warning; what it was told is durable must be there.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use stead_store::{
    CommitOutcome, Embedded, KeyRange, Options, ReadAt, Revision, Store, StoreError, Txn, Write,
};

const KILLS: u64 = 20;
const WRITERS: u64 = 8;
const FOLDER: &str = "STEAD_STORE_TEST_FOLDER";

fn options() -> Options {
    Options {
        // Small, so that kills hit snapshots too.
        checkpoint_bytes: 20_000,
        ..Options::default()
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    let seed = std::env::var("STEAD_CRASH_SEED").map_or(0, |seed| seed.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut newest = Revision(0);
    let mut acknowledged: BTreeMap<u64, u64> = BTreeMap::new();
    for kill in 0..KILLS {
        let mut child = start(folder.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left: i64 = random.random_range(1..400);
        let mut pid_seen = false;
        // Reads on after the kill: what is in the pipe was acknowledged too.
        for line in lines {
            let line = line.unwrap();
            // The test harness's own lines come between.
            let Some(numbers) = line.strip_prefix("written ") else {
                continue;
            };
            if !pid_seen {
                pid_seen = true;
                assert_in_use_by(folder.path(), child.id());
            }
            let numbers: Vec<u64> = numbers
                .split(' ')
                .map(|text| text.parse().unwrap())
                .collect();
            let [writer, number, revision] = numbers[..] else {
                panic!("{line:?}")
            };
            acknowledged.insert(writer, number);
            newest = newest.max(Revision(revision));
            left -= 1;
            if left == 0 {
                child.kill().unwrap();
            }
        }
        let status = child.wait().unwrap();
        assert!(left <= 0, "the writer ended by itself: {status}");

        let store = Embedded::open(folder.path(), options()).unwrap();
        let everything = store
            .range(KeyRange::prefix(""), ReadAt::Latest, None)
            .await
            .unwrap();
        assert!(everything.revision >= newest, "seed {seed}, kill {kill}");
        newest = everything.revision;
        let mut found: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for entry in everything.entries {
            let key = String::from_utf8(entry.key.to_vec()).unwrap();
            let (writer, _) = key.split_once('/').unwrap();
            let number = String::from_utf8(entry.value.to_vec()).unwrap();
            let numbers = found.entry(writer.parse().unwrap()).or_default();
            numbers.push(number.parse().unwrap());
        }
        for (writer, number) in &mut acknowledged {
            let [a, b] = found[writer][..] else {
                panic!("writer {writer} half applied: {found:?}")
            };
            assert_eq!(a, b, "writer {writer} half applied");
            assert!(
                a >= *number,
                "seed {seed}, kill {kill}: {a} instead of {number}"
            );
            *number = a;
        }
    }
}

fn assert_in_use_by(folder: &std::path::Path, holder: u32) {
    match Embedded::open(folder, options()) {
        Err(StoreError::InUse { pid, .. }) => assert_eq!(pid, Some(holder)),
        other => panic!("opened twice: {other:?}"),
    }
}

#[allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test, and it ends the child itself"
)]
fn start(folder: &std::path::Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "writes_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the test above starts and kills"]
async fn writes_until_it_is_killed() {
    let folder = std::env::var_os(FOLDER).expect("started by the test above");
    let store = Arc::new(Embedded::open(folder, options()).unwrap());
    let writers = (0..WRITERS).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let last = store
                .range(
                    KeyRange::prefix(format!("{writer}/")),
                    ReadAt::Latest,
                    Some(1),
                )
                .await
                .unwrap();
            let mut number: u64 = last.entries.first().map_or(0, |entry| {
                String::from_utf8(entry.value.to_vec())
                    .unwrap()
                    .parse()
                    .unwrap()
            });
            loop {
                number += 1;
                let put = |key| Write::Put {
                    key: Bytes::from(format!("{writer}/{key}")),
                    value: Bytes::from(number.to_string()),
                    lease: None,
                };
                let txn = Txn {
                    guards: vec![],
                    writes: vec![put("a"), put("b")],
                };
                let CommitOutcome::Done(revision) = store.commit(txn).await.unwrap() else {
                    panic!("a conflict without guards")
                };
                // Straight to the pipe: the harness's own capture must not hold it back.
                let line = format!("written {writer} {number} {}\n", revision.0);
                if std::io::stdout().lock().write_all(line.as_bytes()).is_err() {
                    return;
                }
            }
        })
    });
    futures::future::join_all(writers.collect::<Vec<_>>()).await;
}
