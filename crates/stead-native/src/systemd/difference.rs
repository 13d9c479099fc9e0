//! How two units differ, line by line.

use similar::{ChangeTag, TextDiff};

/// The lines that only the first has (`-`) and only the second (`+`), in order. Comments and
/// blank lines are of no account.
pub(super) fn lines(has: &str, wants: &str) -> Vec<String> {
    let (has, wants) = (settings(has), settings(wants));
    TextDiff::from_lines(&has, &wants)
        .iter_all_changes()
        .filter_map(|change| {
            let line = change.value().trim_end();
            match change.tag() {
                ChangeTag::Delete => Some(format!("- {line}")),
                ChangeTag::Insert => Some(format!("+ {line}")),
                ChangeTag::Equal => None,
            }
        })
        .collect()
}

fn settings(unit: &str) -> String {
    let matters = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    unit.lines()
        .filter(matters)
        .fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_changed_and_taken_away() {
        assert_eq!(
            lines("# a\nA=1\nB=2\nC=3\n", "A=1\n\nB=4\nD=5\nC=3\n"),
            ["- B=2", "+ B=4", "+ D=5"]
        );
        assert_eq!(lines("A=1\n", "A=1\n"), Vec::<String>::new());
        assert_eq!(lines("", "A=1"), ["+ A=1"]);
        assert_eq!(lines("A=1", ""), ["- A=1"]);
    }
}
