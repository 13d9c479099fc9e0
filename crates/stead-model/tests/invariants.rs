//! The model does no IO, knows no clock and never sees an asynchronous runtime.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in the helpers of a test as in the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// What no source of the model may name, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("std::fs", "files are read by whoever calls the model"),
    ("std::io", "there is no IO"),
    ("std::env", "the environment is the caller's"),
    ("std::process", "programs are started by stead-os"),
    ("std::thread", "a pure function needs no thread"),
    ("TcpStream", "there is no network"),
    ("UdpSocket", "there is no network"),
    ("Instant::now", "time comes in as a Moment"),
    ("SystemTime", "time comes in as a Moment or a Timestamp"),
    ("Timestamp::now", "time comes in as a Moment or a Timestamp"),
    ("tokio", "decisions are not asynchronous"),
    ("async fn", "decisions are not asynchronous"),
];

const DEPENDENCIES: &[&str] = &["jiff", "serde", "strsim", "thiserror", "toml"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_source_names_io_a_clock_or_a_runtime() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for (number, line) in code.enumerate() {
            for (word, why) in FORBIDDEN {
                assert!(
                    !line.contains(word),
                    "{} line {number}: `{word}`: {why}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn the_dependencies_are_the_few_that_do_no_io() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let named: Vec<_> = manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(named, DEPENDENCIES);
}
