//! Every package takes the workspace's lints; `stead-os` has the same, with `unsafe` allowed.

use super::Finding;
use super::house::House;

/// Has its own list: the workspace forbids `unsafe`, and what is forbidden cannot be allowed again.
const OWN_LIST: &str = "crates/stead-os/Cargo.toml";

/// Not a member of the workspace, so there is nothing to take.
const OUTSIDE: &str = "fuzz/Cargo.toml";

pub(super) fn find(house: &House) -> Vec<Finding> {
    house
        .files_ending("Cargo.toml")
        .filter(|file| file.path != "Cargo.toml" && file.path != OUTSIDE)
        .filter_map(|file| {
            let manifest = match file.text.parse::<toml::Table>() {
                Ok(manifest) => manifest,
                Err(error) => {
                    return Some(Finding::new(&file.path, format!("is not TOML: {error}")));
                }
            };
            let lints = manifest.get("lints");
            if file.path == OWN_LIST {
                let pedantic = lints
                    .and_then(|lints| lints.get("clippy"))
                    .and_then(|clippy| clippy.get("pedantic"));
                return pedantic.is_none().then(|| {
                    Finding::new(
                        &file.path,
                        "its own list of lints must hold clippy's pedantic",
                    )
                });
            }
            let inherits = lints
                .and_then(|lints| lints.get("workspace"))
                .and_then(toml::Value::as_bool)
                == Some(true);
            (!inherits).then(|| Finding::new(&file.path, "add `[lints] workspace = true`"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::files;
    use super::*;

    #[test]
    fn a_manifest_without_the_workspaces_lints_is_found() {
        let house = files(&[
            ("Cargo.toml", "[workspace]"),
            ("crates/a/Cargo.toml", "[lints]\nworkspace = true"),
            ("crates/b/Cargo.toml", "[package]"),
            (
                "crates/c/Cargo.toml",
                "[lints.rust]\nunsafe_code = \"allow\"",
            ),
            (
                "crates/stead-os/Cargo.toml",
                "[lints.clippy]\npedantic = \"warn\"",
            ),
        ]);
        let places: Vec<_> = find(&house)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["crates/b/Cargo.toml", "crates/c/Cargo.toml"]);
    }

    #[test]
    fn the_own_list_keeps_pedantic() {
        let house = files(&[(
            "crates/stead-os/Cargo.toml",
            "[lints.rust]\nunsafe_code = \"allow\"",
        )]);
        assert_eq!(find(&house).len(), 1);
    }
}
