//! Command lines as Windows' programs part them: one text that becomes arguments again.
//!
//! Windows hands a program one line, and `CommandLineToArgvW` (or the C runtime, by the same
//! rules) parts it. [`join`] makes a line that is parted as it was given; [`part`] parts a line
//! by those rules anywhere, so that what is installed can be read without Windows.
//!
//! The rules are those of "Parsing C++ command-line arguments" and of `CommandLineToArgvW`:
//! backslashes count only before a quote, where two stand for one; a quote within is escaped by
//! one. The first argument, the program, knows no escapes: it ends at the next quote.

#[cfg(test)]
mod tests;

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const SPACE: u16 = b' ' as u16;
const TAB: u16 = b'\t' as u16;

/// Why arguments cannot be written as a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There is not even a program.
    #[error("the command is empty")]
    Empty,
    /// A program's path is parted at its quotes, and no file's name has one.
    #[error("the program's path contains a quote")]
    QuoteInProgram,
    /// A line ends at its first NUL.
    #[error("the program's path contains a NUL character")]
    NulInProgram,
    /// A line ends at its first NUL.
    #[error("an argument contains a NUL character")]
    NulInArgument,
}

/// Joins a program and its arguments into a line that is parted into exactly these again.
///
/// The program's path is always quoted, so that a space in it never makes another program of it.
pub fn join<T: AsRef<str>>(command: &[T]) -> Result<String, JoinError> {
    let mut arguments = command
        .iter()
        .map(|it| it.as_ref().encode_utf16().collect::<Vec<_>>());
    let program = arguments.next().ok_or(JoinError::Empty)?;
    let line = join_units(&program, arguments)?;
    // Text goes in and only ASCII is added, so nothing is lost.
    Ok(String::from_utf16_lossy(&line))
}

/// As [`join`], in the units of UTF-16 that Windows' names are made of. Without a NUL at the end.
pub(crate) fn join_units(
    program: &[u16],
    arguments: impl Iterator<Item = Vec<u16>>,
) -> Result<Vec<u16>, JoinError> {
    if program.is_empty() {
        return Err(JoinError::Empty);
    }
    if program.contains(&0) {
        return Err(JoinError::NulInProgram);
    }
    if program.contains(&QUOTE) {
        return Err(JoinError::QuoteInProgram);
    }
    let mut line = vec![QUOTE];
    line.extend(program);
    line.push(QUOTE);
    for argument in arguments {
        if argument.contains(&0) {
            return Err(JoinError::NulInArgument);
        }
        line.push(SPACE);
        quote(&argument, &mut line);
    }
    Ok(line)
}

/// Appends one argument.
fn quote(argument: &[u16], line: &mut Vec<u16>) {
    let special =
        |unit: &u16| matches!(u8::try_from(*unit), Ok(b' ' | b'\t' | b'\n' | 0x0b | b'"'));
    if !argument.is_empty() && !argument.iter().any(special) {
        line.extend(argument);
        return;
    }
    line.push(QUOTE);
    let mut backslashes = 0;
    for &unit in argument {
        match unit {
            BACKSLASH => backslashes += 1,
            QUOTE => {
                line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        line.push(unit);
    }
    // Those at the end stand before the closing quote.
    line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
    line.push(QUOTE);
}

/// Parts a line as `CommandLineToArgvW` does; an empty line has no arguments.
pub fn part(line: &str) -> Vec<String> {
    let units: Vec<u16> = line.encode_utf16().collect();
    part_units(&units)
        .iter()
        .map(|argument| String::from_utf16_lossy(argument))
        .collect()
}

fn part_units(line: &[u16]) -> Vec<Vec<u16>> {
    if line.is_empty() {
        return Vec::new();
    }
    let (program, mut rest) = part_program(line);
    let mut arguments = vec![program];
    loop {
        rest = past_blanks(rest);
        if rest.is_empty() {
            return arguments;
        }
        let (argument, left) = part_argument(rest);
        arguments.push(argument);
        rest = left;
    }
}

/// The program: up to the closing quote, or to the first blank.
fn part_program(line: &[u16]) -> (Vec<u16>, &[u16]) {
    if line[0] == QUOTE {
        let inner = &line[1..];
        let end = position(inner, |unit| unit == QUOTE);
        let after = inner.get(end + 1..).unwrap_or_default();
        return (inner[..end].to_vec(), after);
    }
    // The control characters, too, end a program that is not quoted.
    let end = position(line, |unit| unit <= SPACE);
    (
        line[..end].to_vec(),
        line.get(end + 1..).unwrap_or_default(),
    )
}

/// One argument, which ends at a blank that is not within quotes, and what is left of the line.
fn part_argument(line: &[u16]) -> (Vec<u16>, &[u16]) {
    let mut argument = Vec::new();
    let mut at = 0;
    let mut within = false;
    while let Some(&unit) = line.get(at) {
        match unit {
            SPACE | TAB if !within => break,
            BACKSLASH => {
                let run = position(&line[at..], |unit| unit != BACKSLASH);
                at += run;
                if line.get(at) == Some(&QUOTE) {
                    argument.extend(std::iter::repeat_n(BACKSLASH, run / 2));
                    if run % 2 == 1 {
                        argument.push(QUOTE);
                        at += 1;
                    }
                } else {
                    argument.extend(std::iter::repeat_n(BACKSLASH, run));
                }
            }
            QUOTE => {
                let run = position(&line[at..], |unit| unit != QUOTE);
                at += run;
                // Of quotes in a row, counted from the one that opened, every third is text.
                let count = run + usize::from(within);
                argument.extend(std::iter::repeat_n(QUOTE, count / 3));
                within = count % 3 == 1;
            }
            _ => {
                argument.push(unit);
                at += 1;
            }
        }
    }
    (argument, &line[at..])
}

fn past_blanks(line: &[u16]) -> &[u16] {
    &line[position(line, |unit| unit != SPACE && unit != TAB)..]
}

/// Where the first such unit is, or the line's length.
fn position(line: &[u16], is_it: impl Fn(u16) -> bool) -> usize {
    line.iter()
        .position(|&unit| is_it(unit))
        .unwrap_or(line.len())
}
