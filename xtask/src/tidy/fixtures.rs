//! Small houses for the rules' own tests.

#![cfg(test)]

use super::house::{Dependency, File, House, Kind, Package};

/// A house of files alone.
pub(super) fn files(files: &[(&str, &str)]) -> House {
    House {
        files: files
            .iter()
            .map(|(path, text)| File {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect(),
        packages: Vec::new(),
    }
}

/// A house of this workspace's packages alone, each with what it depends on.
pub(super) fn members(members: &[(&str, &[(&str, Kind)])]) -> House {
    House {
        files: Vec::new(),
        packages: members
            .iter()
            .map(|(name, asks)| member(name, asks))
            .collect(),
    }
}

/// A package of this workspace. What is not `Kind::Dev` resolves to the package of that name.
pub(super) fn member(name: &str, asks: &[(&str, Kind)]) -> Package {
    Package {
        id: name.to_owned(),
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        license: Some("MIT OR Apache-2.0".to_owned()),
        source: None,
        manifest: Some(format!("crates/{name}/Cargo.toml")),
        dependencies: asks
            .iter()
            .map(|(name, kind)| Dependency {
                name: (*name).to_owned(),
                kind: *kind,
            })
            .collect(),
        resolved: asks
            .iter()
            .filter(|(_, kind)| *kind != Kind::Dev)
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    }
}

/// A package from the registry.
pub(super) fn foreign(name: &str, license: Option<&str>) -> Package {
    Package {
        id: name.to_owned(),
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        license: license.map(str::to_owned),
        source: Some("registry+https://github.com/rust-lang/crates.io-index".to_owned()),
        ..Package::default()
    }
}
