//! Log capture against `s6-log t` (Debian package `s6`): the same producer, the same lines, rotation and
//! timestamps in both, one after the other in one run. Every line is looked for afterwards, in order.
//!
//! `cargo bench -p stead-supervisor --bench logs [-- LINES [ROUNDS]]`

use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use stead_supervisor::logs::{Collector, LogFiles, LogOptions, ReadOptions, Stream, read};

/// Bytes of a line, its newline included.
const LINE: usize = 128;
/// Bytes of a file, for both.
const FILE: u64 = 16 * 1024 * 1024;
/// Files kept, for both: more than the run makes, so that every line can be looked for.
const KEEP: usize = 1_000;
/// Set in the process that plays the supervised program.
const PRODUCE: &str = "STEAD_BENCH_PRODUCE";

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<ExitCode, Failure> {
    if let Ok(lines) = std::env::var(PRODUCE) {
        produce(lines.parse()?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse::<u64>().ok());
    let lines = numbers.next().unwrap_or(4_000_000);
    let rounds = numbers.next().unwrap_or(5);
    let mut ours = Vec::new();
    let mut compressing = Vec::new();
    let mut theirs = Vec::new();
    for _ in 0..rounds {
        ours.push(rate(lines, stead(lines, false)?));
        compressing.push(rate(lines, stead(lines, true)?));
        theirs.push(rate(lines, s6(lines)?));
    }
    let (ours, compressing, theirs) = (median(ours), median(compressing), median(theirs));
    let ratio = ours / theirs;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "lines of {LINE} bytes, {lines} a round, median of {rounds} rounds"
    )?;
    writeln!(out, "stead              {ours:>12.0} lines/s")?;
    writeln!(out, "stead, compressing {compressing:>12.0} lines/s")?;
    writeln!(out, "s6-log t           {theirs:>12.0} lines/s")?;
    writeln!(out, "ratio              {ratio:>12.2} (at least 1.50)")?;
    Ok(if ratio >= 1.5 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Time from the start of the producer until the last line is in its file.
fn stead(lines: u64, compress: bool) -> Result<Duration, Failure> {
    let dir = tempfile::tempdir()?;
    let collector = Collector::start()?;
    let files = LogFiles {
        max_size: FILE,
        max_age: None,
        keep: KEEP,
        compress,
        ..LogFiles::new(dir.path())
    };
    let log = collector.open(LogOptions {
        service: "bench".into(),
        files: Some(files),
        pass_through: false,
    })?;
    let (reader, writer) = io::pipe()?;
    log.attach(Stream::Stdout, reader)?;
    let start = Instant::now();
    produce_into(writer, lines)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    if !runtime.block_on(log.drained(Duration::from_mins(1))) || log.open_pipes() != 0 {
        return Err("the collector did not come to the end".into());
    }
    let took = start.elapsed();
    let mut expected = 0;
    let mut raw = Vec::with_capacity(LINE);
    for record in read(dir.path(), "bench", &ReadOptions::default())? {
        record?.write_raw(&mut raw);
        if raw.last() == Some(&b'\n') {
            check(&raw, expected)?;
            expected += 1;
            raw.clear();
        }
    }
    complete(expected, lines)?;
    Ok(took)
}

fn s6(lines: u64) -> Result<Duration, Failure> {
    let dir = tempfile::tempdir()?;
    let (reader, writer) = io::pipe()?;
    let mut logger = s6_log(dir.path(), reader)?;
    let start = Instant::now();
    produce_into(writer, lines)?;
    if !logger.wait()?.success() {
        return Err("s6-log failed".into());
    }
    let took = start.elapsed();
    let mut files: Vec<_> = std::fs::read_dir(dir.path())?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    // Archives are named by their time, `@…`, and sort before `current`.
    files.retain(|path| {
        path.file_name()
            .is_some_and(|name| name == "current" || name.as_encoded_bytes()[0] == b'@')
    });
    files.sort();
    let mut expected = 0;
    for path in files {
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            let line = line?;
            // A TAI64N label and a space come first.
            check(
                &[line.get(26..).unwrap_or_default(), b"\n"].concat(),
                expected,
            )?;
            expected += 1;
        }
    }
    complete(expected, lines)?;
    Ok(took)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the yardstick is no supervised program"
)]
fn s6_log(dir: &Path, reader: PipeReader) -> io::Result<std::process::Child> {
    let (keep, size) = (format!("n{KEEP}"), format!("s{FILE}"));
    Command::new("s6-log")
        .args(["t", &keep, &size])
        .arg(dir)
        .stdin(reader)
        .spawn()
}

/// Runs this program again as the one whose output is captured.
fn produce_into(writer: PipeWriter, lines: u64) -> Result<(), Failure> {
    let mut producer = Command::new(std::env::current_exe()?);
    producer
        .env(PRODUCE, lines.to_string())
        .stdin(Stdio::null())
        .stdout(writer);
    let status = producer.status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the producer failed".into())
    }
}

fn produce(lines: u64) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut block = Vec::with_capacity(512 * LINE);
    for number in 0..lines {
        let start = block.len();
        write!(block, "{number:020} ")?;
        block.resize(start + LINE - 1, b'x');
        block.push(b'\n');
        if block.len() == 512 * LINE {
            out.write_all(&block)?;
            block.clear();
        }
    }
    out.write_all(&block)?;
    out.flush()
}

fn check(line: &[u8], number: u64) -> Result<(), Failure> {
    if line.len() == LINE && line.starts_with(format!("{number:020} ").as_bytes()) {
        Ok(())
    } else {
        Err(format!("line {number} is {:?}", String::from_utf8_lossy(line)).into())
    }
}

fn complete(found: u64, lines: u64) -> Result<(), Failure> {
    if found == lines {
        Ok(())
    } else {
        Err(format!("{found} of {lines} lines").into())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
fn rate(lines: u64, took: Duration) -> f64 {
    lines as f64 / took.as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
