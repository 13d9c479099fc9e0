//! Reading and following, over rotations and what a kill left behind.

use std::io::{Write, pipe};
use std::path::Path;

use stead_supervisor::logs::{Collector, Kind, ReadOptions, ServiceLog, Stream};

use super::{
    LIMIT, block_on, eventually, finish, names, options, raw, records, text, with_files, write_line,
};

fn write_lines(log: &ServiceLog, lines: std::ops::Range<u32>) {
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    for number in lines {
        write_line(&mut writer, &number.to_string());
    }
    drop(writer);
    assert!(block_on(log.drained(LIMIT)));
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn the_last_lines_are_counted_over_plain_and_compressed_files() {
    let dir = tempfile::tempdir().unwrap();
    let compress = |files: &mut stead_supervisor::logs::LogFiles| files.compress = true;
    let log = Collector::start()
        .unwrap()
        .open(with_files(dir.path(), 2000, compress))
        .unwrap();
    write_lines(&log, 0..200);
    finish(&log);
    eventually("the rotated files are compressed", || {
        names(dir.path())[1..]
            .iter()
            .all(|name| name.ends_with("Z.gz"))
    });
    for wanted in [0, 1, 7, 60, 199, 200, 5000] {
        let last = ReadOptions {
            lines: Some(wanted),
            ..ReadOptions::default()
        };
        let expected = numbers(200 - 200.min(u32::try_from(wanted).unwrap())..200);
        assert_eq!(text(&records(dir.path(), &last)), expected, "{wanted}");
    }
}

#[test]
fn the_last_lines_are_those_of_the_moment_they_were_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir.path(), 1 << 20))
        .unwrap();
    write_lines(&log, 0..10);
    let last = ReadOptions {
        lines: Some(2),
        ..ReadOptions::default()
    };
    let reader = log.read(&last).unwrap();
    write_lines(&log, 10..500);
    let read: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(text(&read), numbers(8..10));
}

#[test]
fn since_leaves_out_what_is_older() {
    let dir = tempfile::tempdir().unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir.path(), 1 << 20))
        .unwrap();
    write_lines(&log, 0..3);
    write_lines(&log, 3..6);
    let all = records(dir.path(), &ReadOptions::default());
    let since = ReadOptions {
        since: Some(all[3].time),
        ..ReadOptions::default()
    };
    let expected = all
        .iter()
        .filter(|record| record.time >= all[3].time)
        .cloned();
    assert_eq!(records(dir.path(), &since), expected.collect::<Vec<_>>());
}

#[test]
fn a_log_that_is_not_there_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        records(&dir.path().join("none"), &ReadOptions::default()),
        []
    );
}

/// The follower starts in the middle of the writing, and the file is rotated every few records.
#[test]
fn following_loses_and_doubles_nothing_over_rotations() {
    let dir = tempfile::tempdir().unwrap();
    let compress = |files: &mut stead_supervisor::logs::LogFiles| files.compress = true;
    let log = Collector::start()
        .unwrap()
        .open(with_files(dir.path(), 8000, compress))
        .unwrap();
    let last = 20_000;
    let writer = std::thread::spawn({
        let log = log.clone();
        move || {
            for start in (0..last).step_by(500) {
                write_lines(&log, start..start + 500);
            }
        }
    });
    for wanted in [None, Some(10)] {
        eventually("something is written", || log.status().lines > 1000);
        let follow = ReadOptions {
            lines: wanted,
            ..ReadOptions::default()
        };
        let mut follower = log.follow(&follow).unwrap();
        let mut seen: Vec<u32> = Vec::new();
        block_on(async {
            while seen.last() != Some(&(last - 1)) {
                let next = tokio::time::timeout(LIMIT, follower.next());
                let batch = next.await.expect("a record in time").unwrap();
                assert!(!batch.is_empty(), "the log was closed");
                seen.extend(text(&batch).iter().map(|line| line.parse::<u32>().unwrap()));
            }
        });
        let wrong = seen.windows(2).find(|pair| pair[0] + 1 != pair[1]);
        assert_eq!(wrong, None, "a gap or a repetition");
        assert!(wanted.is_some() || seen[0] == 0, "begins at {}", seen[0]);
    }
    writer.join().unwrap();
}

#[test]
fn following_ends_with_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start().unwrap();
    let log = collector.open(options(dir.path(), 1 << 20)).unwrap();
    let mut follower = log.follow(&ReadOptions::default()).unwrap();
    write_lines(&log, 0..2);
    assert_eq!(text(&block_on(follower.next()).unwrap()), ["0", "1"]);
    drop((log, collector));
    let end = block_on(async { tokio::time::timeout(LIMIT, follower.next()).await });
    assert_eq!(end.unwrap().unwrap(), []);
}

fn left_behind(dir: &Path, tail: &[u8]) -> Vec<(Kind, String)> {
    let mut file = b"2026-11-22T22:57:38.000000000Z stdout F whole\n".to_vec();
    file.extend_from_slice(tail);
    std::fs::write(dir.join("orders.log"), file).unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir, 1 << 20))
        .unwrap();
    write_lines(&log, 0..1);
    finish(&log);
    let records = records(dir, &ReadOptions::default());
    records
        .iter()
        .map(|record| record.kind)
        .zip(text(&records))
        .collect()
}

#[test]
fn a_record_that_was_cut_off_is_ended_or_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let whole = || (Kind::Line, "whole".to_owned());
    let next = || (Kind::Line, "0".to_owned());
    let header = b"2026-11-22T22:57:39.000000000Z stdout F ";
    for cut in 1..header.len() {
        assert_eq!(
            left_behind(dir.path(), &header[..cut]),
            [whole(), next()],
            "{cut}"
        );
    }
    let cut = left_behind(dir.path(), &[&header[..], b"half a l"].concat());
    assert_eq!(cut, [whole(), (Kind::Partial, "half a l".into()), next()]);
    // What a power cut leaves: the length was written, the bytes were not.
    assert_eq!(
        left_behind(dir.path(), &vec![0; 100_000]),
        [whole(), next()]
    );
}

#[test]
fn leftovers_of_a_compression_are_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let line = |text: &str| format!("2026-11-22T22:57:38.000000000Z stdout F {text}\n");
    let path = |name: &str| dir.path().join(format!("orders.log.{name}"));
    // Killed after the new name was given, before the plain file was removed.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(line("one").as_bytes()).unwrap();
    std::fs::write(path("20261122T225738.000001Z.gz"), gzip.finish().unwrap()).unwrap();
    std::fs::write(path("20261122T225738.000001Z"), line("one")).unwrap();
    // Killed in the middle.
    std::fs::write(path("20261122T225738.000002Z.gz.tmp"), "half").unwrap();
    std::fs::write(path("20261122T225738.000002Z"), line("two")).unwrap();
    assert_eq!(
        raw(dir.path(), Stream::Stdout),
        b"one\ntwo\n",
        "read before it is put right"
    );

    let compress = |files: &mut stead_supervisor::logs::LogFiles| files.compress = true;
    let log = Collector::start()
        .unwrap()
        .open(with_files(dir.path(), 1 << 20, compress))
        .unwrap();
    eventually("the folder is tidy", || {
        names(dir.path())
            == [
                "orders.log",
                "orders.log.20261122T225738.000001Z.gz",
                "orders.log.20261122T225738.000002Z.gz",
            ]
    });
    write_lines(&log, 3..4);
    finish(&log);
    assert_eq!(raw(dir.path(), Stream::Stdout), b"one\ntwo\n3\n");
}
