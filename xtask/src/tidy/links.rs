//! Links between the documents lead somewhere.

use std::collections::BTreeSet;

use super::Finding;
use super::house::{File, House};

pub(super) fn find(house: &House) -> Vec<Finding> {
    let paths: BTreeSet<&str> = house.files.iter().map(|file| file.path.as_str()).collect();
    let mut findings = Vec::new();
    for file in house.files_ending(".md") {
        for (number, target) in links(&file.text) {
            if let Some(why) = broken(house, &paths, file, &target) {
                findings.push(Finding::new(
                    file.place(number),
                    format!("link to {target}: {why}"),
                ));
            }
        }
    }
    findings
}

fn broken(house: &House, paths: &BTreeSet<&str>, from: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        from.path.clone()
    } else {
        resolve(&from.path, path)
    };
    let is_folder = || {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty() || paths.iter().any(|known| known.starts_with(&folder))
    };
    if !paths.contains(path.as_str()) {
        return (!is_folder()).then(|| format!("there is no {path}"));
    }
    if anchor.is_empty() {
        return None;
    }
    let page = house
        .files
        .iter()
        .find(|file| file.path == path && file.is("md"))?;
    (!anchors(&page.text).contains(anchor)).then(|| format!("{path} has no heading for #{anchor}"))
}

/// A link's path as seen from the root.
fn resolve(from: &str, path: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The targets of the inline links outside code, each with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let mut rest = line.as_str();
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let end = rest.find(')').unwrap_or(rest.len());
            let target = rest[..end].split_whitespace().next().unwrap_or_default();
            found.push((number, target.trim_matches(['<', '>']).to_owned()));
            rest = &rest[end..];
        }
    }
    found
}

/// The names GitHub gives to the headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, line) in prose_with_code_spans(text) {
        let heading = line.trim_start_matches('#');
        if heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let name: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
            .map(|letter| if letter == ' ' { '-' } else { letter })
            .collect();
        let mut unique = name.clone();
        let mut count = 0;
        while !names.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}-{count}");
        }
    }
    names
}

/// The lines outside fenced code, without the code spans.
fn prose(text: &str) -> Vec<(usize, String)> {
    prose_with_code_spans(text)
        .into_iter()
        .map(|(number, line)| {
            (
                number,
                line.split('`').step_by(2).collect::<Vec<_>>().join(""),
            )
        })
        .collect()
}

fn prose_with_code_spans(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index + 1, line.to_owned()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::files;
    use super::*;

    #[test]
    fn dead_links_are_found() {
        let house = files(&[
            (
                "docs/a.md",
                "[ok](b.md) [ok](../README.md#the-start) [ok](https://example.com)\n\
                 [no](c.md) [no](b.md#nowhere) [ok](../docs/) [ok](#own)\n# Own\n`[x](code)`\n```\n[x](code)\n```\n",
            ),
            ("docs/b.md", "# B"),
            ("README.md", "## The `start`\n[no](nowhere/)"),
        ]);
        let places: Vec<_> = find(&house)
            .into_iter()
            .map(|finding| (finding.place, finding.message))
            .collect();
        assert_eq!(
            places,
            [
                (
                    "docs/a.md:2".to_owned(),
                    "link to c.md: there is no docs/c.md".to_owned()
                ),
                (
                    "docs/a.md:2".to_owned(),
                    "link to b.md#nowhere: docs/b.md has no heading for #nowhere".to_owned()
                ),
                (
                    "README.md:2".to_owned(),
                    "link to nowhere/: there is no nowhere".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn a_heading_that_comes_twice_has_two_names() {
        assert!(anchors("# A b\n# A b\n").contains("a-b-1"));
    }
}
