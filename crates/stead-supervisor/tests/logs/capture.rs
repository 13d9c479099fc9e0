//! What is written, and when a file is rotated.

use std::io::{Write, pipe};
use std::time::Duration;

use proptest::prelude::*;
use stead_supervisor::logs::{Collector, Kind, LogError, LogOptions, ReadOptions, Stream};

use super::{
    LIMIT, block_on, eventually, finish, names, options, raw, records, text, with_files, write_line,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is written, in whatever pieces, and however often the file is rotated meanwhile.
    #[test]
    fn bytes_come_back_as_they_were(
        chunks in prop::collection::vec((any::<bool>(), chunk()), 0..40),
        max_size in 200_u64..6000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let collector = Collector::start().unwrap();
        let options = with_files(dir.path(), max_size, |files| files.compress = max_size % 2 == 0);
        let log = collector.open(options).unwrap();
        let (out_reader, mut out) = pipe().unwrap();
        let (err_reader, mut err) = pipe().unwrap();
        log.attach(Stream::Stdout, out_reader).unwrap();
        log.attach(Stream::Stderr, err_reader).unwrap();
        let (mut all_out, mut all_err) = (Vec::new(), Vec::new());
        for (to_err, chunk) in &chunks {
            let (sink, all) = if *to_err { (&mut err, &mut all_err) } else { (&mut out, &mut all_out) };
            sink.write_all(chunk).unwrap();
            all.extend_from_slice(chunk);
        }
        drop((out, err));
        finish(&log);
        prop_assert_eq!(log.status().dropped, 0);
        prop_assert_eq!(log.status().bytes, (all_out.len() + all_err.len()) as u64);
        prop_assert_eq!(raw(dir.path(), Stream::Stdout), all_out);
        prop_assert_eq!(raw(dir.path(), Stream::Stderr), all_err);
    }
}

fn chunk() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b'\n'), Just(0), Just(b' '), any::<u8>()];
    prop::collection::vec(byte, 0..300)
}

#[test]
fn lines_too_long_to_be_held_and_empty_ones_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir.path(), 1 << 20))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    let mut expected: Vec<u8> = (0..3_000_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    // Forty times the bytes as records.
    expected.resize(expected.len() + 300_000, b'\n');
    expected.extend_from_slice(b"next");
    writer.write_all(&expected).unwrap();
    drop(writer);
    finish(&log);
    assert!(
        raw(dir.path(), Stream::Stdout) == expected,
        "the bytes differ"
    );
}

#[test]
fn a_line_written_in_pieces_is_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir.path(), 1 << 20))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    // All pieces are there when the first is read: how long a piece is held does not matter here.
    for piece in ["Trace", "back", "\n", "\n", "end"] {
        writer.write_all(piece.as_bytes()).unwrap();
    }
    drop(writer);
    log.attach(Stream::Stderr, reader).unwrap();
    finish(&log);
    let records = records(dir.path(), &ReadOptions::default());
    assert_eq!(text(&records), ["Traceback", "", "end"]);
    let kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [Kind::Line, Kind::Line, Kind::Partial]);
}

#[test]
fn a_prompt_without_a_newline_is_written_soon() {
    let dir = tempfile::tempdir().unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir.path(), 1 << 20))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    writer.write_all(b"password: ").unwrap();
    eventually("the prompt is in the file", || {
        raw(dir.path(), Stream::Stdout) == b"password: "
    });
    writer.write_all(b"x\n").unwrap();
    drop(writer);
    finish(&log);
    assert_eq!(raw(dir.path(), Stream::Stdout), b"password: x\n");
}

#[test]
fn files_are_rotated_between_records_and_within_their_size() {
    let dir = tempfile::tempdir().unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir.path(), 1000))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    for number in 0..500 {
        write_line(&mut writer, &format!("line {number}"));
    }
    drop(writer);
    finish(&log);
    let names = names(dir.path());
    assert!(names.len() > 20, "{names:?}");
    for name in &names {
        let content = std::fs::read(dir.path().join(name)).unwrap();
        assert!(content.len() <= 1000, "{name} has {} bytes", content.len());
        assert_eq!(content.last(), Some(&b'\n'), "{name}");
    }
    let lines = text(&records(dir.path(), &ReadOptions::default()));
    let expected: Vec<_> = (0..500).map(|number| format!("line {number}")).collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_file_is_rotated_at_its_age_without_any_output() {
    let dir = tempfile::tempdir().unwrap();
    let age = |files: &mut stead_supervisor::logs::LogFiles| {
        files.max_age = Some(Duration::from_millis(100));
    };
    let log = Collector::start()
        .unwrap()
        .open(with_files(dir.path(), 1 << 20, age))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    writer.write_all(b"old\n").unwrap();
    eventually("the file is rotated", || {
        names(dir.path())
            .iter()
            .any(|name| name.starts_with("orders.log.2"))
    });
    let current = std::fs::read(dir.path().join("orders.log")).unwrap();
    assert!(current.is_empty(), "an empty file has no age");
    drop(writer);
    finish(&log);
    assert_eq!(raw(dir.path(), Stream::Stdout), b"old\n");
}

#[test]
fn rotated_files_are_compressed_and_the_oldest_removed() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = |files: &mut stead_supervisor::logs::LogFiles| {
        (files.keep, files.compress) = (3, true);
    };
    let log = Collector::start()
        .unwrap()
        .open(with_files(dir.path(), 500, bounds))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    for number in 0..200 {
        write_line(&mut writer, &format!("line {number}"));
    }
    drop(writer);
    finish(&log);
    eventually("three compressed files are left", || {
        let names = names(dir.path());
        names.len() == 4 && names[1..].iter().all(|name| name.ends_with("Z.gz"))
    });
    let lines = text(&records(dir.path(), &ReadOptions::default()));
    let first = 200 - lines.len();
    assert!(first > 0);
    let expected: Vec<_> = (first..200)
        .map(|number| format!("line {number}"))
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn a_remark_is_in_the_file_and_not_in_the_output() {
    let dir = tempfile::tempdir().unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir.path(), 1 << 20))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stderr, reader).unwrap();
    writer.write_all(b"one\n").unwrap();
    drop(writer);
    assert!(block_on(log.drained(LIMIT)));
    log.note("started with pid 7");
    finish(&log);
    assert_eq!(raw(dir.path(), Stream::Stderr), b"one\n");
    let notes = ReadOptions {
        notes: true,
        ..ReadOptions::default()
    };
    assert_eq!(
        text(&records(dir.path(), &notes)),
        ["one", "started with pid 7"]
    );
    let file = std::fs::read_to_string(dir.path().join("orders.log")).unwrap();
    assert!(
        file.ends_with(" stderr F:stead started with pid 7\n"),
        "{file}"
    );
}

/// Somebody else, a grandchild, has the writing end too.
#[test]
fn a_pipe_that_is_held_open_delays_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir.path(), 1 << 20))
        .unwrap();
    let (reader, mut child) = pipe().unwrap();
    let mut grandchild = child.try_clone().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    child.write_all(b"child\n").unwrap();
    drop(child);
    let limit = if cfg!(target_os = "linux") {
        LIMIT
    } else {
        Duration::from_millis(300)
    };
    assert_eq!(block_on(log.drained(limit)), cfg!(target_os = "linux"));
    assert_eq!(raw(dir.path(), Stream::Stdout), b"child\n");
    assert_eq!(log.open_pipes(), 1);

    let (reader, mut next) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    next.write_all(b"next run\n").unwrap();
    drop(next);
    eventually("the next run's pipe is at its end", || {
        log.open_pipes() == 1
    });
    grandchild.write_all(b"grandchild\n").unwrap();
    eventually("the grandchild's line is there", || {
        raw(dir.path(), Stream::Stdout) == b"child\nnext run\ngrandchild\n"
    });
    block_on(log.finish(limit));
    eventually("the pipe is let go", || {
        grandchild.write_all(b"late\n").is_err() || log.open_pipes() == 0
    });
    assert_eq!(
        raw(dir.path(), Stream::Stdout),
        b"child\nnext run\ngrandchild\n"
    );
}

/// What a service writes without end does not keep `drained` from coming back.
#[test]
fn a_flood_does_not_keep_the_drain_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let keep = |files: &mut stead_supervisor::logs::LogFiles| files.keep = 1;
    let log = Collector::start()
        .unwrap()
        .open(with_files(dir.path(), 1 << 20, keep))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    let flood = std::thread::spawn(move || {
        let line = [b"x".repeat(127), b"\n".to_vec()].concat().repeat(64);
        while writer.write_all(&line).is_ok() {}
    });
    eventually("the flood is on", || log.status().bytes > 1 << 20);
    assert!(block_on(log.drained(LIMIT)));
    block_on(log.finish(LIMIT));
    flood.join().unwrap();
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Collector::start()
        .unwrap()
        .open(options(&file.join("logs"), 1))
        .unwrap_err();
    assert!(matches!(error, LogError::Open { .. }), "{error}");
}

#[test]
fn a_name_that_leaves_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start().unwrap();
    for name in ["", "../x", "a/b", ".hidden", "c:d"] {
        let options = LogOptions {
            service: name.into(),
            ..options(dir.path(), 1)
        };
        let error = collector.open(options).unwrap_err();
        assert!(matches!(error, LogError::Name(_)), "{error}");
    }
}
