//! The lines of a unit file.

use super::{Line, UnitFile};

/// What systemd would not read either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// A line that is neither section, assignment nor comment.
    #[error("line {line}: {text:?} is no assignment")]
    NoAssignment {
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// A section's line without its end.
    #[error("line {line}: {text:?} does not end with ]")]
    Section {
        /// Counted from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// An assignment before the first section.
    #[error("line {line}: {key} stands in no section")]
    Outside {
        /// Counted from 1.
        line: usize,
        /// The setting.
        key: String,
    },
}

pub(super) fn parse(text: &str) -> Result<UnitFile, ParseError> {
    let mut file = UnitFile::new();
    let mut current = String::new();
    // An assignment that goes on, and the line it began at.
    let mut open: Option<(usize, String)> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with(['#', ';']) {
            // A comment within a continued assignment does not end it.
            let comment = Line::Comment(line.trim_end().to_owned());
            file.section(&current).lines.push(comment);
            continue;
        }
        let (began, mut whole) = open.take().unwrap_or((index + 1, String::new()));
        if continues(line) {
            whole += &line[..line.len() - 1];
            whole.push(' ');
            open = Some((began, whole));
            continue;
        }
        whole += line;
        take(&mut file, &mut current, began, whole.trim())?;
    }
    if let Some((began, whole)) = open {
        take(&mut file, &mut current, began, whole.trim())?;
    }
    Ok(file)
}

/// Whether the line's last character is a backslash that no other one escapes.
fn continues(line: &str) -> bool {
    let backslashes = line.bytes().rev().take_while(|it| *it == b'\\').count();
    backslashes % 2 == 1
}

fn take(
    file: &mut UnitFile,
    current: &mut String,
    line: usize,
    text: &str,
) -> Result<(), ParseError> {
    if text.is_empty() {
        return Ok(());
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some(name) = rest.strip_suffix(']') else {
            return Err(ParseError::Section {
                line,
                text: text.to_owned(),
            });
        };
        name.clone_into(current);
        file.section(current);
        return Ok(());
    }
    let Some((key, value)) = text.split_once('=') else {
        return Err(ParseError::NoAssignment {
            line,
            text: text.to_owned(),
        });
    };
    let key = key.trim_end();
    if current.is_empty() {
        return Err(ParseError::Outside {
            line,
            key: key.to_owned(),
        });
    }
    file.section(current)
        .push(key, value.trim_start().to_owned());
    Ok(())
}
