//! The text of a unit: sections, assignments, words.
//!
//! After `systemd.syntax(7)` and "Quoting" in `systemd.service(5)`.

use crate::ImportError;

/// `Key=Value` in a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) line: usize,
    /// `Unit`, `Service`, …
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
}

pub(super) fn parse(text: &str) -> Result<Vec<Assignment>, ImportError> {
    let mut found = Vec::new();
    let mut section: Option<String> = None;
    let mut lines = text.lines().enumerate();
    while let Some((index, first)) = lines.next() {
        let line = index + 1;
        let mut whole = first.trim().to_owned();
        if is_comment(&whole) {
            continue;
        }
        // A line goes on after a backslash; comments in between are left out.
        while whole.ends_with('\\') {
            whole.pop();
            match lines.next() {
                None => break,
                Some((_, next)) if is_comment(next.trim()) && !next.trim().is_empty() => {
                    whole.push('\\');
                }
                Some((_, next)) => {
                    whole.push(' ');
                    whole.push_str(next.trim_end());
                }
            }
        }
        let whole = whole.trim();
        if let Some(rest) = whole.strip_prefix('[') {
            let name = rest.strip_suffix(']').ok_or_else(|| {
                ImportError::syntax(line, format!("the section {whole} has no closing `]`"))
            })?;
            section = Some(name.to_owned());
            continue;
        }
        let Some((key, value)) = whole.split_once('=') else {
            return Err(ImportError::syntax(
                line,
                format!("{whole:?} is not Key=Value"),
            ));
        };
        let section = section.clone().ok_or_else(|| {
            ImportError::syntax(
                line,
                format!("{} stands before the first section", key.trim()),
            )
        })?;
        found.push(Assignment {
            line,
            section,
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
        });
    }
    Ok(found)
}

fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with(['#', ';'])
}

/// A value's words: quotes keep spaces, backslashes escape as in C.
pub(super) fn words(value: &str, line: usize) -> Result<Vec<String>, ImportError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        match (character, quote) {
            ('\\', _) => {
                let escaped = escape(&mut rest).ok_or_else(|| {
                    ImportError::syntax(line, "a backslash is followed by no escape of systemd's")
                })?;
                word.get_or_insert_default().push(escaped);
            }
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(ImportError::syntax(
            line,
            format!("a {open} is never closed"),
        ));
    }
    words.extend(word);
    Ok(words)
}

fn escape(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let number = |rest: &mut std::str::Chars<'_>, first: Option<char>, count: usize, radix| {
        let digits: String = first.into_iter().chain(rest.take(count)).collect();
        let code = u32::from_str_radix(&digits, radix).ok()?;
        char::from_u32(code).filter(|c| *c != '\0')
    };
    Some(match rest.next()? {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        's' => ' ',
        same @ ('\\' | '"' | '\'' | ' ' | ';') => same,
        'x' => number(rest, None, 2, 16)?,
        'u' => number(rest, None, 4, 16)?,
        'U' => number(rest, None, 8, 16)?,
        first @ '0'..='7' => number(rest, Some(first), 2, 8)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_and_comments_do_not_count() {
        let text =
            "# a\n[Service]\nExecStart=/bin/x \\\n# within\n  --y \\\n  z\n;b\nUser = shop\n";
        let found = parse(text).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|it| (it.line, it.key.as_str(), words(&it.value, 1).unwrap()))
            .collect();
        assert_eq!(
            shown,
            [
                (
                    3,
                    "ExecStart",
                    vec!["/bin/x".to_owned(), "--y".into(), "z".into()]
                ),
                (8, "User", vec!["shop".into()])
            ]
        );
    }

    #[test]
    fn words_are_unquoted() {
        for (value, expected) in [
            (r#"a "b c" 'd "e'"#, vec!["a", "b c", "d \"e"]),
            (r#""A=x y" B='z'"#, vec!["A=x y", "B=z"]),
            (r"a\x20b \101 \s \u00e4", vec!["a b", "A", " ", "ä"]),
            (r#""""#, vec![""]),
            ("", vec![]),
        ] {
            assert_eq!(words(value, 1).unwrap(), expected, "{value}");
        }
        for value in ["\"open", r"\q", r"\x0", r"\0000"] {
            assert!(words(value, 4).is_err(), "{value}");
        }
    }

    #[test]
    fn faults_have_lines() {
        for (text, line) in [("a=b", 1), ("[Unit", 1), ("[Unit]\n\nhello", 3)] {
            match parse(text) {
                Err(ImportError::Syntax { line: at, .. }) => assert_eq!(at, line),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
