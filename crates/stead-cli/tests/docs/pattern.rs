//! Whether an output is the one a page shows.

/// Whether the lines are those of the pattern; see the top of this test for what stands for what.
pub(crate) fn matches(pattern: &[String], lines: &[String]) -> bool {
    match pattern.split_first() {
        None => lines.is_empty(),
        Some((any, rest)) if any == "…" => {
            (0..=lines.len()).any(|skipped| matches(rest, &lines[skipped..]))
        }
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, lines)| fits(&plain(first), &plain(line)) && matches(rest, lines)),
    }
}

/// Whether a line is that of a pattern in which `…` is any text.
fn fits(pattern: &str, line: &str) -> bool {
    match pattern.split_once('…') {
        None => pattern == line,
        Some((before, after)) => line.strip_prefix(before).is_some_and(|rest| {
            let starts = rest.char_indices().map(|(at, _)| at);
            starts
                .chain([rest.len()])
                .any(|at| fits(after, &rest[at..]))
        }),
    }
}

/// A line with words in place of what is different each time.
fn plain(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let core = word.trim_matches(['(', ')', ',', '"', '\'']);
        words.push(match stands_for(core) {
            Some(what) => word.replacen(core, what, 1),
            None => word.to_owned(),
        });
    }
    words.join(" ")
}

fn stands_for(word: &str) -> Option<&'static str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(word) && word.len() >= 3 && !crate::PORTS.contains(&word) {
        return Some("NUMBER");
    }
    if let Some((date, time)) = word.split_once('T')
        && word.ends_with('Z')
        && digits(&date.replace('-', ""))
        && digits(&time.replace([':', '.', 'Z'], ""))
    {
        return Some("TIME");
    }
    word.strip_suffix(['s', 'm', 'h', 'd'])
        .is_some_and(digits)
        .then_some("AGE")
}

#[test]
fn what_stands_for_what() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (pattern, output, expected) in [
        ("a  b", "a b", true),
        ("a", "a\nb", false),
        ("…", "", true),
        ("a\n…\nd", "a\nb\nc\nd", true),
        ("a\n…\nd", "a\nb", false),
        ("x … z", "x y y z", true),
        ("x … z", "x y", false),
        ("…b", "ab", true),
        ("(pid 812) for 5s", "(pid 4711) for 12m", true),
        ("status 1", "status 2", false),
        ("port 7001", "port 7002", false),
        ("2026-11-23T00:00:00Z x", "2031-01-01T01:02:03.456Z x", true),
        ("2026-11-23T00:00:00Z", "never", false),
    ] {
        assert_eq!(
            matches(&lines(pattern), &lines(output)),
            expected,
            "{pattern:?} {output:?}"
        );
    }
}
