//! Building for Windows with Debian's compiler and a standard library of our own making.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{needs, shell};

const TRIPLE: &str = "x86_64-pc-windows-gnu";

/// A test program and where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TestProgram {
    pub(super) package: String,
    /// The integration test's or the library's name.
    pub(super) target: String,
    /// The package's folder, in which its tests expect to run.
    pub(super) folder: PathBuf,
    pub(super) executable: PathBuf,
}

/// What a build made.
pub(super) struct Built {
    pub(super) tests: Vec<TestProgram>,
    /// If its package was built.
    pub(super) stead: Option<PathBuf>,
}

/// Builds `packages` and their tests into `target`.
pub(super) fn build(target: &Path, packages: &[&str]) -> Result<Built> {
    // One invocation for everything: with two, each would unify features anew and build the
    // dependencies twice. Unwinding, since libtest reports a failed test by catching its panic.
    let messages = shell::output(
        shell::cargo()
            .args(["build", "--locked", "--tests", "--bins", "--examples"])
            .args(["-Z", "build-std=std,panic_unwind,test"])
            .args(["--target", TRIPLE])
            .args(["--message-format", "json-render-diagnostics"])
            .args(packages.iter().flat_map(|package| ["--package", package]))
            .arg("--target-dir")
            .arg(target)
            .env("RUSTC", needs::COMPILER)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("CARGO_INCREMENTAL", "0")
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER"),
    )?;
    artifacts(&messages)
}

/// Reads cargo's messages, one JSON object a line.
fn artifacts(messages: &str) -> Result<Built> {
    let mut tests = Vec::new();
    let mut stead = None;
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)
            .with_context(|| format!("cargo said something that is not JSON: {line}"))?;
        if message["reason"] != "compiler-artifact" {
            continue;
        }
        let Some(executable) = message["executable"].as_str() else {
            continue;
        };
        let target = &message["target"];
        let name = target["name"].as_str().unwrap_or_default();
        if message["profile"]["test"] == true {
            let manifest = Path::new(message["manifest_path"].as_str().unwrap_or_default());
            let folder = manifest.parent().unwrap_or(manifest).to_owned();
            let package = folder.file_name().unwrap_or_default().to_string_lossy();
            tests.push(TestProgram {
                package: package.into_owned(),
                target: name.to_owned(),
                folder,
                executable: executable.into(),
            });
        } else if target["kind"][0] == "bin" && name == "stead" {
            stead = Some(PathBuf::from(executable));
        }
    }
    tests.sort_by(|a, b| (&a.package, &a.target).cmp(&(&b.package, &b.target)));
    Ok(Built { tests, stead })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_the_program_are_told_apart() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/w/crates/stead-os/Cargo.toml","target":{"kind":["test"],"name":"pipe"},"profile":{"test":true},"executable":"/t/pipe.exe"}
{"reason":"compiler-artifact","manifest_path":"/w/crates/stead-os/Cargo.toml","target":{"kind":["lib"],"name":"stead_os"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/crates/stead-cli/Cargo.toml","target":{"kind":["bin"],"name":"stead"},"profile":{"test":true},"executable":"/t/stead-1.exe"}
{"reason":"compiler-artifact","manifest_path":"/w/crates/stead-cli/Cargo.toml","target":{"kind":["bin"],"name":"stead"},"profile":{"test":false},"executable":"/t/stead.exe"}
{"reason":"build-finished","success":true}"#;
        let built = artifacts(messages).unwrap();
        let found: Vec<_> = built
            .tests
            .iter()
            .map(|test| (test.package.as_str(), test.target.as_str()))
            .collect();
        assert_eq!(found, [("stead-cli", "stead"), ("stead-os", "pipe")]);
        assert_eq!(built.stead.as_deref(), Some(Path::new("/t/stead.exe")));
    }
}
