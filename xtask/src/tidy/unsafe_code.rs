//! `unsafe` lives in `stead-os` and nowhere else.

use super::Finding;
use super::house::House;
use super::source::has_word;

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in house.files_ending(".rs") {
        if file.path.starts_with("crates/stead-os/") {
            continue;
        }
        for (number, line) in file.code_lines() {
            if has_word(&line, "unsafe") {
                findings.push(Finding::new(
                    file.place(number),
                    "`unsafe` belongs in stead-os, behind a safe face",
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
    fn only_code_outside_the_os_crate_counts() {
        let house = files(&[
            ("crates/stead-os/src/lib.rs", "unsafe { work() }"),
            (
                "crates/stead-agent/src/lib.rs",
                "// unsafe\nlet a = \"unsafe\";\nunsafe { work() }",
            ),
            ("crates/stead-cli/tests/up.rs", "unsafe fn f() {}"),
        ]);
        let findings = find(&house);
        assert_eq!(findings.len(), 2);
        assert_eq!(findings[0].place, "crates/stead-agent/src/lib.rs:3");
    }
}
