//! Reads what other tools call a service into Stead's definition: a `WinSW` XML, a registry dump
//! of an NSSM service, a systemd unit.
//!
//! Everything here is a function of text. What the definition has no key for, and what will be
//! different, is named in a [`Note`]; nothing is dropped in silence. A password is never copied.
//!
//! - [`winsw`]: the XML of `WinSW` 2 and 3.
//! - [`nssm`]: what `reg export` and `regedit` write of `HKLM\SYSTEM\…\Services\NAME`.
//! - [`systemd`]: a `.service` unit.

mod draft;
mod error;
pub mod nssm;
mod render;
pub mod systemd;
mod text;
mod windows;
pub mod winsw;

use std::fmt;

use stead_model::Definition;

pub use error::ImportError;

/// The largest file that is read, in bytes.
pub const IMPORT_MAX: usize = 1 << 20;

/// Whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `WinSW`'s XML.
    WinSw,
    /// A registry dump with a service of NSSM.
    Nssm,
    /// A unit of systemd.
    Systemd,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WinSw => "WinSW",
            Self::Nssm => "NSSM",
            Self::Systemd => "systemd",
        })
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// Whose file it was.
    pub format: Format,
    /// The definition.
    pub definition: Definition,
    /// The definition as a `stead.toml`, which parses to the same again, with the notes on top.
    pub toml: String,
    /// What the definition does not say, or says differently, in the order of the file.
    pub notes: Vec<Note>,
}

/// Something for a person to look at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The line of the file, from 1; `None` where it is something the file does not have.
    pub line: Option<usize>,
    /// The element, value or key, as the file calls it.
    pub subject: String,
    /// What became of it, and what to do.
    pub advice: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}, ")?;
        }
        write!(f, "{}: {}", self.subject, self.advice)
    }
}

/// Reads a file of any of the formats. `file_name` tells a unit's name, and which format it is
/// where the content does not; nothing is opened.
pub fn import(bytes: &[u8], file_name: &str) -> Result<Imported, ImportError> {
    let text = text::decode(bytes)?;
    match detect(&text, file_name).ok_or(ImportError::Format)? {
        Format::WinSw => winsw::import(&text),
        Format::Nssm => nssm::import(&text),
        Format::Systemd => systemd::import(&text, file_name),
    }
}

fn detect(text: &str, file_name: &str) -> Option<Format> {
    let start = text.trim_start();
    if start.starts_with('<') {
        Some(Format::WinSw)
    } else if nssm::is_dump(start) {
        Some(Format::Nssm)
    } else if file_name.ends_with(".service")
        || text
            .lines()
            .any(|line| matches!(line.trim(), "[Unit]" | "[Service]"))
    {
        Some(Format::Systemd)
    } else {
        None
    }
}
