//! A file has one topic and fits in the head.

use super::Finding;
use super::house::{File, House};

/// From here on a file is worth a second look.
const LONG: usize = 400;

/// From here on it must be split.
const TOO_LONG: usize = 800;

pub(super) fn find(house: &House) -> Vec<Finding> {
    house
        .files_ending(".rs")
        .map(|file| (file, lines(file)))
        .filter(|(_, lines)| *lines > TOO_LONG)
        .map(|(file, lines)| {
            Finding::new(
                &file.path,
                format!("has {lines} lines, more than {TOO_LONG}: split it by topic"),
            )
        })
        .collect()
}

/// The files worth a second look, the longest first.
pub(super) fn long(house: &House) -> Vec<(&str, usize)> {
    let mut long: Vec<_> = house
        .files_ending(".rs")
        .map(|file| (file.path.as_str(), lines(file)))
        .filter(|(_, lines)| *lines > LONG)
        .collect();
    long.sort_by_key(|(_, lines)| std::cmp::Reverse(*lines));
    long
}

fn lines(file: &File) -> usize {
    file.text.lines().count()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::files;
    use super::*;

    #[test]
    fn long_files_are_listed_and_too_long_ones_fail() {
        let (short, long_text, too_long) = (
            "x\n".repeat(LONG),
            "x\n".repeat(LONG + 1),
            "x\n".repeat(TOO_LONG + 1),
        );
        let house = files(&[
            ("a.rs", &short),
            ("b.rs", &long_text),
            ("c.rs", &too_long),
            ("d.md", &too_long),
        ]);
        assert_eq!(long(&house), [("c.rs", TOO_LONG + 1), ("b.rs", LONG + 1)]);
        let findings = find(&house);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "c.rs");
    }
}
