//! Power cuts in the middle of concurrent writes, on a disk that forgets what was not synced.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::disk::Simulated;
use crate::embedded::{Embedded, History, Options};
use crate::{
    Change, CommitOutcome, KeyRange, Limits, ReadAt, Revision, Store, StoreError, Txn, Write,
};

/// Power cuts of the test; `STEAD_CRASH_SEED` runs one seed alone.
const CRASHES: u64 = 1_000;
const WRITERS: u64 = 6;
/// Power cuts one folder goes through.
const LIVES: u64 = 4;

#[test]
fn no_acknowledged_write_is_lost_in_a_power_cut() {
    let seeds = match std::env::var("STEAD_CRASH_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..CRASHES / LIVES).collect(),
    };
    for seed in seeds {
        if let Err(loss) = live(seed, Simulated::new(seed)) {
            panic!("STEAD_CRASH_SEED={seed}: {loss}");
        }
    }
}

#[test]
fn the_test_notices_when_syncs_are_taken_out() {
    let lost = (0..20).filter(|seed| live(*seed, Simulated::without_syncs(*seed)).is_err());
    assert!(lost.count() >= 15, "losses went unnoticed");
}

/// What the writers know.
#[derive(Default)]
struct Known {
    /// By writer: the last number acknowledged, the last number tried.
    numbers: BTreeMap<u64, (u64, u64)>,
    /// Acknowledged revisions with their writer and number.
    revisions: BTreeMap<Revision, (u64, u64)>,
    /// The newest revision that anybody saw.
    seen: Revision,
}

/// Several lives of one disk, each ended by a power cut. Answers what was lost.
fn live(seed: u64, mut disk: Simulated) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let known = Arc::new(Mutex::new(Known::default()));
    let options = Options {
        history: History {
            commits: 200,
            bytes: 1 << 20,
            age: Duration::from_hours(1),
        },
        limits: Limits::default(),
        checkpoint_bytes: random.random_range(500..20_000),
    };
    for _ in 0..LIVES {
        disk.fail_after(random.random_range(0..250));
        if random.random_bool(0.3) {
            disk.set_sync_faults(0.05);
        }
        match Embedded::open_on(Arc::new(disk.clone()), options, None) {
            Ok(store) => {
                runtime.block_on(write(&Arc::new(store), &known));
            }
            // The power failed while the store was opened.
            Err(StoreError::Io { .. }) => {}
            Err(damaged) => return Err(format!("{damaged}: {:?}", source(&damaged))),
        }
        if random.random_bool(0.3) {
            // Only the process died. What it left unsynced is seen now, and must not vanish later.
            disk = disk.restart();
            let store = open(&disk, options)?;
            runtime.block_on(check(&store, &mut known.lock().unwrap()))?;
            disk.fail_after(0);
        }
        disk = disk.power_cycle();
        let store = open(&disk, options)?;
        runtime.block_on(check(&store, &mut known.lock().unwrap()))?;
    }
    Ok(())
}

fn open(disk: &Simulated, options: Options) -> Result<Embedded, String> {
    Embedded::open_on(Arc::new(disk.clone()), options, None)
        .map_err(|error| format!("{error}: {:?}", source(&error)))
}

fn source(error: &StoreError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

/// Writes from several tasks until the power fails. A transaction puts the writer's number under
/// two keys.
async fn write(store: &Arc<Embedded>, known: &Arc<Mutex<Known>>) {
    let writers = (0..WRITERS).map(|writer| {
        let (store, known) = (Arc::clone(store), Arc::clone(known));
        async move {
            // A sync that failed may work again; the power does not come back.
            let mut failures = 0;
            while failures < 3 {
                let number = {
                    let mut known = known.lock().unwrap();
                    let numbers = known.numbers.entry(writer).or_default();
                    numbers.1 += 1;
                    numbers.1
                };
                let txn = Txn {
                    guards: vec![],
                    writes: vec![
                        put(&format!("{writer}/a"), number),
                        put(&format!("{writer}/b"), number),
                    ],
                };
                let Ok(CommitOutcome::Done(revision)) = store.commit(txn).await else {
                    failures += 1;
                    continue;
                };
                let mut known = known.lock().unwrap();
                known.numbers.entry(writer).or_default().0 = number;
                known.revisions.insert(revision, (writer, number));
                known.seen = known.seen.max(store.shared.read().revision);
            }
        }
    });
    futures::future::join_all(writers).await;
    let mut known = known.lock().unwrap();
    known.seen = known.seen.max(store.shared.read().revision);
}

fn put(key: &str, number: u64) -> Write {
    // Values of several sectors, so that a frame can be torn.
    let mut value = number.to_string();
    value.push(' ');
    value.push_str(&"x".repeat(usize::try_from(number * 97 % 900).unwrap()));
    Write::Put {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: value.into(),
        lease: None,
    }
}

fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    text.split(' ').next()?.parse().ok()
}

async fn check(store: &Embedded, known: &mut Known) -> Result<(), String> {
    let everything = KeyRange::prefix("");
    let read = store.range(everything, ReadAt::Latest, None).await.unwrap();
    if read.revision < known.seen {
        return Err(format!("from {:?} back to {:?}", known.seen, read.revision));
    }
    let mut found = BTreeMap::new();
    for entry in &read.entries {
        let key = std::str::from_utf8(&entry.key).map_err(|error| error.to_string())?;
        found.insert(key, number(&entry.value));
    }
    for (writer, (acknowledged, tried)) in &mut known.numbers {
        let a = found.remove(&*format!("{writer}/a")).flatten();
        let b = found.remove(&*format!("{writer}/b")).flatten();
        if a != b {
            return Err(format!("writer {writer} half applied: {a:?}, {b:?}"));
        }
        let there = a.unwrap_or(0);
        if there < *acknowledged || there > *tried {
            return Err(format!(
                "writer {writer} has {there}, acknowledged {acknowledged}, tried {tried}"
            ));
        }
        // What was not acknowledged but is there is there for good.
        *acknowledged = there;
    }
    if !found.is_empty() {
        return Err(format!("nobody wrote {found:?}"));
    }
    known.seen = read.revision;
    let floor = store.shared.read().floor;
    let count = usize::try_from(read.revision.0 - floor.0).unwrap();
    let mut expected = floor;
    let mut watch = store.watch(floor).take(count);
    while let Some(commit) = watch.next().await {
        let commit = commit.map_err(|error| error.to_string())?;
        expected.0 += 1;
        if commit.revision != expected {
            return Err(format!("{:?} instead of {expected:?}", commit.revision));
        }
        let Some((writer, number)) = known.revisions.get(&commit.revision) else {
            continue;
        };
        for (change, key) in commit.changes.iter().zip(["a", "b"]) {
            let Change::Put(entry) = change else {
                return Err(format!("{change:?} at {expected:?}"));
            };
            if entry.key != format!("{writer}/{key}") || self::number(&entry.value) != Some(*number)
            {
                return Err(format!("{expected:?} was another transaction's"));
            }
        }
    }
    Ok(())
}
