//! Just enough of Rust's syntax to tell code from comments and strings.

/// The code of a Rust file, line for line: comments are gone and strings and characters are
/// empty, so that a rule never trips over prose.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = string(rest, ends_in_name(&code)) {
            length
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        code.extend(rest[..skipped].chars().filter(|&letter| letter == '\n'));
        rest = &rest[skipped..];
    }
    code
}

/// Whether `word` stands in `line` as a whole word (`unsafe`, not `unsafe_code`).
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let inside = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(inside) && !line[at + word.len()..].starts_with(inside)
    })
}

fn ends_in_name(code: &str) -> bool {
    code.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
}

/// The length of the block comment that `rest` starts with; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of the string or character literal that `rest` starts with, if it does.
fn string(rest: &str, after_name: bool) -> Option<usize> {
    if let Some(inner) = rest.strip_prefix('\'') {
        return character(inner).map(|length| length + 1);
    }
    if rest.starts_with('"') {
        return Some(quoted(rest));
    }
    if after_name {
        return None;
    }
    let prefix = ["br", "cr", "r", "b", "c"]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix) && rest[prefix.len()..].starts_with(['"', '#']))?;
    let body = &rest[prefix.len()..];
    if !prefix.ends_with('r') {
        return body.starts_with('"').then(|| prefix.len() + quoted(body));
    }
    let hashes = body.len() - body.trim_start_matches('#').len();
    // `r#type` is a name, not a string.
    let content = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = content
        .find(&end)
        .map_or(content.len(), |at| at + end.len());
    Some(prefix.len() + hashes + 1 + length)
}

/// The length of a quoted string with escapes, quotes included.
fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal after its opening quote; a lifetime is none.
fn character(inner: &str) -> Option<usize> {
    let mut letters = inner.char_indices();
    let (_, first) = letters.next()?;
    if first == '\\' {
        letters.next()?;
        return letters
            .find(|(_, letter)| *letter == '\'')
            .map(|(at, _)| at + 1);
    }
    let (at, second) = letters.next()?;
    (second == '\'').then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_not_code() {
        let cases = [
            ("let a = 1; // unsafe", "let a = 1; "),
            ("a /* unsafe /* deep */ still */ b", "a  b"),
            ("f(\"unsafe \\\" more\", 1)", "f(, 1)"),
            ("f(r#\"unsafe \" more\"#, 1)", "f(, 1)"),
            ("f(b\"x\", br\"y\", c\"z\")", "f(, , )"),
            ("let c = '\"'; unsafe {}", "let c = ; unsafe {}"),
            ("let c = '\\''; x", "let c = ; x"),
            ("let c = '\\u{22}'; x", "let c = ; x"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("r#type + bar\"x\"", "r#type + bar"),
        ];
        for (text, code) in cases {
            assert_eq!(code_only(text), code, "{text}");
        }
    }

    #[test]
    fn lines_keep_their_numbers() {
        let code = code_only("/* one\n two */\n\"three\nfour\"\nfive");
        assert_eq!(code.lines().nth(4), Some("five"));
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("unsafe {", "unsafe"));
        assert!(!has_word("unsafe_code = 1", "unsafe"));
        assert!(!has_word("not_unsafe", "unsafe"));
        assert!(has_word("unsafe_code(unsafe)", "unsafe"));
    }
}
