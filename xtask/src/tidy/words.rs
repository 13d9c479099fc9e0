//! The repository speaks of Stead alone: no paths of one machine, no package mirrors.

use super::Finding;
use super::house::House;

/// Absolute folders of somebody's machine. In pieces, so that this file does not find itself.
const FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/fa", "rm/"),
    concat!("/sha", "red/"),
];

/// How the names of package mirrors begin; which one a machine uses is its own affair.
const MIRRORS: &[&str] = &[
    "deb.",
    "files.",
    "index.",
    "mirror.",
    "registry.",
    "security.",
    "static.",
];

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &house.files {
        if file.is("lock") {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                findings.push(Finding::new(
                    file.place(index + 1),
                    format!("{folder} is a folder of one machine"),
                ));
            }
            if let Some(mirror) = MIRRORS.iter().find(|mirror| names_host(line, mirror)) {
                findings.push(Finding::new(file.place(index + 1), format!("a host that begins with {mirror} is a mirror: take it from the machine's settings")));
            }
        }
    }
    findings
}

/// `folder` at the start of a path, not within one.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        !line[..at].ends_with(|letter: char| {
            letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '}' | ')' | '*')
        })
    })
}

fn names_host(line: &str, start: &str) -> bool {
    line.match_indices("://")
        .any(|(at, _)| line[at + 3..].starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::files;
    use super::*;

    #[test]
    fn machines_and_mirrors_are_found() {
        let folder = format!("see {}notes.md", FOLDERS[0]);
        let mirror = format!("curl https://{}example.org/x", MIRRORS[0]);
        let house = files(&[
            ("a.md", &folder),
            ("b.sh", &mirror),
            (
                "c.md",
                "crates/root/x, target/work/y, $HOME/work/z, https://docs.rs/x",
            ),
        ]);
        let places: Vec<_> = find(&house)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["a.md:1", "b.sh:1"]);
    }
}
