//! From what stands in the file to what is meant.

use std::iter::Peekable;
use std::str::Chars;

/// What systemd would not read either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordsError {
    /// A quote without its end.
    #[error("{value:?} has a quote that does not end")]
    Quote {
        /// The value.
        value: String,
    },
    /// A backslash and what it does not go with.
    #[error("{value:?} has a backslash that escapes nothing")]
    Escape {
        /// The value.
        value: String,
    },
}

/// One command of an `Exec…=` setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The special characters before the program: `-`, `@`, `:`, `+`, `!`, `!!`.
    pub prefixes: String,
    /// The program, and its arguments. (With `@` among the prefixes the first argument is what
    /// the program is told its name is.)
    pub command: Vec<String>,
    /// A specifier such as `%i` is left in it, since only systemd knows its value.
    pub specifiers: bool,
    /// A variable such as `$MAINPID` is left in it. Where there is none, `$$` was read as `$`.
    pub variables: bool,
}

/// The commands of one `Exec…=` value; there may be several, separated by ` ; `.
pub fn command_lines(value: &str) -> Result<Vec<CommandLine>, WordsError> {
    let mut commands = Vec::new();
    let mut rest = value.chars().peekable();
    loop {
        let mut words = Vec::new();
        loop {
            skip_space(&mut rest);
            if is_semicolon(&rest) {
                rest.next();
                break;
            }
            let Some(word) = next_word(&mut rest, value, Escapes::C)? else {
                break;
            };
            words.push(word);
        }
        if !words.is_empty() {
            commands.push(command_line(words));
        }
        skip_space(&mut rest);
        if rest.peek().is_none() {
            return Ok(commands);
        }
    }
}

/// The words of a list setting, `%%` read as `%`. Specifiers are left in.
pub fn words(value: &str) -> Result<Vec<String>, WordsError> {
    let mut words = Vec::new();
    let mut rest = value.chars().peekable();
    while let Some(word) = next_word(&mut rest, value, Escapes::None)? {
        words.push(plain_percent(&word).unwrap_or(word));
    }
    Ok(words)
}

/// The variables of one `Environment=` value. A word that is no assignment is left out, as
/// systemd does; specifiers are left in.
pub fn environment(value: &str) -> Result<Vec<(String, String)>, WordsError> {
    let mut variables = Vec::new();
    let mut rest = value.chars().peekable();
    while let Some(word) = next_word(&mut rest, value, Escapes::C)? {
        let word = plain_percent(&word).unwrap_or(word);
        if let Some((name, value)) = word.split_once('=') {
            variables.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(variables)
}

fn command_line(words: Vec<String>) -> CommandLine {
    let mut line = CommandLine::default();
    let mut words = words.into_iter();
    let first = words.next().unwrap_or_default();
    let program = first.trim_start_matches(['-', '@', ':', '+', '!', '|']);
    first[..first.len() - program.len()].clone_into(&mut line.prefixes);
    let literal = line.prefixes.contains(':');
    line.command.push(program.to_owned());
    line.command.extend(words);

    let expanded: Option<Vec<String>> = line.command.iter().map(|it| plain_percent(it)).collect();
    match expanded {
        Some(expanded) => line.command = expanded,
        None => line.specifiers = true,
    }
    if !literal {
        // The program's path is not expanded.
        let arguments = &line.command[1..];
        let expanded: Option<Vec<String>> = arguments.iter().map(|it| plain_dollar(it)).collect();
        match expanded {
            Some(expanded) => {
                line.command.truncate(1);
                line.command.extend(expanded);
            }
            None => line.variables = true,
        }
    }
    line
}

/// With `%%` read as `%`; `None` if a specifier is among it.
fn plain_percent(word: &str) -> Option<String> {
    let halves = word.replace("%%", "\0");
    (!halves.contains('%')).then(|| halves.replace('\0', "%"))
}

/// With `$$` read as `$`; `None` if a variable is among it.
fn plain_dollar(word: &str) -> Option<String> {
    let halves = word.replace("$$", "\0");
    let variable = halves.split('$').skip(1).any(|after| {
        after.starts_with(|it: char| it == '{' || it == '_' || it.is_ascii_alphabetic())
    });
    (!variable).then(|| halves.replace('\0', "$"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// `\n`, `\x41`, …
    C,
    /// A backslash means the character after it.
    None,
}

type Rest<'a> = Peekable<Chars<'a>>;

fn skip_space(rest: &mut Rest<'_>) {
    while rest.next_if(|it| is_space(*it)).is_some() {}
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn is_semicolon(rest: &Rest<'_>) -> bool {
    let mut ahead = rest.clone();
    ahead.next() == Some(';') && ahead.next().is_none_or(is_space)
}

fn next_word(
    rest: &mut Rest<'_>,
    value: &str,
    escapes: Escapes,
) -> Result<Option<String>, WordsError> {
    skip_space(rest);
    if rest.peek().is_none() {
        return Ok(None);
    }
    // Bytes, since `\xNN` gives one byte of what may be a longer character.
    let mut word = Vec::new();
    let mut quote = None;
    while let Some(character) = rest.next() {
        match (character, quote) {
            ('\\', _) => unescape(rest, value, escapes, &mut word)?,
            (it, Some(open)) if it == open => quote = None,
            ('"' | '\'', None) => quote = Some(character),
            (it, None) if is_space(it) => break,
            (it, _) => push(&mut word, it),
        }
    }
    if quote.is_some() {
        return Err(WordsError::Quote {
            value: value.to_owned(),
        });
    }
    match String::from_utf8(word) {
        Ok(word) => Ok(Some(word)),
        Err(_) => Err(escape_error(value)),
    }
}

fn push(word: &mut Vec<u8>, character: char) {
    word.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn unescape(
    rest: &mut Rest<'_>,
    value: &str,
    escapes: Escapes,
    word: &mut Vec<u8>,
) -> Result<(), WordsError> {
    let character = rest.next().ok_or_else(|| escape_error(value))?;
    if escapes == Escapes::None {
        push(word, character);
        return Ok(());
    }
    let mut number = |digits: usize, radix: u32| {
        let text: String = rest.by_ref().take(digits).collect();
        let whole = text.chars().count() == digits;
        let number = u32::from_str_radix(&text, radix).ok();
        number
            .filter(|number| whole && *number != 0)
            .ok_or_else(|| escape_error(value))
    };
    match character {
        'a' => word.push(7),
        'b' => word.push(8),
        'f' => word.push(12),
        'n' => word.push(b'\n'),
        'r' => word.push(b'\r'),
        't' => word.push(b'\t'),
        'v' => word.push(11),
        's' => word.push(b' '),
        '\\' | '"' | '\'' => push(word, character),
        // What stands for a lone `;` that is an argument.
        ';' => word.push(b';'),
        'x' => word.push(byte(number(2, 16)?, value)?),
        'u' => push(word, code(number(4, 16)?, value)?),
        'U' => push(word, code(number(8, 16)?, value)?),
        '0'..='3' => {
            let rest = number_after(character, rest, value)?;
            word.push(byte(rest, value)?);
        }
        _ => return Err(escape_error(value)),
    }
    Ok(())
}

/// Three octal digits, the first of which has been read.
fn number_after(first: char, rest: &mut Rest<'_>, value: &str) -> Result<u32, WordsError> {
    let text: String = std::iter::once(first)
        .chain(rest.by_ref().take(2))
        .collect();
    let number = u32::from_str_radix(&text, 8).ok();
    number
        .filter(|number| text.len() == 3 && *number != 0)
        .ok_or_else(|| escape_error(value))
}

fn byte(number: u32, value: &str) -> Result<u8, WordsError> {
    u8::try_from(number).map_err(|_| escape_error(value))
}

fn code(number: u32, value: &str) -> Result<char, WordsError> {
    char::from_u32(number).ok_or_else(|| escape_error(value))
}

fn escape_error(value: &str) -> WordsError {
    WordsError::Escape {
        value: value.to_owned(),
    }
}
