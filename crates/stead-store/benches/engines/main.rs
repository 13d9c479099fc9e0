//! The embedded engine against redb and SQLite, each behind a writer that commits groups.
//!
//! `cargo bench -p stead-store` prints writes a second, latencies, bytes on disk, the time to
//! reopen and resident memory, and the ratios between the engines in this one run. The folders
//! are in cargo's target folder, so that a `/tmp` in memory does not flatter anybody.
//! `STEAD_BENCH_SECONDS` (= 2) is the time per measurement; of three rounds the best counts.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench: it prints, and what it cannot do ends it"
)]

mod engines;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use engines::{Engine, Grouped, Redb, Sqlite, Stead};

/// Keys each writer goes through.
const KEYS: u64 = 1_000;
const VALUE: usize = 200;
/// Rounds of measurements; the best counts.
const ROUNDS: usize = 3;
/// Entries loaded for the reopening.
const ENTRIES: u64 = 100_000;

struct Measured {
    engine: &'static str,
    one: Rate,
    many: Rate,
    bytes_per_write: u64,
    reopen: Duration,
    resident: Option<u64>,
}

struct Rate {
    per_second: f64,
    p50: Duration,
    p99: Duration,
    /// Processor time of the whole process per write, which other load on the machine does not
    /// change.
    processor: Option<Duration>,
}

type Open = fn(&Path) -> Arc<dyn Engine>;

const ALL: [(&str, Open); 3] = [
    ("stead", |folder| Arc::new(Stead::open(folder))),
    ("redb", |folder| Arc::new(Grouped::new(Redb::open(folder)))),
    ("sqlite", |folder| {
        Arc::new(Grouped::new(Sqlite::open(folder)))
    }),
];

fn main() {
    // The reopening is measured in a process of its own, so that memory is the engine's alone.
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--reopen") {
        let engine = arguments.next().expect("an engine");
        let folder = arguments.next().expect("a folder");
        reopen(&engine, Path::new(&folder));
        return;
    }
    let seconds = std::env::var("STEAD_BENCH_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(2.0);
    let time = Duration::from_secs_f64(seconds);
    let probe = probe_sync();
    println!("one 4 KiB overwrite and fdatasync: {probe:.0?}\n");
    println!(
        "{:8} {:>11} {:>8} {:>8} {:>12} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "engine",
        "1 writer/s",
        "p50",
        "p99",
        "64 writers/s",
        "p50",
        "p99",
        "CPU",
        "B/write",
        "reopen",
        "RSS"
    );
    // Turn by turn, so that what else the machine does meets all of them.
    let mut rates: Vec<(Vec<Rate>, Vec<Rate>)> = ALL.map(|_| (vec![], vec![])).into();
    for _ in 0..ROUNDS {
        for ((_, open), (one, many)) in ALL.iter().zip(&mut rates) {
            let folder = folder();
            let store = open(folder.path());
            one.push(write(&store, 1, time));
            many.push(write(&store, 64, time));
        }
    }
    let measured: Vec<Measured> = ALL
        .iter()
        .zip(rates)
        .map(|((engine, open), (one, many))| {
            let measured = measure(engine, *open, one, many);
            println!(
                "{:8} {:>11.0} {:>8.1?} {:>8.1?} {:>12.0} {:>8.1?} {:>8.1?} {:>8.1?} {:>8} {:>8.1?} {:>8}",
                engine,
                measured.one.per_second,
                measured.one.p50,
                measured.one.p99,
                measured.many.per_second,
                measured.many.p50,
                measured.many.p99,
                measured.many.processor.unwrap_or_default(),
                measured.bytes_per_write,
                measured.reopen,
                measured
                    .resident
                    .map_or_else(|| "?".to_owned(), |bytes| format!("{} MiB", bytes >> 20)),
            );
            measured
        })
        .collect();
    println!();
    let stead = &measured[0];
    for other in &measured[1..] {
        println!(
            "stead / {}: {:.2} x the writes of 1 writer, {:.2} x the writes of 64 writers",
            other.engine,
            stead.one.per_second / other.one.per_second,
            stead.many.per_second / other.many.per_second,
        );
    }
}

/// The fastest: what disturbs a run only ever makes it slower.
fn best(rounds: Vec<Rate>) -> Rate {
    rounds
        .into_iter()
        .max_by(|a, b| a.per_second.total_cmp(&b.per_second))
        .expect("at least one round")
}

fn measure(engine: &'static str, open: Open, one: Vec<Rate>, many: Vec<Rate>) -> Measured {
    let (one, many) = (best(one), best(many));
    let folder = folder();
    let store = open(folder.path());
    load(&store);
    drop(store);
    let bytes_per_write = size(folder.path()) / ENTRIES;
    let child = std::process::Command::new(std::env::current_exe().expect("the bench's own path"))
        .args(["--reopen", engine])
        .arg(folder.path())
        .output()
        .expect("the bench can run itself");
    let answer = String::from_utf8_lossy(&child.stdout);
    let mut numbers = answer.split_whitespace().map(|text| text.parse().ok());
    let micros = numbers.next().flatten().expect("the time of the reopening");
    Measured {
        engine,
        one,
        many,
        bytes_per_write,
        reopen: Duration::from_micros(micros),
        resident: numbers.next().flatten(),
    }
}

fn reopen(engine: &str, folder: &Path) {
    let open = ALL.iter().find(|(name, _)| *name == engine);
    let (_, open) = open.expect("a known engine");
    let start = Instant::now();
    let store = open(folder);
    let took = start.elapsed();
    print!("{}", took.as_micros());
    if let Some(bytes) = resident() {
        print!(" {bytes}");
    }
    drop(store);
}

fn write(store: &Arc<dyn Engine>, writers: u64, time: Duration) -> Rate {
    let runtime = runtime();
    let stop = Arc::new(AtomicBool::new(false));
    let processor = processor_time();
    let start = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let store = Arc::clone(store);
            let stop = Arc::clone(&stop);
            runtime.spawn(async move {
                let mut latencies = Vec::new();
                let mut count = writer;
                while !stop.load(Ordering::Relaxed) {
                    count += 7919;
                    let key = format!("service/{writer:03}/{:06}", count % KEYS);
                    let begun = Instant::now();
                    store.put(key.into_bytes(), vec![b'v'; VALUE]).await;
                    latencies.push(begun.elapsed());
                }
                latencies
            })
        })
        .collect();
    let latencies = runtime.block_on(async {
        tokio::time::sleep(time).await;
        stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.expect("a writer"));
        }
        all
    });
    let took = start.elapsed();
    let done = u32::try_from(latencies.len()).expect("a run of seconds");
    let processor = processor_time()
        .zip(processor)
        .map(|(after, before)| after.saturating_sub(before) / done);
    let mut sorted = latencies;
    sorted.sort_unstable();
    let per_second = f64::from(done) / took.as_secs_f64();
    Rate {
        per_second,
        p50: sorted[sorted.len() / 2],
        p99: sorted[sorted.len() * 99 / 100],
        processor,
    }
}

fn load(store: &Arc<dyn Engine>) {
    let runtime = runtime();
    let tasks: Vec<_> = (0..100)
        .map(|part| {
            let store = Arc::clone(store);
            runtime.spawn(async move {
                for count in 0..ENTRIES / 100 {
                    let key = format!("service/{part:03}/{count:06}");
                    store.put(key.into_bytes(), vec![b'v'; VALUE]).await;
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("a writer");
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("a runtime")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

fn size(folder: &Path) -> u64 {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let entry = entry.expect("an entry");
        let meta = entry.metadata().expect("its size");
        sum += if meta.is_dir() {
            size(&entry.path())
        } else {
            meta.len()
        };
    }
    sum
}

fn processor_time() -> Option<Duration> {
    // Of the kernel's per-process scheduler statistics, summed over the threads alive.
    let mut sum = 0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        sum += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(sum))
}

fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib << 10)
}

fn probe_sync() -> Duration {
    use std::io::{Seek, SeekFrom, Write};
    let folder = folder();
    let mut file = std::fs::File::create(folder.path().join("probe")).expect("a file");
    file.write_all(&[1; 4096]).expect("room");
    file.sync_all().expect("a sync");
    let mut all: Vec<Duration> = (0..500)
        .map(|_| {
            let start = Instant::now();
            file.seek(SeekFrom::Start(0)).expect("a seek");
            file.write_all(&[2; 4096]).expect("a write");
            file.sync_data().expect("a sync");
            start.elapsed()
        })
        .collect();
    all.sort_unstable();
    all[all.len() / 2]
}
