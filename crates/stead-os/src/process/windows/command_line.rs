//! What a process is told in text: its command line and its environment.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use windows_sys::Win32::System::SystemInformation::GetSystemDirectoryW;

use crate::command_line;

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;

/// The characters besides letters and digits that mean nothing to `cmd.exe`.
const PLAIN_TO_CMD: &str = r"#$*+-./:?@\_";

/// What to give to `CreateProcessW`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) application: PathBuf,
    /// Ends in NUL.
    pub(super) line: Vec<u16>,
}

/// The command line for a program, which for a batch file is its interpreter's.
pub(super) fn start(program: &Path, arguments: &[OsString]) -> io::Result<Start> {
    let batch = program
        .extension()
        .is_some_and(|it| it.eq_ignore_ascii_case("bat") || it.eq_ignore_ascii_case("cmd"));
    if batch {
        return Ok(Start {
            application: interpreter()?,
            line: batch_line(program, arguments)?,
        });
    }
    Ok(Start {
        application: program.to_owned(),
        line: line(program.as_os_str(), arguments)?,
    })
}

/// The line, with its NUL.
fn line(program: &OsStr, arguments: &[OsString]) -> io::Result<Vec<u16>> {
    let program: Vec<u16> = program.encode_wide().collect();
    let arguments = arguments.iter().map(|it| it.encode_wide().collect());
    let mut line = command_line::join_units(&program, arguments)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    line.push(0);
    Ok(line)
}

/// A batch file's command line. `cmd.exe` reads it by rules of its own, under which an argument
/// can become a command, whatever the quoting; so only what is plain text to it is let through.
fn batch_line(script: &Path, arguments: &[OsString]) -> io::Result<Vec<u16>> {
    // Extensions on, delayed expansion and AutoRun off; the outer quotes are taken off by /c.
    let mut line: Vec<u16> = r#"cmd.exe /e:ON /v:OFF /d /c ""#.encode_utf16().collect();
    let path = checked(script.as_os_str(), "the batch file's path")?;
    if path
        .iter()
        .any(|&unit| unit == QUOTE || unit == u16::from(b'%'))
    {
        return Err(invalid(
            "the batch file's path contains a quote or a percent sign".to_owned(),
        ));
    }
    line.push(QUOTE);
    line.extend(path);
    line.push(QUOTE);
    for argument in arguments {
        line.push(u16::from(b' '));
        line.extend(plain_to_cmd(argument)?);
    }
    line.extend([QUOTE, 0]);
    Ok(line)
}

fn plain_to_cmd(argument: &OsStr) -> io::Result<Vec<u16>> {
    let shown = argument.to_string_lossy();
    let plain = |c: char| c.is_alphanumeric() || PLAIN_TO_CMD.contains(c) || c == ' ';
    if let Some(odd) = shown.chars().find(|c| !plain(*c)) {
        return Err(invalid(format!(
            "{shown:?} contains {odd:?}, which cmd.exe may take for a command; \
             call an executable instead of a batch file"
        )));
    }
    let mut text: Vec<u16> = argument.encode_wide().collect();
    if text.is_empty() || text.contains(&u16::from(b' ')) {
        // A backslash before the closing quote would escape it for what the script calls.
        let backslashes = text.iter().rev().take_while(|&&it| it == BACKSLASH).count();
        text.extend(std::iter::repeat_n(BACKSLASH, backslashes));
        text.insert(0, QUOTE);
        text.push(QUOTE);
    }
    Ok(text)
}

fn interpreter() -> io::Result<PathBuf> {
    let mut buffer = [0_u16; 260];
    let room = u32::try_from(buffer.len()).unwrap_or(0);
    // SAFETY: the buffer is writable and as long as said.
    let written = unsafe { GetSystemDirectoryW(buffer.as_mut_ptr(), room) };
    match buffer.get(..written as usize) {
        Some(path) if !path.is_empty() => {
            Ok(PathBuf::from(OsString::from_wide(path)).join("cmd.exe"))
        }
        _ => Err(io::Error::last_os_error()),
    }
}

/// The environment block: sorted as Windows compares names, each once (the last counts).
///
/// `SystemRoot` is added from our own if it is missing: without it, sockets and much else of
/// Windows do not work.
pub(super) fn environment(variables: &[(OsString, OsString)]) -> io::Result<Vec<u16>> {
    let root = std::env::var_os("SystemRoot").map(|root| (OsString::from("SystemRoot"), root));
    let mut sorted = std::collections::BTreeMap::new();
    for (name, value) in root.iter().chain(variables) {
        let name = checked(name, "a variable's name")?;
        // Windows itself has variables such as `=C:`, the working folder on a drive.
        if name.is_empty() || name[1..].contains(&u16::from(b'=')) {
            return Err(invalid(format!(
                "{:?} cannot be a variable's name",
                String::from_utf16_lossy(&name)
            )));
        }
        let value = checked(value, "a variable's value")?;
        sorted.insert(upper(&name), (name, value));
    }
    let mut block = Vec::new();
    for (name, value) in sorted.values() {
        block.extend(name);
        block.push(u16::from(b'='));
        block.extend(value);
        block.push(0);
    }
    if block.is_empty() {
        block.push(0);
    }
    block.push(0);
    Ok(block)
}

/// Upper case by single units, as Windows compares names.
fn upper(name: &[u16]) -> Vec<u16> {
    let one = |unit: u16| {
        let mut upper = char::from_u32(u32::from(unit))?.to_uppercase();
        let first = upper.next()?;
        upper.next().is_none().then_some(())?;
        u16::try_from(u32::from(first)).ok()
    };
    name.iter().map(|&unit| one(unit).unwrap_or(unit)).collect()
}

fn checked(text: &OsStr, what: &str) -> io::Result<Vec<u16>> {
    let units: Vec<u16> = text.encode_wide().collect();
    if units.contains(&0) {
        return Err(invalid(format!("{what} contains a NUL character")));
    }
    Ok(units)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests;
