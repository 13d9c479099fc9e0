//! What the tests need from the machine, in one list, and how it gets there.
//!
//! As root on Debian the missing packages are installed; otherwise the chore says exactly what
//! is missing and how to get it, and fails: a suite that cannot run is a failure.

use std::path::Path;

use anyhow::{Result, bail};

use crate::shell;

/// Who needs a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// The tests of the workspace.
    Tests,
    /// The tests of the Windows build, under Wine.
    Windows,
    /// The fuzz targets.
    Fuzz,
    /// The peers a benchmark compares with.
    Bench,
}

/// A Debian package and what shows that it, or its like from elsewhere, is there.
struct Package {
    name: &'static str,
    proof: Proof,
    users: &'static [User],
}

enum Proof {
    Program(&'static str),
    /// For what no other system's package can stand in for: a file of this very package.
    Path(&'static str),
    /// Debian's compiler with the sources of its library, new enough for this workspace: both are
    /// versions of one source, and an older release of the system still offers an older one.
    Compiler,
}

const PACKAGES: &[Package] = &[
    package(
        "redis-server",
        Proof::Program("redis-server"),
        &[User::Tests],
    ),
    package(
        "python3",
        Proof::Program("python3"),
        &[User::Tests, User::Bench],
    ),
    package("curl", Proof::Program("curl"), &[User::Tests]),
    package("util-linux", Proof::Program("setpriv"), &[User::Tests]),
    package("debootstrap", Proof::Program("debootstrap"), &[User::Tests]),
    package(
        "debian-archive-keyring",
        Proof::Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
        &[User::Tests],
    ),
    package("g++", Proof::Program("c++"), &[User::Fuzz]),
    package(
        "gcc-mingw-w64-x86-64",
        Proof::Program("x86_64-w64-mingw32-gcc"),
        &[User::Windows],
    ),
    package("wine", Proof::Program("wine"), &[User::Windows]),
    package(
        "wine64",
        Proof::Path("/usr/lib/wine/wine64"),
        &[User::Windows],
    ),
    package("rustc-web", Proof::Compiler, &[User::Windows]),
    package("rust-web-src", Proof::Compiler, &[User::Windows]),
    package("supervisor", Proof::Program("supervisord"), &[User::Bench]),
    package("s6", Proof::Program("s6-log"), &[User::Bench]),
];

/// Debian's compiler: the one whose library sources are installed.
pub(crate) const COMPILER: &str = "/usr/bin/rustc";

const COMPILER_SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// The workspace's `rust-version`.
const WANTED_COMPILER: (u32, u32) = (1, 95);

/// Major and minor version of [`COMPILER`], if it is there.
fn compiler_version() -> Option<(u32, u32)> {
    let said = shell::output(shell::command(COMPILER).arg("--version")).ok()?;
    version_in(&said)
}

/// Reads `rustc 1.95.0 (…)`.
fn version_in(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A cargo subcommand from crates.io.
struct Tool {
    name: &'static str,
    users: &'static [User],
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "cargo-nextest",
        users: &[User::Tests],
    },
    Tool {
        name: "cargo-fuzz",
        users: &[User::Fuzz],
    },
];

const fn package(name: &'static str, proof: Proof, users: &'static [User]) -> Package {
    Package { name, proof, users }
}

/// Makes sure that everything these users need is there.
///
/// Looks first and installs only what is missing, so a second run costs nothing.
pub(crate) fn satisfy(users: &[User]) -> Result<()> {
    let packages: Vec<&str> = PACKAGES
        .iter()
        .filter(|package| wanted(package.users, users) && !package.proof.holds())
        .map(|package| package.name)
        .collect();
    if !packages.is_empty() {
        install_packages(&packages)?;
    }
    for tool in TOOLS {
        if wanted(tool.users, users) && shell::find(tool.name).is_none() {
            install_tool(tool.name)?;
        }
    }
    Ok(())
}

fn wanted(of: &[User], users: &[User]) -> bool {
    of.iter().any(|user| users.contains(user))
}

impl Proof {
    fn holds(&self) -> bool {
        match self {
            Self::Program(name) => shell::find(name).is_some(),
            Self::Path(path) => Path::new(path).exists(),
            Self::Compiler => {
                Path::new(COMPILER_SOURCES).exists()
                    && compiler_version().is_some_and(|version| version >= WANTED_COMPILER)
            }
        }
    }
}

fn install_packages(names: &[&str]) -> Result<()> {
    if shell::find("apt-get").is_none() {
        bail!(
            "the tests need {}, and there is no apt-get here\n\
             hint: install what your system calls these Debian packages, then run this again",
            names.join(", ")
        );
    }
    if !is_root() {
        bail!(
            "the tests need {}, and only root can install them\n\
             hint: sudo apt-get install --no-install-recommends {}",
            names.join(", "),
            names.join(" ")
        );
    }
    // The machine's own lists may be older than its mirror, and name older packages.
    shell::run(apt().arg("update"))?;
    shell::run(
        apt()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(names),
    )
}

fn apt() -> std::process::Command {
    let mut command = shell::command("apt-get");
    command
        .arg("-q")
        .env("DEBIAN_FRONTEND", "noninteractive")
        // The packages' own daemons stay off: the tests start theirs, on ports of their own.
        .env("RUNLEVEL", "1");
    command
}

fn install_tool(name: &str) -> Result<()> {
    // The tools wait for compilers and tests: building them quickly matters more than their speed.
    shell::run(
        shell::cargo()
            .args(["install", "--locked", name])
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    )
}

fn is_root() -> bool {
    // The owner of our own entry in /proc is who we run as.
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
    }
    #[cfg(not(unix))]
    {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_once() {
        let mut names: Vec<_> = PACKAGES.iter().map(|package| package.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_user_has_something() {
        for user in [User::Tests, User::Windows, User::Fuzz, User::Bench] {
            assert!(
                PACKAGES
                    .iter()
                    .any(|package| wanted(package.users, &[user])),
                "{user:?}"
            );
        }
    }

    #[test]
    fn a_proof_looks_at_the_machine() {
        assert!(Proof::Program("sh").holds());
        assert!(!Proof::Program("no-such-program").holds());
        assert!(!Proof::Path("/no/such/path").holds());
    }

    #[test]
    fn a_compiler_says_its_version() {
        let said = "rustc 1.85.0 (4d91de4e4 2025-02-17) (built from a source tarball)";
        assert_eq!(version_in(said), Some((1, 85)));
        assert!(version_in(said) < Some(WANTED_COMPILER));
        assert_eq!(version_in("no version"), None);
    }

    #[test]
    fn the_wanted_compiler_is_the_workspace_s() {
        let manifest = std::fs::read_to_string(shell::root().join("Cargo.toml")).unwrap();
        let (major, minor) = WANTED_COMPILER;
        assert!(manifest.contains(&format!("rust-version = \"{major}.{minor}\"")));
    }
}
