//! What must not go wrong when everything else does. Where that takes a process of its own, the test
//! runs itself once more, with the folder to work in in the environment, and plays the other part there.

use std::io::{BufRead, BufReader, Write, pipe};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stead_supervisor::logs::{Collector, LogOptions, ReadOptions, ServiceLog, Stream};

use super::{LIMIT, block_on, eventually, finish, names, options, raw, records, text, with_files};

const DIR: &str = "STEAD_TEST_DIR";

fn helper_command(launcher: &[&str], helper: &str, dir: &Path) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut words = launcher
        .iter()
        .map(std::ffi::OsStr::new)
        .chain([this.as_os_str()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command.args(["--exact", &format!("faults::{helper}"), "--nocapture"]);
    command.env(DIR, dir).stdin(Stdio::null());
    command
}

#[allow(
    clippy::disallowed_methods,
    reason = "the helper is a part of the test"
)]
fn spawn(mut command: Command) -> Child {
    command.spawn().unwrap()
}

/// The folder to work in, in the process that a test started.
fn helper_dir() -> Option<PathBuf> {
    std::env::var_os(DIR).map(PathBuf::from)
}

#[test]
fn a_deleted_folder_is_made_again() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("logs");
    let log = Collector::start()
        .unwrap()
        .open(options(&dir, 1 << 20))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    let mut follower = log.follow(&ReadOptions::default()).unwrap();
    writer.write_all(b"before\n").unwrap();
    assert!(block_on(log.drained(LIMIT)));
    assert_eq!(text(&block_on(follower.next()).unwrap()), ["before"]);
    std::fs::remove_dir_all(&dir).unwrap();
    writer.write_all(b"after\n").unwrap();
    assert_eq!(text(&block_on(follower.next()).unwrap()), ["after"]);
    drop(writer);
    finish(&log);
    assert_eq!(raw(&dir, Stream::Stdout), b"after\n");
    assert_eq!(log.status().dropped, 0);
}

#[test]
fn a_folder_that_became_a_file_costs_lines_and_nothing_else() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("logs");
    let log = Collector::start()
        .unwrap()
        .open(options(&dir, 1 << 20))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::write(&dir, "in the way").unwrap();
    writer.write_all(b"lost 1\nlost 2\n").unwrap();
    eventually("two are dropped", || log.status().dropped == 2);
    assert!(log.status().last_error.is_some());
    std::fs::remove_file(&dir).unwrap();
    until_written(&log, &mut writer);
    drop(writer);
    finish(&log);
    accounted_for(&dir, &log);
}

/// Writes lines until the log takes them again.
fn until_written(log: &ServiceLog, writer: &mut impl Write) {
    let end = Instant::now() + LIMIT;
    loop {
        assert!(Instant::now() < end, "the log was not taken up again");
        let before = log.status();
        writer.write_all(b"again\n").unwrap();
        assert!(block_on(log.drained(LIMIT)));
        let after = log.status();
        if after.lines > before.lines && after.dropped == before.dropped {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Every line is in the files or in the count of a remark.
fn accounted_for(dir: &Path, log: &ServiceLog) {
    let all = records(
        dir,
        &ReadOptions {
            notes: true,
            ..ReadOptions::default()
        },
    );
    let (mut lines, mut dropped) = (0, 0);
    for line in text(&all) {
        match line.split_once(" of output dropped: ") {
            Some((count, _)) => {
                dropped += count.split(' ').next().unwrap().parse::<u64>().unwrap();
            }
            None => lines += 1,
        }
    }
    let status = log.status();
    assert!(dropped > 0, "no remark");
    assert_eq!(dropped, status.dropped);
    assert_eq!(lines + dropped, status.lines);
}

/// On a file system of 256 KiB, which root or a user namespace can mount.
#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    if let Some(dir) = helper_dir() {
        return full_disk_helper(&dir);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut launcher = vec!["unshare", "--mount"];
    let uid = std::fs::read_to_string("/proc/self/status").unwrap();
    if !uid.lines().any(|line| line.starts_with("Uid:\t0\t")) {
        launcher.push("--map-root-user");
    }
    launcher.extend([
        "sh",
        "-c",
        "mount -t tmpfs -o size=256k none \"$STEAD_TEST_DIR\" && exec \"$0\" \"$@\"",
    ]);
    let mut helper = spawn(helper_command(
        &launcher,
        "a_full_disk_costs_lines_and_nothing_else",
        dir.path(),
    ));
    assert!(helper.wait().unwrap().success());
}

fn full_disk_helper(dir: &Path) {
    let filler = dir.join("filler");
    std::fs::write(&filler, vec![0; 128 * 1024]).unwrap();
    let log = Collector::start()
        .unwrap()
        .open(options(dir, 1 << 20))
        .unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    for number in 0..5000 {
        super::write_line(&mut writer, &format!("{number:0100}"));
    }
    assert!(block_on(log.drained(LIMIT)));
    let status = log.status();
    assert_eq!(status.lines, 5000);
    assert!(status.dropped > 3000, "{status:?}");
    assert!(status.last_error.unwrap().contains("No space left"));
    std::fs::remove_file(filler).unwrap();
    until_written(&log, &mut writer);
    drop(writer);
    finish(&log);
    accounted_for(dir, &log);
    // What is there is whole, and in order.
    let lines = text(&records(dir, &ReadOptions::default()));
    let whole = lines.iter().take_while(|line| *line != "again");
    let numbers: Vec<u32> = whole.map(|line| line.parse().unwrap()).collect();
    assert!(numbers.len() > 500 && numbers.is_sorted_by(|a, b| a < b));
}

/// Twenty times in one folder, at whatever moment of writing, rotating or compressing it hits.
#[test]
fn a_kill_in_the_middle_loses_nothing_that_was_acknowledged() {
    if let Some(dir) = helper_dir() {
        killed_helper(&dir);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut rotated = 0;
    for round in 0..20 {
        let mut command = helper_command(
            &[],
            "a_kill_in_the_middle_loses_nothing_that_was_acknowledged",
            dir.path(),
        );
        command.stdout(Stdio::piped());
        let mut helper = spawn(command);
        let mut acknowledged = None;
        let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines();
        // Sooner or later in the life of the writer.
        let mut left = 2 + round % 5;
        while left > 0 {
            let line = lines.next().expect("the helper goes on").unwrap();
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged = Some(number.parse::<u32>().unwrap());
                left -= 1;
            }
        }
        helper.kill().unwrap();
        for line in lines.map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                acknowledged = number.parse().ok().or(acknowledged);
            }
        }
        helper.wait().unwrap();
        // Once as it was left behind, once as the next start puts it right.
        for reopened in [false, true] {
            let collector = Collector::start().unwrap();
            let _log = reopened.then(|| collector.open(small(dir.path())).unwrap());
            let numbers: Vec<u32> = whole_lines(dir.path());
            assert!(
                numbers.is_sorted_by(|a, b| a + 1 == *b),
                "round {round}: a gap or a repetition"
            );
            assert!(
                numbers.last().copied() >= acknowledged,
                "round {round}: {acknowledged:?} is lost"
            );
        }
        rotated = names(dir.path()).len();
    }
    assert!(
        rotated > 60,
        "only {rotated} files: the kills hit no rotation"
    );
    assert!(
        !names(dir.path())
            .iter()
            .any(|name| name.ends_with(".gz.tmp"))
    );
}

fn small(dir: &Path) -> LogOptions {
    with_files(dir, 20_000, |files| files.compress = true)
}

/// The numbers of the lines in the log, all of which are whole.
fn whole_lines(dir: &Path) -> Vec<u32> {
    let raw = raw(dir, Stream::Stdout);
    let lines = raw
        .split(|&byte| byte == b'\n')
        .filter(|line| line.len() == 10);
    lines
        .map(|line| std::str::from_utf8(line).unwrap().parse().unwrap())
        .collect()
}

fn killed_helper(dir: &Path) -> ! {
    let mut next = whole_lines(dir).last().map_or(0, |last| last + 1);
    let log = Collector::start().unwrap().open(small(dir)).unwrap();
    let (reader, mut writer) = pipe().unwrap();
    log.attach(Stream::Stdout, reader).unwrap();
    let mut out = std::io::stdout();
    // A line that the last kill cut off is ended, so that the next begins a line of its own.
    writer.write_all(b"\n").unwrap();
    loop {
        for number in next..next + 500 {
            writeln!(writer, "{number:010}").unwrap();
        }
        next += 500;
        assert!(block_on(log.drained(LIMIT)));
        writeln!(out, "acknowledged {}", next - 1).unwrap();
    }
}

#[test]
fn two_hundred_idle_services_cost_little() {
    if let Some(dir) = helper_dir() {
        return idle_helper(&dir);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut helper = spawn(helper_command(
        &[],
        "two_hundred_idle_services_cost_little",
        dir.path(),
    ));
    assert!(helper.wait().unwrap().success());
}

fn idle_helper(dir: &Path) {
    let collector = Collector::start().unwrap();
    let mut logs = Vec::new();
    let mut before = 0;
    for number in 0..201 {
        if number == 1 {
            before = private_kib();
        }
        let options = LogOptions {
            service: format!("service-{number}"),
            ..options(dir, 1 << 20)
        };
        let log = collector.open(options).unwrap();
        let mut writers = Vec::new();
        for stream in [Stream::Stdout, Stream::Stderr] {
            let (reader, mut writer) = pipe().unwrap();
            log.attach(stream, reader).unwrap();
            writer.write_all(b"started\n").unwrap();
            writers.push(writer);
        }
        assert!(block_on(log.drained(LIMIT)));
        logs.push((log, writers));
    }
    let more = private_kib() - before;
    assert!(more < 200 * 8, "{more} KiB for 200 services");
}

/// Memory of this process that no other shares.
fn private_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn output_is_passed_through_as_it_is() {
    if let Some(dir) = helper_dir() {
        return pass_through_helper(&dir);
    }
    let dir = tempfile::tempdir().unwrap();
    let mut command = helper_command(&[], "output_is_passed_through_as_it_is", dir.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.output().unwrap();
    let has = |bytes: &[u8], wanted: &[u8]| bytes.windows(wanted.len()).any(|part| part == wanted);
    assert!(output.status.success());
    assert!(
        has(&output.stdout, b"to stdout \xff\0 without end"),
        "{output:?}"
    );
    assert!(has(&output.stderr, b"to stderr\n"), "{output:?}");
    assert_eq!(
        raw(dir.path(), Stream::Stdout),
        b"to stdout \xff\0 without end"
    );
}

fn pass_through_helper(dir: &Path) {
    let options = LogOptions {
        pass_through: true,
        ..options(dir, 1 << 20)
    };
    let log = Collector::start().unwrap().open(options).unwrap();
    for (stream, bytes) in [
        (Stream::Stdout, &b"to stdout \xff\0 without end"[..]),
        (Stream::Stderr, b"to stderr\n"),
    ] {
        let (reader, mut writer) = pipe().unwrap();
        log.attach(stream, reader).unwrap();
        writer.write_all(bytes).unwrap();
    }
    finish(&log);
}
