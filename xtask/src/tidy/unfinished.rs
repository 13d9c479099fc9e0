//! Nothing half-done is committed.

use super::Finding;
use super::house::House;
use super::source::has_word;

/// In pieces, so that this file does not find itself.
const MARKS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
];

const MACROS: &[&str] = &[concat!("to", "do!"), concat!("unimpl", "emented!")];

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &house.files {
        if file.is("lock") || file.path.starts_with("LICENSE") {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            for mark in MARKS {
                if has_word(line, mark) {
                    findings.push(Finding::new(
                        file.place(index + 1),
                        format!("{mark}: finish it, or say in plain words what does not work"),
                    ));
                }
            }
        }
        if file.is("rs") {
            for (number, line) in file.code_lines() {
                for name in MACROS {
                    if line.contains(name) {
                        findings.push(Finding::new(
                            file.place(number),
                            format!("`{name}` is no code"),
                        ));
                    }
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::files;
    use super::*;

    #[test]
    fn marks_and_stubs_are_found() {
        let mark = format!("// {}: later", MARKS[0]);
        let stub = format!("fn f() {{ {}() }}", MACROS[0]);
        let house = files(&[
            ("a.rs", &mark),
            ("b.rs", &stub),
            ("docs/c.md", &mark),
            ("d.rs", "let todos = 1;"),
        ]);
        let places: Vec<_> = find(&house)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["a.rs:1", "b.rs:1", "docs/c.md:1"]);
    }
}
