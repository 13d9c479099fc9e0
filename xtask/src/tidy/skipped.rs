//! No test is switched off: a suite that does not run is a failure.
//!
//! The one exception is the other half of a test that needs a process of its own: it says
//! `#[ignore = "run by NAME"]`, and the test of that name in the same file runs it.

use super::Finding;
use super::house::{File, House};

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in house.files_ending(".rs") {
        let raw: Vec<&str> = file.text.lines().collect();
        for (number, line) in file.code_lines() {
            if line.trim_start().starts_with("#[ignore") && !is_run(file, raw[number - 1]) {
                findings.push(Finding::new(
                    file.place(number),
                    "a test runs or goes: make what it needs part of `xtask/src/needs.rs`",
                ));
            }
        }
    }
    findings
}

/// Whether the attribute names a test of the same file that runs this one.
fn is_run(file: &File, attribute: &str) -> bool {
    attribute
        .split_once("\"run by ")
        .and_then(|(_, rest)| rest.split_once('"'))
        .is_some_and(|(runner, _)| file.text.contains(&format!("fn {runner}()")))
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
            ("d.rs", "#[ignore = \"run by nobody\"]\nfn half() {}"),
        ]);
        assert_eq!(find(&house).len(), 3);
    }

    #[test]
    fn a_half_that_another_test_runs_is_not() {
        let house = files(&[(
            "a.rs",
            "fn whole() {}\n#[ignore = \"run by whole\"]\nfn half() {}",
        )]);
        assert_eq!(find(&house), []);
    }
}
