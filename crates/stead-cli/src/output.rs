//! How results are printed: tables a person can scan, JSON a script can read.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::failure::{FAILED, Failure};

/// Writes a value as JSON, indented, on stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::of(FAILED, "cannot write the result as JSON", &error))?;
    line(&text)
}

/// Writes a line on stdout. A reader that went away is no failure.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Writes bytes on stdout as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::of(FAILED, "cannot write to stdout", &error))
        }
        _ => Ok(()),
    }
}

/// Writes coloured text on stdout; the colour stays only on a terminal.
pub(crate) fn styled(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    match writeln!(stdout, "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::of(FAILED, "cannot write to stdout", &error))
        }
        _ => Ok(()),
    }
}

/// A table with headings and no lines.
pub(crate) fn table(
    headings: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), Failure> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.trim_end().strip_prefix(' ').unwrap_or(line))
        .collect();
    styled(&lines.join("\n"))
}

/// How long ago, in the largest unit that fits: `41s`, `3m`, `2h`, `5d`.
pub(crate) fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}
