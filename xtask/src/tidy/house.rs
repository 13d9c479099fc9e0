//! What the rules look at: the tracked text files and what cargo knows of the packages.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::source::code_only;
use crate::shell;

/// The repository as the rules see it.
#[derive(Default)]
pub(super) struct House {
    /// Every text file that git tracks or would track.
    pub(super) files: Vec<File>,
    /// The workspace's own packages and those they pull in.
    pub(super) packages: Vec<Package>,
}

/// A text file.
pub(super) struct File {
    /// Relative to the root, with forward slashes.
    pub(super) path: String,
    pub(super) text: String,
}

/// A package as cargo knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// The SPDX expression, if the package declares one.
    pub(super) license: Option<String>,
    /// Where it comes from; nothing for the packages of this workspace.
    pub(super) source: Option<String>,
    /// The manifest, relative to the root, for the packages of this workspace.
    pub(super) manifest: Option<String>,
    /// What its manifest asks for.
    pub(super) dependencies: Vec<Dependency>,
    /// The ids it resolves to, without those that only its tests use.
    pub(super) resolved: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Build,
    Dev,
}

impl House {
    /// Reads the working tree.
    pub(super) fn read() -> Result<Self> {
        Ok(Self {
            files: read_files()?,
            packages: read_packages()?,
        })
    }

    /// The packages of this workspace.
    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.manifest.is_some())
    }

    pub(super) fn member(&self, name: &str) -> Option<&Package> {
        self.members().find(|package| package.name == name)
    }

    /// The files whose name ends so.
    pub(super) fn files_ending<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a File> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(end))
    }

    /// The Rust files in a folder, at any depth.
    pub(super) fn rust_under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a File> {
        self.files_ending(".rs")
            .filter(move |file| file.path.starts_with(folder))
    }

    /// Everything that ends up in a build of `name`, itself left out, sorted by name.
    pub(super) fn tree(&self, name: &str) -> BTreeSet<&str> {
        let by_id: BTreeMap<&str, &Package> = self
            .packages
            .iter()
            .map(|package| (package.id.as_str(), package))
            .collect();
        let mut seen = BTreeSet::new();
        let mut open: Vec<&Package> = self.member(name).into_iter().collect();
        while let Some(package) = open.pop() {
            for id in &package.resolved {
                if let Some(next) = by_id.get(id.as_str())
                    && seen.insert(next.name.as_str())
                {
                    open.push(next);
                }
            }
        }
        seen
    }
}

impl File {
    /// The lines of code, numbered from 1, without comments and the insides of strings.
    pub(super) fn code_lines(&self) -> Vec<(usize, String)> {
        code_only(&self.text)
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.to_owned()))
            .collect()
    }

    /// Whether the name ends in `.extension`, spelt so.
    pub(super) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|own| own == extension)
    }

    pub(super) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

fn read_files() -> Result<Vec<File>> {
    let listed = shell::output(shell::command("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ]))?;
    let root = shell::root();
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        let full = root.join(path);
        // A file that was deleted but not yet committed so, or a link to a folder.
        if !full.is_file() {
            continue;
        }
        let bytes = fs::read(&full).with_context(|| format!("cannot read {path}"))?;
        // Binary files have no lines to check.
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File {
                path: path.to_owned(),
                text,
            });
        }
    }
    Ok(files)
}

fn read_packages() -> Result<Vec<Package>> {
    let text = shell::output(shell::cargo().args([
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--quiet",
    ]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    packages_of(&metadata)
}

fn packages_of(metadata: &Value) -> Result<Vec<Package>> {
    let root = metadata["workspace_root"]
        .as_str()
        .context("cargo metadata names no workspace root")?;
    let members: BTreeSet<&str> = metadata["workspace_members"]
        .as_array()
        .context("cargo metadata lists no members")?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut resolved: BTreeMap<&str, Vec<String>> = metadata["resolve"]["nodes"]
        .as_array()
        .context("cargo metadata has no resolved graph")?
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, used_by(node))))
        .collect();
    metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?
        .iter()
        .map(|package| {
            let id = package["id"].as_str().context("a package without an id")?;
            let manifest = package["manifest_path"].as_str().unwrap_or_default();
            Ok(Package {
                id: id.to_owned(),
                name: text(&package["name"]).unwrap_or_default(),
                version: text(&package["version"]).unwrap_or_default(),
                license: text(&package["license"]),
                source: text(&package["source"]),
                manifest: members.contains(id).then(|| {
                    manifest
                        .strip_prefix(root)
                        .unwrap_or(manifest)
                        .trim_start_matches(['/', '\\'])
                        .replace('\\', "/")
                }),
                dependencies: asked_for(package),
                resolved: resolved.remove(id).unwrap_or_default(),
            })
        })
        .collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The ids a node of the resolved graph needs outside its tests.
fn used_by(node: &Value) -> Vec<String> {
    node["deps"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|dependency| {
            dependency["dep_kinds"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
        })
        .filter_map(|dependency| text(&dependency["pkg"]))
        .collect()
}

fn asked_for(package: &Value) -> Vec<Dependency> {
    package["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|dependency| {
            Some(Dependency {
                name: text(&dependency["name"])?,
                kind: match dependency["kind"].as_str() {
                    Some("dev") => Kind::Dev,
                    Some("build") => Kind::Build,
                    _ => Kind::Normal,
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_read() {
        let packages = packages_of(&json!({
            "workspace_root": "/home/me/stead",
            "workspace_members": ["a 1"],
            "packages": [
                {"id": "a 1", "name": "a", "version": "0.1.0", "license": "MIT", "source": null,
                 "manifest_path": "/home/me/stead/crates/a/Cargo.toml",
                 "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}]},
                {"id": "b 1", "name": "b", "version": "1.0.0", "license": null,
                 "source": "registry+x", "manifest_path": "/x/Cargo.toml", "dependencies": []},
                {"id": "c 1", "name": "c", "version": "1.0.0", "license": null,
                 "source": "registry+x", "manifest_path": "/y/Cargo.toml", "dependencies": []}
            ],
            "resolve": {"nodes": [
                {"id": "a 1", "deps": [
                    {"pkg": "b 1", "dep_kinds": [{"kind": null}]},
                    {"pkg": "c 1", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "b 1", "deps": []},
                {"id": "c 1", "deps": []}
            ]}
        }))
        .unwrap();
        let house = House {
            files: Vec::new(),
            packages,
        };
        let member = house.member("a").unwrap();
        assert_eq!(member.manifest.as_deref(), Some("crates/a/Cargo.toml"));
        assert_eq!(member.dependencies[1].kind, Kind::Dev);
        assert_eq!(house.members().count(), 1);
        assert_eq!(house.tree("a").into_iter().collect::<Vec<_>>(), ["b"]);
    }
}
