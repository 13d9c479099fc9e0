//! Log capture as its users see it: bytes go into a pipe and come back out of the files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod capture;
#[cfg(target_os = "linux")]
mod faults;
mod reading;

use std::io::{PipeWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use stead_supervisor::logs::{LogFiles, LogOptions, ReadOptions, Record, ServiceLog, Stream, read};

/// Longest a condition is waited for.
const LIMIT: Duration = Duration::from_secs(30);

/// A log in `dir` that keeps everything.
fn options(dir: &Path, max_size: u64) -> LogOptions {
    let files = LogFiles {
        max_size,
        max_age: None,
        keep: usize::MAX,
        compress: false,
        ..LogFiles::new(dir)
    };
    LogOptions {
        service: "orders".into(),
        files: Some(files),
        pass_through: false,
    }
}

fn with_files(dir: &Path, max_size: u64, change: impl FnOnce(&mut LogFiles)) -> LogOptions {
    let mut options = options(dir, max_size);
    change(options.files.as_mut().unwrap());
    options
}

fn records(dir: &Path, options: &ReadOptions) -> Vec<Record> {
    read(dir, "orders", options)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// The captured bytes of one stream.
fn raw(dir: &Path, stream: Stream) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records(dir, &ReadOptions::default()) {
        if record.stream == stream {
            record.write_raw(&mut out);
        }
    }
    out
}

fn text(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|record| String::from_utf8_lossy(&record.content).into_owned())
        .collect()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(future)
}

/// Writes a line as a whole: one in pieces is cut where the machine is too busy to bring them soon.
fn write_line(writer: &mut PipeWriter, line: &str) {
    writer.write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn finish(log: &ServiceLog) {
    assert!(
        block_on(log.finish(LIMIT)),
        "the pipes were not read in time"
    );
}

/// Names of the files in `dir`, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Waits until `condition` holds.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
