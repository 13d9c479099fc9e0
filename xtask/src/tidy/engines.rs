//! Nothing above `stead-store` knows its engine, and the faces reach it through the registry.

use super::Finding;
use super::house::{House, Kind};
use super::source::has_word;

/// The databases behind the store.
const ENGINES: &[&str] = &["redb", "rusqlite", "libsqlite3-sys", "etcd-client", "sled"];

/// The crates that reach the store through the registry. Their tests may open one.
const FACES: &[&str] = &["stead-server", "stead-agent"];

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in house.members() {
        let place = package.manifest.clone().unwrap_or_default();
        for dependency in &package.dependencies {
            if ENGINES.contains(&dependency.name.as_str()) && package.name != "stead-store" {
                findings.push(Finding::new(
                    &place,
                    format!("{} is for stead-store alone", dependency.name),
                ));
            }
            if FACES.contains(&package.name.as_str())
                && dependency.name == "stead-store"
                && dependency.kind != Kind::Dev
            {
                findings.push(Finding::new(
                    &place,
                    "reach the store through stead-registry",
                ));
            }
        }
    }
    for face in FACES {
        for file in house.rust_under(&format!("crates/{face}/src/")) {
            if is_test(&file.path) {
                continue;
            }
            for (number, line) in before_tests(file.code_lines()) {
                if has_word(&line, "stead_store") {
                    findings.push(Finding::new(
                        file.place(number),
                        "reach the store through stead-registry",
                    ));
                }
            }
        }
    }
    findings
}

fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The lines up to the file's own test module.
fn before_tests(lines: Vec<(usize, String)>) -> impl Iterator<Item = (usize, String)> {
    lines
        .into_iter()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{files, members};
    use super::*;

    #[test]
    fn engines_and_short_cuts_are_found() {
        let house = members(&[
            ("stead-store", &[("redb", Kind::Normal)]),
            ("stead-cli", &[("redb", Kind::Normal)]),
            ("stead-server", &[("stead-store", Kind::Normal)]),
            ("stead-agent", &[("stead-store", Kind::Dev)]),
        ]);
        assert_eq!(find(&house).len(), 2);
    }

    #[test]
    fn only_tests_name_the_store() {
        let house = files(&[
            ("crates/stead-server/src/kv.rs", "use stead_store::Txn;"),
            (
                "crates/stead-server/src/kv/tests.rs",
                "use stead_store::Txn;",
            ),
            (
                "crates/stead-agent/src/lib.rs",
                "mod a;\n#[cfg(test)]\nmod tests { use stead_store::Txn; }",
            ),
        ]);
        let findings = find(&house);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "crates/stead-server/src/kv.rs:1");
    }
}
