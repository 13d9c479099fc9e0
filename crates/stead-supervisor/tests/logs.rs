//! Capture as its users see it: bytes go into a pipe and come back out of the files.

use std::io::{Write, pipe};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use stead_supervisor::logs::{
    Collector, LogError, LogFiles, LogOptions, ReadOptions, Stream, read,
};

const LIMIT: Duration = Duration::from_secs(20);

fn options(dir: &Path) -> LogOptions {
    LogOptions {
        service: "orders".into(),
        files: Some(LogFiles::new(dir)),
        pass_through: false,
    }
}

/// The captured bytes of one stream.
fn raw(dir: &Path, stream: Stream) -> Vec<u8> {
    let mut out = Vec::new();
    for record in read(dir, "orders", ReadOptions::default()).unwrap() {
        let record = record.unwrap();
        if record.stream == stream {
            record.write_raw(&mut out);
        }
    }
    out
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is written, in whatever pieces, and however often the file is rotated meanwhile.
    #[test]
    fn bytes_come_back_as_they_were(
        chunks in prop::collection::vec((any::<bool>(), prop::collection::vec(prop_oneof![Just(b'\n'), Just(0), any::<u8>()], 0..300)), 0..40),
        max_size in 1u64..2000,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let collector = Collector::start().unwrap();
        let mut options = options(dir.path());
        let files = options.files.as_mut().unwrap();
        (files.max_size, files.keep, files.compress) = (max_size, 100_000, max_size % 2 == 0);
        let log = collector.open(options).unwrap();
        let (out_reader, mut out) = pipe().unwrap();
        let (err_reader, mut err) = pipe().unwrap();
        log.attach(Stream::Stdout, out_reader).unwrap();
        log.attach(Stream::Stderr, err_reader).unwrap();
        let (mut expected_out, mut expected_err) = (Vec::new(), Vec::new());
        for (to_err, chunk) in &chunks {
            let (sink, expected) = if *to_err { (&mut err, &mut expected_err) } else { (&mut out, &mut expected_out) };
            sink.write_all(chunk).unwrap();
            expected.extend_from_slice(chunk);
        }
        drop((out, err));
        prop_assert!(runtime().block_on(log.finish(LIMIT)));
        prop_assert_eq!(log.status().dropped, 0);
        prop_assert_eq!(raw(dir.path(), Stream::Stdout), expected_out);
        prop_assert_eq!(raw(dir.path(), Stream::Stderr), expected_err);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Collector::start()
        .unwrap()
        .open(options(&file.join("logs")))
        .unwrap_err();
    assert!(matches!(error, LogError::Open { .. }), "{error}");
}

#[test]
fn a_name_that_leaves_the_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start().unwrap();
    for name in ["", "../x", "a/b", ".hidden", "c:d"] {
        let error = collector
            .open(LogOptions {
                service: name.into(),
                ..options(dir.path())
            })
            .unwrap_err();
        assert!(matches!(error, LogError::Name(_)), "{error}");
    }
}
