//! Unit files: written so that systemd reads what was meant, and read as systemd does.
//!
//! [`UnitFile`] holds sections of assignments in order. A value is kept as it stands in the file;
//! the methods of [`Section`] make one from what is meant, by the rule of the setting's kind:
//!
//! | kind | settings | method |
//! |---|---|---|
//! | keyword, number, time | `Type=`, `TasksMax=` | [`Section::set`] |
//! | words for people | `Description=` | [`Section::text`] |
//! | one path | `WorkingDirectory=`, `PIDFile=` | [`Section::path`] |
//! | a path with wildcards | `EnvironmentFile=` | [`Section::pattern`] |
//! | a list of units | `After=`, `WantedBy=` | [`Section::units`] |
//! | a list of paths or other words | `ReadWritePaths=` | [`Section::list`] |
//! | a variable | `Environment=` | [`Section::environment`] |
//! | a command | `ExecStart=`, `ExecReload=` | [`Section::exec`] |
//!
//! Follows `systemd.syntax(7)`, and "Command lines" and "Specifiers" of `systemd.service(5)` and
//! `systemd.unit(5)`. What no quoting can express is a [`UnitError`] and never left out.

mod parse;
mod quote;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

pub use parse::ParseError;
pub use words::{CommandLine, WordsError, command_lines, environment, words};

/// The longest line systemd reads, in bytes.
const MAX_LINE: usize = 1 << 20;

/// A unit file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitFile {
    sections: Vec<Section>,
}

/// A section: its assignments and comments in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    name: String,
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Comment(String),
    Assignment { key: String, value: String },
}

/// What a unit file cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// systemd takes no program with such a path.
    #[error(
        "systemd runs no program with the path {program:?}: it must be absolute, without quotes, backslashes and control characters"
    )]
    Program {
        /// The path.
        program: String,
    },
    /// A command without a program.
    #[error("{key} has no program to run")]
    Empty {
        /// The setting.
        key: String,
    },
    /// A path that is not absolute, or not in UTF-8.
    #[error("{key} needs an absolute path in UTF-8, not {path:?}")]
    Path {
        /// The setting.
        key: String,
        /// The path.
        path: PathBuf,
    },
    /// A character that the setting has no way to write.
    #[error("{key} cannot hold {character:?} in {value:?}")]
    Character {
        /// The setting.
        key: String,
        /// What was to be written.
        value: String,
        /// What cannot be.
        character: char,
    },
    /// No name of a variable.
    #[error("{name:?} is no name of an environment variable")]
    VariableName {
        /// The name.
        name: String,
    },
    /// A line longer than systemd reads.
    #[error("{key} is {length} bytes long, more than the {MAX_LINE} that systemd reads")]
    TooLong {
        /// The setting.
        key: String,
        /// Its length.
        length: usize,
    },
}

impl UnitFile {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a unit file as systemd does. A section that comes twice is one.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::parse(text)
    }

    /// The section of this name, added at the end if it is not there.
    pub fn section(&mut self, name: &str) -> &mut Section {
        let at = self.sections.iter().position(|it| it.name == name);
        let at = at.unwrap_or_else(|| {
            self.sections.push(Section {
                name: name.to_owned(),
                lines: Vec::new(),
            });
            self.sections.len() - 1
        });
        &mut self.sections[at]
    }

    /// Its sections.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The section of this name, if it is there.
    pub fn find(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|it| it.name == name)
    }

    /// The value of a setting as it stands in the file; the last assignment counts.
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.find(section)?.get(key)
    }

    /// The values of a setting that is a list, as they stand in the file: see [`Section::all`].
    pub fn all(&self, section: &str, key: &str) -> Vec<&str> {
        self.find(section).map(|it| it.all(key)).unwrap_or_default()
    }
}

impl fmt::Display for UnitFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, section) in self.sections.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            // Comments before the first section have none.
            if !section.name.is_empty() {
                writeln!(formatter, "[{}]", section.name)?;
            }
            for line in &section.lines {
                match line {
                    Line::Comment(text) => writeln!(formatter, "{text}")?,
                    Line::Assignment { key, value } => {
                        writeln!(formatter, "{key}={value}{}", quote::end(value))?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Section {
    /// Its name, without brackets; empty for comments before the first section.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The last value of a setting, as it stands in the file. `None` where it is not assigned, or
    /// emptied again.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.all(key).pop()
    }

    /// Every value of a setting, as it stands in the file, since it was last emptied (`Key=`).
    pub fn all(&self, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for (_, value) in self.settings().filter(|(name, _)| *name == key) {
            if value.is_empty() {
                values.clear();
            } else {
                values.push(value);
            }
        }
        values
    }

    /// Every assignment in order, as it stands in the file.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Assignment { key, value } => Some((key.as_str(), value.as_str())),
            Line::Comment(_) => None,
        })
    }

    /// A comment, one line for each of the text's.
    pub fn comment(&mut self, text: &str) -> &mut Self {
        for line in text.lines() {
            // A trailing backslash would continue even a comment in older readers.
            let line = line.trim_end_matches('\\');
            self.lines.push(Line::Comment(format!("# {line}")));
        }
        self
    }

    /// A value in systemd's own words: a keyword, a number, a time, or a specifier that is meant.
    /// It is one line: a newline becomes a space.
    pub fn set(&mut self, key: &str, value: impl fmt::Display) -> &mut Self {
        self.push(key, value.to_string().replace(['\n', '\r'], " "))
    }

    /// Words for people, as they are but for newlines and control characters, which become spaces.
    pub fn text(&mut self, key: &str, text: &str) -> &mut Self {
        let text = text.replace(|it: char| it.is_control() || quote::is_unspeakable(it), " ");
        self.push(key, quote::specifiers(text.trim()))
    }

    /// One absolute path.
    pub fn path(&mut self, key: &str, path: &Path) -> Result<&mut Self, UnitError> {
        let value = quote::path(key, path)?;
        Ok(self.push(key, quote::specifiers(&value)))
    }

    /// One absolute path, where the setting would take wildcards and none is meant. `prefix` is
    /// `-` where it may be missing, else empty.
    pub fn pattern(
        &mut self,
        key: &str,
        prefix: &str,
        path: &Path,
    ) -> Result<&mut Self, UnitError> {
        let value = quote::path(key, path)?;
        let value = quote::specifiers(&quote::wildcards(&value));
        Ok(self.push(key, format!("{prefix}{value}")))
    }

    /// A list of units by their whole names (`a\x2db.service`), on one line.
    pub fn units<W: AsRef<str>>(
        &mut self,
        key: &str,
        names: impl IntoIterator<Item = W>,
    ) -> Result<&mut Self, UnitError> {
        let names: Result<Vec<_>, _> = names
            .into_iter()
            .map(|name| quote::unit_name(key, name.as_ref()))
            .collect();
        self.push_checked(key, names?.join(" "))
    }

    /// A list of paths or other words, on one line. What goes before a path (`-`, `+`) is part of
    /// it. Not for units: their settings take a backslash as it is.
    pub fn list<W: AsRef<str>>(
        &mut self,
        key: &str,
        words: impl IntoIterator<Item = W>,
    ) -> Result<&mut Self, UnitError> {
        let quoted: Result<Vec<_>, _> = words
            .into_iter()
            .map(|word| quote::plain_word(key, word.as_ref()))
            .collect();
        self.push_checked(key, quoted?.join(" "))
    }

    /// An environment variable, by an `Environment=` of its own. The value may hold tabs and
    /// newlines and no other control characters; nothing in it is expanded.
    pub fn environment(&mut self, name: &str, value: &str) -> Result<&mut Self, UnitError> {
        let quoted = quote::assignment(name, value)?;
        self.push_checked("Environment", quoted)
    }

    /// A command, whose program is an absolute path. `prefixes` are those of "Special executable
    /// prefixes" (`-`: a failure does not count; `+`: with all rights), or empty. Neither
    /// specifiers nor variables in the arguments are expanded.
    pub fn exec<W: AsRef<str>>(
        &mut self,
        key: &str,
        prefixes: &str,
        command: &[W],
    ) -> Result<&mut Self, UnitError> {
        let line = quote::command(key, prefixes, command)?;
        self.push_checked(key, line)
    }

    /// Takes out every assignment of a setting.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        self.lines.retain(|line| match line {
            Line::Assignment { key: it, .. } => it != key,
            Line::Comment(_) => true,
        });
        self
    }

    fn push(&mut self, key: &str, value: String) -> &mut Self {
        self.lines.push(Line::Assignment {
            key: key.to_owned(),
            value,
        });
        self
    }

    fn push_checked(&mut self, key: &str, value: String) -> Result<&mut Self, UnitError> {
        let length = key.len() + 1 + value.len();
        if length >= MAX_LINE {
            return Err(UnitError::TooLong {
                key: key.to_owned(),
                length,
            });
        }
        Ok(self.push(key, value))
    }
}

#[cfg(test)]
mod tests;
