//! A program that links `stead` pulls in neither store nor server.

use super::Finding;
use super::house::House;

const LARGE: &[&str] = &[
    "axum",
    "clap",
    "redb",
    "reqwest",
    "stead-agent",
    "stead-registry",
    "stead-server",
    "stead-store",
    "stead-supervisor",
];

pub(super) fn find(house: &House) -> Vec<Finding> {
    house
        .tree("stead")
        .into_iter()
        .filter(|name| LARGE.contains(name))
        .map(|name| {
            Finding::new(
                "crates/stead/Cargo.toml",
                format!("the SDK pulls in {name}: `cargo tree -p stead -i {name}` shows the way"),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::members;
    use super::super::house::Kind;
    use super::*;

    #[test]
    fn what_comes_in_by_another_crate_counts() {
        let house = members(&[
            (
                "stead",
                &[("stead-client", Kind::Normal), ("stead-server", Kind::Dev)],
            ),
            ("stead-client", &[("stead-store", Kind::Normal)]),
            ("stead-server", &[]),
            ("stead-store", &[]),
        ]);
        let findings = find(&house);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("stead-store"));
    }
}
