use std::fmt;
use std::path::{Path, PathBuf};

use super::bus::{Systemd, body};
use super::error::SystemdError;
use super::status::ActiveState;

/// Whether a unit's file has it started at boot, by symbolic links; `systemctl is-enabled`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enabled {
    /// It is.
    Yes,
    /// It is, until the next boot.
    Runtime,
    /// It is not.
    No,
    /// Its file has no `[Install]` section.
    Static,
    /// Its file lies elsewhere and is linked to.
    Linked,
    /// It is an alias of another.
    Alias,
    /// It was made by a generator.
    Generated,
    /// It was made through the manager, without a file that lasts.
    Transient,
    /// It is masked.
    Masked,
    /// Another state, in systemd's word.
    Other(String),
}

/// A symbolic link that was made or taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// A link was made.
    Linked {
        /// Where it is.
        link: PathBuf,
        /// What it leads to.
        target: PathBuf,
    },
    /// A link was taken away.
    Unlinked {
        /// Where it was.
        link: PathBuf,
    },
    /// Something else, in systemd's words.
    Other {
        /// What.
        what: String,
        /// Of which file.
        file: PathBuf,
    },
}

/// A unit that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedUnit {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// Whether its file could be read, in systemd's word.
    pub load: String,
    /// Whether it runs.
    pub active: ActiveState,
    /// The same in the words of its type.
    pub sub: String,
}

/// A unit file that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Where it is. Its last part is the unit's name.
    pub path: PathBuf,
    /// Whether it is started at boot.
    pub enabled: Enabled,
}

impl Systemd {
    /// Has units started at boot, as their files' `[Install]` sections say. They are given by
    /// name, or by absolute path where their files lie elsewhere. [`Systemd::reload`] comes after.
    pub async fn enable(&self, units: &[&str]) -> Result<Vec<FileChange>, SystemdError> {
        let subject = units.join(", ");
        let asked = self.asked("enable", &subject);
        // For good, and not over links that are in the way.
        let reply = self.manager("EnableUnitFiles", (units, false, false), asked);
        let (_, changes): (bool, Vec<Change>) = body(&reply.await?, asked)?;
        Ok(changes.into_iter().map(change).collect())
    }

    /// Has units, by name, no longer started at boot; they go on if they run.
    pub async fn disable(&self, units: &[&str]) -> Result<Vec<FileChange>, SystemdError> {
        let subject = units.join(", ");
        let asked = self.asked("disable", &subject);
        let reply = self.manager("DisableUnitFiles", (units, false), asked);
        let changes: Vec<Change> = body(&reply.await?, asked)?;
        Ok(changes.into_iter().map(change).collect())
    }

    /// The loaded units whose names match one of these patterns (`glob(7)`), or all.
    pub async fn units(&self, patterns: &[&str]) -> Result<Vec<ListedUnit>, SystemdError> {
        let asked = self.asked("list", "the units");
        let states: [&str; 0] = [];
        let reply = self.manager("ListUnitsByPatterns", (&states[..], patterns), asked);
        let units: Vec<Listed> = body(&reply.await?, asked)?;
        Ok(units
            .into_iter()
            .map(|it| ListedUnit {
                name: it.0,
                description: it.1,
                load: it.2,
                active: ActiveState::of(it.3),
                sub: it.4,
            })
            .collect())
    }

    /// The installed unit files whose names match one of these patterns, or all; whether they are
    /// loaded or not.
    pub async fn unit_files(&self, patterns: &[&str]) -> Result<Vec<ListedFile>, SystemdError> {
        let asked = self.asked("list", "the unit files");
        let states: [&str; 0] = [];
        let reply = self.manager("ListUnitFilesByPatterns", (&states[..], patterns), asked);
        let files: Vec<(String, String)> = body(&reply.await?, asked)?;
        Ok(files
            .into_iter()
            .map(|(path, state)| ListedFile {
                path: PathBuf::from(path),
                enabled: Enabled::of(&state),
            })
            .collect())
    }
}

/// What was done, to which file, and where it leads.
type Change = (String, String, String);

/// Name, description, load state, active state, sub state, whom it follows, its object, its job's
/// number, type and object.
type Listed = (
    String,
    String,
    String,
    String,
    String,
    String,
    zbus::OwnedObjectPath,
    u32,
    String,
    zbus::OwnedObjectPath,
);

fn change((what, file, target): Change) -> FileChange {
    let file = PathBuf::from(file);
    match what.as_str() {
        "symlink" => FileChange::Linked {
            link: file,
            target: PathBuf::from(target),
        },
        "unlink" => FileChange::Unlinked { link: file },
        _ => FileChange::Other { what, file },
    }
}

impl ListedFile {
    /// The unit's name.
    pub fn name(&self) -> &str {
        let name = Path::file_name(&self.path);
        name.and_then(|name| name.to_str()).unwrap_or_default()
    }
}

impl Enabled {
    pub(super) fn of(word: &str) -> Self {
        match word {
            "enabled" => Self::Yes,
            "enabled-runtime" => Self::Runtime,
            "disabled" => Self::No,
            "static" => Self::Static,
            "linked" | "linked-runtime" => Self::Linked,
            "alias" => Self::Alias,
            "generated" => Self::Generated,
            "transient" => Self::Transient,
            "masked" | "masked-runtime" => Self::Masked,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Enabled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Yes => "enabled",
            Self::Runtime => "enabled-runtime",
            Self::No => "disabled",
            Self::Static => "static",
            Self::Linked => "linked",
            Self::Alias => "alias",
            Self::Generated => "generated",
            Self::Transient => "transient",
            Self::Masked => "masked",
            Self::Other(word) => word,
        })
    }
}
