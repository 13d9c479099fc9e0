//! From what is meant to what stands in the file.

use std::fmt::Write as _;
use std::path::Path;

use super::UnitError;

/// What systemd's check of UTF-8 refuses although it is well-formed: the noncharacters. A line
/// with one is skipped, and an escape for one is an error.
pub(super) fn is_unspeakable(character: char) -> bool {
    let code = u32::from(character);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE || character == '\0'
}

/// `%` would begin a specifier.
pub(super) fn specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

/// What goes after a value in its line: a backslash at the end would continue it, and a space is
/// stripped when it is read.
pub(super) fn end(value: &str) -> &'static str {
    if value.ends_with('\\') { " " } else { "" }
}

/// An absolute path that stands in the file as it is.
pub(super) fn path(key: &str, path: &Path) -> Result<String, UnitError> {
    let text = path.to_str().filter(|text| text.starts_with('/'));
    let Some(text) = text else {
        return Err(UnitError::Path {
            key: key.to_owned(),
            path: path.to_owned(),
        });
    };
    // There is no quoting here: what is stripped from a line's end is lost.
    let stripped = text.chars().next_back().filter(char::is_ascii_whitespace);
    let bad = text
        .chars()
        .find(|it| it.is_control() || is_unspeakable(*it));
    match stripped.or(bad) {
        Some(character) => Err(character_error(key, text, character)),
        None => Ok(text.to_owned()),
    }
}

/// What `glob(7)` would take for more than it is.
pub(super) fn wildcards(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for character in path.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A word of a list whose setting knows quotes but no C escapes: a backslash there means the
/// character after it.
pub(super) fn plain_word(key: &str, word: &str) -> Result<String, UnitError> {
    let bad = word
        .chars()
        .find(|it| it.is_control() || is_unspeakable(*it));
    if let Some(character) = bad {
        return Err(character_error(key, word, character));
    }
    Ok(quoted(&specifiers(word)))
}

/// The name of a unit. Its settings know no escapes, and it needs none.
pub(super) fn unit_name(key: &str, name: &str) -> Result<String, UnitError> {
    let bad = name
        .chars()
        .find(|it| !(it.is_ascii_alphanumeric() || ":-_.\\@".contains(*it)));
    match bad {
        Some(character) => Err(character_error(key, name, character)),
        None => Ok(name.to_owned()),
    }
}

/// `NAME=value` as one word.
pub(super) fn assignment(name: &str, value: &str) -> Result<String, UnitError> {
    let mut letters = name.chars();
    let named = letters
        .next()
        .is_some_and(|it| it.is_ascii_alphabetic() || it == '_')
        && letters.all(|it| it.is_ascii_alphanumeric() || it == '_');
    if !named {
        return Err(UnitError::VariableName {
            name: name.to_owned(),
        });
    }
    let bad = value
        .chars()
        .find(|it| (it.is_ascii_control() && !matches!(it, '\t' | '\n')) || is_unspeakable(*it));
    match bad {
        // The value may be a secret: it is not shown.
        Some(character) => Err(character_error(
            &format!("Environment={name}"),
            "",
            character,
        )),
        None => Ok(quoted(&specifiers(&format!("{name}={value}")))),
    }
}

/// A command line.
pub(super) fn command<W: AsRef<str>>(
    key: &str,
    prefixes: &str,
    command: &[W],
) -> Result<String, UnitError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(UnitError::Empty {
            key: key.to_owned(),
        });
    };
    let program = program.as_ref();
    check_program(program)?;
    // The path itself is not expanded, but as the first argument it is: only `:` prevents that,
    // and then nothing else is expanded either.
    let (colon, dollar) = if program.contains('$') {
        (":", "$")
    } else {
        ("", "$$")
    };
    let mut line = quoted(&format!("{prefixes}{colon}{}", specifiers(program)));
    for argument in arguments {
        let argument = argument.as_ref();
        if let Some(character) = argument.chars().find(|it| is_unspeakable(*it)) {
            return Err(character_error(key, argument, character));
        }
        line.push(' ');
        line += &quoted(&specifiers(argument).replace('$', dollar));
    }
    Ok(line)
}

fn check_program(program: &str) -> Result<(), UnitError> {
    let unsafe_character =
        |it: char| it.is_ascii_control() || matches!(it, '"' | '\'' | '\\') || is_unspeakable(it);
    // systemd refuses what is not in its shortest form, but for doubled and trailing slashes.
    let dots = program.split('/').any(|part| part == "..");
    if !program.starts_with('/')
        || program.ends_with('/')
        || dots
        || program.contains(unsafe_character)
    {
        return Err(UnitError::Program {
            program: program.to_owned(),
        });
    }
    Ok(())
}

/// A word, in double quotes unless it can stand without.
fn quoted(word: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "/._-+=:,@%$!|~^".contains(it);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = String::with_capacity(word.len() + 2);
    text.push('"');
    for character in word.chars() {
        match character {
            '"' => text += "\\\"",
            '\\' => text += "\\\\",
            '\n' => text += "\\n",
            '\r' => text += "\\r",
            '\t' => text += "\\t",
            it if it.is_ascii_control() => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\x{:02x}", u32::from(it));
            }
            it => text.push(it),
        }
    }
    text.push('"');
    text
}

fn character_error(key: &str, value: &str, character: char) -> UnitError {
    UnitError::Character {
        key: key.to_owned(),
        value: value.to_owned(),
        character,
    }
}
