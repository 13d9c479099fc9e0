//! Only `stead-os` names the crates that speak to an operating system.

use super::Finding;
use super::house::House;

const NATIVE: &[&str] = &[
    "libc",
    "nix",
    "rustix",
    "winapi",
    "windows",
    "windows-service",
    "windows-sys",
    "zbus",
];

pub(super) fn find(house: &House) -> Vec<Finding> {
    house
        .members()
        .filter(|package| package.name != "stead-os")
        .flat_map(|package| {
            package
                .dependencies
                .iter()
                .filter(|dependency| NATIVE.contains(&dependency.name.as_str()))
                .map(|dependency| {
                    Finding::new(
                        package.manifest.clone().unwrap_or_default(),
                        format!(
                            "{} is for stead-os alone: add what you need to its face",
                            dependency.name
                        ),
                    )
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::members;
    use super::super::house::Kind;
    use super::*;

    #[test]
    fn tests_are_no_excuse() {
        let house = members(&[
            (
                "stead-os",
                &[("rustix", Kind::Normal), ("windows-sys", Kind::Normal)],
            ),
            (
                "stead-agent",
                &[("libc", Kind::Dev), ("serde", Kind::Normal)],
            ),
        ]);
        let findings = find(&house);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].place, "crates/stead-agent/Cargo.toml");
    }
}
