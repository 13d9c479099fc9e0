//! What never gets into a build, and where everything comes from.

use super::house::House;
use super::{Finding, deny};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn find(house: &House) -> Vec<Finding> {
    let banned = match deny::bans(house) {
        Ok(banned) => banned,
        Err(why) => return vec![Finding::new("deny.toml", why)],
    };
    let mut findings = Vec::new();
    for package in &house.packages {
        let place = format!("{} {}", package.name, package.version);
        if let Some((_, why)) = banned.iter().find(|(name, _)| *name == package.name) {
            findings.push(Finding::new(
                &place,
                format!(
                    "is banned: {why}; `cargo tree --workspace -i {}` shows who wants it",
                    package.name
                ),
            ));
        }
        if let Some(source) = &package.source
            && source != REGISTRY
        {
            findings.push(Finding::new(
                &place,
                format!("comes from {source}, not from crates.io"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{files, foreign};
    use super::*;

    #[test]
    fn banned_and_stray_packages_are_found() {
        let mut house = files(&[(
            "deny.toml",
            "[bans]\ndeny = [{ crate = \"openssl-sys\", reason = \"rustls everywhere\" }]",
        )]);
        let mut stray = foreign("serde", None);
        stray.source = Some("git+https://example.com/serde".to_owned());
        house.packages = vec![foreign("openssl-sys", None), foreign("ring", None), stray];
        let findings = find(&house);
        assert_eq!(findings.len(), 2);
        assert!(findings[0].message.contains("rustls everywhere"));
        assert!(findings[1].message.contains("git+https"));
    }

    #[test]
    fn without_its_list_the_rule_does_not_pass() {
        assert_eq!(find(&files(&[])).len(), 1);
    }
}
