//! Names: what a service, a stack, an environment and a check may be called.
//!
//! One rule for all: 1 to 63 ASCII letters, digits, `-`, `_` and `.`, the first of them a letter
//! or a digit. Such a name is at once a file name on every system, a service name of SCM, systemd
//! and launchd, and a registry entry. (DNS answers only for names without `_` and `.`.)

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, in characters: what one DNS label holds.
pub const NAME_MAX: usize = 63;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is nothing.
    #[error(
        "the name is empty; a name has 1 to {NAME_MAX} ASCII letters, digits, `-`, `_` and `.`"
    )]
    Empty,
    /// It is longer than [`NAME_MAX`] characters.
    #[error("the name has {length} characters; at most {NAME_MAX} are allowed")]
    TooLong {
        /// How many characters it has.
        length: usize,
    },
    /// A character that no name may hold.
    #[error(
        "the name {name:?} has {} at character {place}; allowed are ASCII letters, digits, `-`, `_` and `.`",
        shown(*.character)
    )]
    Character {
        /// The whole text.
        name: String,
        /// The character.
        character: char,
        /// Where it stands, from 1, in characters.
        place: usize,
    },
    /// It starts with `-`, `_` or `.`.
    #[error(
        "the name {name:?} starts with `{character}`; a name starts with an ASCII letter or a digit"
    )]
    Start {
        /// The whole text.
        name: String,
        /// The first character.
        character: char,
    },
}

fn shown(character: char) -> String {
    if character == ' ' {
        "a space".to_owned()
    } else if character.is_control() || character.is_whitespace() {
        format!("{character:?}")
    } else {
        format!("`{character}`")
    }
}

fn check(text: &str) -> Result<(), NameError> {
    let Some(first) = text.chars().next() else {
        return Err(NameError::Empty);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some((index, character)) = text.chars().enumerate().find(|&(_, c)| !allowed(c)) {
        return Err(NameError::Character {
            name: text.chars().take(NAME_MAX + 1).collect(),
            character,
            place: index + 1,
        });
    }
    if text.len() > NAME_MAX {
        return Err(NameError::TooLong { length: text.len() });
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::Start {
            name: text.to_owned(),
            character: first,
        });
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `text` as it is, if it is a name.
            pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

name! {
    /// The name of a service, unique in its stack.
    ServiceName
}
name! {
    /// The name of a stack: the services of one definition.
    StackName
}
name! {
    /// The name of a configuration environment.
    EnvironmentName
}
name! {
    /// The name of a check, unique in its service.
    CheckName
}
