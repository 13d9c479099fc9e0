//! What is common to services of Windows: command lines, variables, accounts.

use stead_model::Service;

use crate::draft::Notes;

/// Parts arguments as `CommandLineToArgvW` and the C runtime do those after the program:
/// backslashes count only before a quote, where two stand for one and an odd one takes the quote
/// for itself; two quotes within quotes are one.
pub(crate) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' if !quoted => words.extend(word.take()),
            '\\' => {
                let mut count = 1;
                while rest.next_if_eq(&'\\').is_some() {
                    count += 1;
                }
                let word = word.get_or_insert_default();
                if rest.peek() == Some(&'"') {
                    word.extend(std::iter::repeat_n('\\', count / 2));
                    if count % 2 == 1 {
                        rest.next();
                        word.push('"');
                    }
                } else {
                    word.extend(std::iter::repeat_n('\\', count));
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                if quoted && rest.next_if_eq(&'"').is_some() {
                    word.push('"');
                } else {
                    quoted = !quoted;
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

/// The names between percent signs.
pub(crate) fn variables(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        let Some((name, next)) = after.split_once('%') else {
            break;
        };
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '(' | ')' | '.');
        if !name.is_empty() && name.chars().all(is_name) {
            names.push(name);
            rest = next;
        } else {
            rest = after;
        }
    }
    names
}

/// Notes the variables that the other tool puts values in for and Stead does not.
pub(crate) fn note_variables(
    text: &str,
    line: impl Into<Option<usize>>,
    subject: &str,
    notes: &mut Notes,
) {
    let line = line.into();
    for name in variables(text) {
        notes.add(
            line,
            subject,
            format!("has %{name}% in it; Stead puts in no variables, so write its value"),
        );
    }
}

/// The account a service runs as, as its tool names it; `None`: none is named.
pub(crate) fn set_account(
    service: &mut Service,
    account: Option<&str>,
    line: impl Into<Option<usize>>,
    notes: &mut Notes,
) {
    match account.map(str::trim).filter(|account| !account.is_empty()) {
        None | Some("LocalSystem" | r".\LocalSystem" | r"NT AUTHORITY\SYSTEM") => {
            service.windows.account = Some("LocalSystem".to_owned());
            notes.add(
                line,
                "account",
                "is LocalSystem, which may do anything; if the program needs less, take `windows.account` out and it runs as LocalService",
            );
        }
        Some(account) => service.windows.account = Some(account.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_parted_as_windows_does() {
        for (line, words) in [
            ("", vec![]),
            ("  a  b ", vec!["a", "b"]),
            (r#""a b" c"#, vec!["a b", "c"]),
            (r#"a\"b "c\\" d\\e"#, vec![r#"a"b"#, r"c\", r"d\\e"]),
            (
                r#"-Dpath="C:\Program Files\x\\" y"#,
                vec![r"-Dpath=C:\Program Files\x\", "y"],
            ),
            (r#""a""b" """#, vec![r#"a"b"#, ""]),
            ("one\r\n  two", vec!["one", "two"]),
            (r#"a "open end"#, vec!["a", "open end"]),
        ] {
            assert_eq!(split(line), words, "{line}");
        }
    }

    #[test]
    fn variables_have_two_signs_and_a_name() {
        assert_eq!(variables(r"%BASE%\x;%PATH%"), ["BASE", "PATH"]);
        assert_eq!(
            variables("100% of 50% %ProgramFiles(x86)%"),
            ["ProgramFiles(x86)"]
        );
        assert_eq!(variables("%% %"), [""; 0]);
    }
}
