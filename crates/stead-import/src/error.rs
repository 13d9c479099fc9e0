use stead_model::definition::{ArgvError, DefinitionErrors};

use crate::{Format, IMPORT_MAX};

/// Why a file could not be read into a definition.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is larger than [`IMPORT_MAX`].
    #[error("the file has {size} bytes; at most {IMPORT_MAX} are read")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// It is neither UTF-8 nor UTF-16.
    #[error("the file is neither UTF-8 nor UTF-16 with a byte order mark")]
    Encoding,
    /// Its content is none of the formats.
    #[error("the file is neither an XML of WinSW nor a registry dump of NSSM nor a systemd unit")]
    Format,
    /// It breaks the rules of its format.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// It lacks what no service can be without.
    #[error("the {format} file {message}")]
    Missing {
        /// Whose file it is.
        format: Format,
        /// What is missing.
        message: String,
        /// What to do.
        hint: &'static str,
    },
    /// The program to run is none.
    #[error("line {line}: the command cannot be run")]
    Command {
        /// The line, from 1.
        line: usize,
        /// Why not.
        source: ArgvError,
    },
    /// What the file says makes no definition.
    #[error("what the file says is not allowed in a definition")]
    Definition(#[from] DefinitionErrors),
}

impl ImportError {
    /// The way out, where it is not plain.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::TooLarge { .. } => "export the one service, not the whole registry",
            Self::Encoding => "save the file as UTF-8",
            Self::Format => {
                "a WinSW XML begins with `<service>`, a dump by `reg export` with `Windows Registry Editor`, a unit's name ends in .service"
            }
            Self::Missing { hint, .. } => hint,
            Self::Syntax { .. } | Self::Command { .. } => {
                "mend the line and import again, or write the definition by hand"
            }
            Self::Definition(_) => {
                "change what is named, in the file or in the definition, and try again"
            }
        })
    }

    pub(crate) fn syntax(line: usize, message: impl Into<String>) -> Self {
        Self::Syntax {
            line,
            message: message.into(),
        }
    }
}
