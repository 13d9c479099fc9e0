//! No test is switched off: a suite that does not run is a failure.

use super::Finding;
use super::house::House;

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in house.files_ending(".rs") {
        for (number, line) in file.code_lines() {
            if line.trim_start().starts_with("#[ignore") {
                findings.push(Finding::new(
                    file.place(number),
                    "a test runs or goes: make what it needs part of `xtask/src/needs.rs`",
                ));
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
    fn ignored_tests_are_found() {
        let house = files(&[
            ("a.rs", "#[test]\n#[ignore]\nfn f() {}"),
            ("b.rs", "    #[ignore = \"slow\"]"),
            ("c.rs", "// #[ignore]"),
        ]);
        assert_eq!(find(&house).len(), 2);
    }
}
