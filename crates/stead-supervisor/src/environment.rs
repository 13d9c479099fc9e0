//! What a program finds in its environment.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables by name.
pub type Environment = BTreeMap<OsString, OsString>;

/// The caller's environment without what is meant for the caller alone: the sockets and timers
/// its own manager gave it (`NOTIFY_SOCKET`, `WATCHDOG_*`, `LISTEN_*`), and what a Stead that runs
/// it said to it.
pub fn inherited() -> Environment {
    std::env::vars_os()
        .filter(|(name, _)| !is_private(name))
        .collect()
}

/// What a manager says to one program alone.
const PRIVATE: [&str; 5] = [
    "NOTIFY_SOCKET",
    "STEAD_HEARTBEAT",
    "STEAD_HEARTBEAT_INTERVAL",
    "STEAD_INVOCATION",
    "STEAD_SERVICE",
];

fn is_private(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    PRIVATE.contains(&name)
        || ["WATCHDOG_", "LISTEN_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// Why an environment file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentFileError {
    /// It cannot be read.
    #[error("cannot read the environment file {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A line is no assignment.
    #[error("{}:{line}: {message}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}

/// Reads an environment file: `NAME=value` lines; blank lines and lines that start with `#` or
/// `;` are passed over; a value may stand in single quotes (as it is) or double quotes (with
/// `\"`, `\\`, `\n`, `\t`).
pub fn read_file(path: &Path) -> Result<Environment, EnvironmentFileError> {
    let text = std::fs::read_to_string(path).map_err(|source| EnvironmentFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|(line, message)| EnvironmentFileError::Line {
        path: path.to_owned(),
        line,
        message,
    })
}

fn parse(text: &str) -> Result<Environment, (usize, String)> {
    let mut environment = Environment::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| (number, "expected NAME=value".to_owned()))?;
        let name = name.trim_end();
        if !is_name(name) {
            return Err((number, format!("`{name}` is no name of a variable")));
        }
        let value = unquote(value.trim()).map_err(|message| (number, message))?;
        environment.insert(name.into(), value.into());
    }
    Ok(environment)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn unquote(value: &str) -> Result<String, String> {
    let Some(quote @ ('"' | '\'')) = value.chars().next() else {
        return Ok(value.to_owned());
    };
    let mut text = String::with_capacity(value.len());
    let mut rest = value[1..].chars();
    loop {
        match rest.next() {
            None => return Err(format!("the value lacks its closing {quote}")),
            Some(c) if c == quote => break,
            Some('\\') if quote == '"' => match rest.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c @ ('"' | '\\' | '$' | '`')) => text.push(c),
                Some(c) => text.extend(['\\', c]),
                None => return Err("the value lacks its closing \"".to_owned()),
            },
            Some(c) => text.push(c),
        }
    }
    match rest.as_str().trim() {
        "" => Ok(text),
        after if after.starts_with('#') => Ok(text),
        after => Err(format!("unexpected `{after}` after the closing quote")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_comments_and_quotes() {
        let parsed =
            parse("# c\n\nA=1\nexport B = two words \nC=\"a\\n\\\"b\\\"\" # c\nD='a\\n'\nE=\n")
                .unwrap();
        let expected: Environment = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "a\n\"b\""),
            ("D", "a\\n"),
            ("E", ""),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
        assert_eq!(parsed, expected);
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, line, message) in [
            ("A=1\nB", 2, "expected NAME=value"),
            ("1A=x", 1, "`1A` is no name of a variable"),
            ("A='x", 1, "the value lacks its closing '"),
            ("A=\"x\" y", 1, "unexpected `y` after the closing quote"),
        ] {
            assert_eq!(parse(text), Err((line, message.to_owned())), "{text}");
        }
    }
}
