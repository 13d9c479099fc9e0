//! `stead-registry` never sees HTTP.

use super::Finding;
use super::house::House;
use super::source::has_word;

const HTTP: &[&str] = &[
    "axum",
    "http",
    "http_body_util",
    "hyper",
    "hyper_util",
    "reqwest",
    "tower",
    "tower_http",
];

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in house.rust_under("crates/stead-registry/") {
        for (number, line) in file.code_lines() {
            for name in HTTP {
                if has_word(&line, name)
                    && (line.contains(&format!("{name}::"))
                        || line.contains(&format!("use {name}")))
                {
                    findings.push(Finding::new(
                        file.place(number),
                        format!("the registry knows no HTTP, so no {name}"),
                    ));
                }
            }
        }
    }
    if let Some(package) = house.member("stead-registry") {
        for dependency in &package.dependencies {
            if HTTP.contains(&dependency.name.replace('-', "_").as_str()) {
                findings.push(Finding::new(
                    "crates/stead-registry/Cargo.toml",
                    format!("the registry knows no HTTP, so no {}", dependency.name),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{files, members};
    use super::super::house::Kind;
    use super::*;

    #[test]
    fn a_path_or_a_dependency_is_found() {
        let source = files(&[(
            "crates/stead-registry/src/lib.rs",
            "fn f() -> http::StatusCode {}",
        )]);
        assert_eq!(find(&source).len(), 1);
        let manifest = members(&[("stead-registry", &[("hyper-util", Kind::Normal)])]);
        assert_eq!(find(&manifest).len(), 1);
    }

    #[test]
    fn a_field_of_that_name_is_not() {
        let house = files(&[(
            "crates/stead-registry/src/lib.rs",
            "struct Check { http: Option<String> }",
        )]);
        assert_eq!(find(&house), []);
    }
}
