//! No test is switched off: a suite that does not run is a failure.
//!
//! The one exception is the other half of a test that needs a process of its own: a test of the
//! same file runs it by its name.

use super::Finding;
use super::house::{File, House};

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in house.files_ending(".rs") {
        let lines = file.code_lines();
        for (index, (number, line)) in lines.iter().enumerate() {
            if line.trim_start().starts_with("#[ignore") && !is_run(file, &lines[index..]) {
                findings.push(Finding::new(
                    file.place(*number),
                    "a test runs or goes: make what it needs part of `xtask/src/needs.rs`",
                ));
            }
        }
    }
    findings
}

/// Whether the name of the first function in these lines stands as a string in the file.
fn is_run(file: &File, lines: &[(usize, String)]) -> bool {
    lines
        .iter()
        .find_map(|(_, line)| line.split_once("fn "))
        .and_then(|(_, rest)| rest.split_once('('))
        .is_some_and(|(name, _)| file.text.contains(&format!("\"{name}\"")))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::files;
    use super::*;

    #[test]
    fn ignored_tests_are_found() {
        let house = files(&[
            ("a.rs", "#[test]\n#[ignore]\nfn f() {}"),
            ("b.rs", "    #[ignore = \"slow\"]"),
            ("c.rs", "// #[ignore]"),
            ("d.rs", "#[ignore = \"run by another\"]\nasync fn half() {}"),
        ]);
        assert_eq!(find(&house).len(), 3);
    }

    #[test]
    fn a_half_that_another_test_runs_is_not() {
        let house = files(&[(
            "a.rs",
            "fn whole() { run(\"half\") }\n#[ignore = \"run by whole\"]\nasync fn half() {}",
        )]);
        assert_eq!(find(&house), []);
    }
}
