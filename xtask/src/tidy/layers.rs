//! Dependencies point strictly downwards.

use super::Finding;
use super::house::{House, Kind};

/// The crates from the ground up; a crate may use only what is on a lower level.
const LEVELS: &[&[&str]] = &[
    &["stead-model"],
    &["stead-api", "stead-import", "stead-os", "stead-store"],
    &[
        "stead-client",
        "stead-native",
        "stead-registry",
        "stead-supervisor",
        "stead-telemetry",
    ],
    &["stead", "stead-server"],
    &["stead-agent"],
    &["stead-cli"],
];

/// Fixtures: for tests only, from any crate, and of no crate.
const TESTKIT: &str = "stead-testkit";

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in house.members() {
        let manifest = package.manifest.as_deref().unwrap_or_default();
        let own = package.dependencies.iter().filter(|dependency| {
            dependency.name != package.name && house.member(&dependency.name).is_some()
        });
        if manifest.starts_with("crates/")
            && package.name != TESTKIT
            && level(&package.name).is_none()
        {
            findings.push(Finding::new(
                manifest,
                format!("{} has no level: give it one in xtask/src/tidy/layers.rs and in ARCHITECTURE.md", package.name),
            ));
        }
        if manifest.starts_with("crates/")
            && manifest != format!("crates/{}/Cargo.toml", package.name)
        {
            findings.push(Finding::new(
                manifest,
                "a crate's folder bears its package name",
            ));
        }
        for dependency in own {
            if let Some(why) = forbidden(&package.name, manifest, &dependency.name, dependency.kind)
            {
                findings.push(Finding::new(
                    manifest,
                    format!(
                        "{} may not depend on {}: {why}",
                        package.name, dependency.name
                    ),
                ));
            }
        }
    }
    findings
}

fn forbidden(from: &str, manifest: &str, to: &str, kind: Kind) -> Option<String> {
    if to == TESTKIT {
        // A benchmark starts stacks too; nothing that ships contains it.
        return (kind != Kind::Dev && from != "xtask").then(|| "it is for tests only".to_owned());
    }
    if from == TESTKIT || from == "xtask" {
        return Some("it must work while every other crate is being changed".to_owned());
    }
    if manifest.starts_with("examples/") {
        return (to != "stead").then(|| "examples use the SDK, as users do".to_owned());
    }
    let (Some(from), Some(to)) = (level(from), level(to)) else {
        return Some("it has no level".to_owned());
    };
    (to >= from)
        .then(|| format!("level {from} uses level {to}, and dependencies point strictly downwards"))
}

fn level(name: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{member, members};
    use super::*;

    fn breaches(from: &str, to: &str, kind: Kind) -> usize {
        find(&members(&[(from, &[(to, kind)]), (to, &[])])).len()
    }

    #[test]
    fn downwards_is_fine() {
        assert_eq!(breaches("stead-cli", "stead-agent", Kind::Normal), 0);
        assert_eq!(breaches("stead-registry", "stead-store", Kind::Normal), 0);
        assert_eq!(breaches("stead-model", "stead-testkit", Kind::Dev), 0);
        let mut xtask = member("xtask", &[("stead-testkit", Kind::Normal)]);
        xtask.manifest = Some("xtask/Cargo.toml".to_owned());
        let house = House {
            files: Vec::new(),
            packages: vec![xtask, member("stead-testkit", &[])],
        };
        assert_eq!(find(&house), []);
    }

    #[test]
    fn upwards_sideways_and_fixtures_in_products_are_not() {
        assert_eq!(breaches("stead-model", "stead-os", Kind::Normal), 1);
        assert_eq!(breaches("stead-model", "stead-os", Kind::Dev), 1);
        assert_eq!(breaches("stead-store", "stead-api", Kind::Normal), 1);
        assert_eq!(breaches("stead-server", "stead-agent", Kind::Normal), 1);
        assert_eq!(breaches("stead-cli", "stead-testkit", Kind::Normal), 1);
        assert_eq!(breaches("stead-testkit", "stead-model", Kind::Normal), 1);
        assert_eq!(
            breaches("xtask", "stead-model", Kind::Normal),
            2,
            "xtask is no crate of the house either"
        );
    }

    #[test]
    fn a_crate_without_a_level_is_told() {
        assert_eq!(find(&members(&[("stead-new", &[])])).len(), 1);
    }

    #[test]
    fn examples_use_the_sdk_alone() {
        let mut shop = member(
            "shop",
            &[("stead", Kind::Normal), ("stead-store", Kind::Normal)],
        );
        shop.manifest = Some("examples/shop/Cargo.toml".to_owned());
        let house = House {
            files: Vec::new(),
            packages: vec![shop, member("stead", &[]), member("stead-store", &[])],
        };
        let findings = find(&house);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("stead-store"));
    }
}
