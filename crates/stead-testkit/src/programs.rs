//! Real programs to supervise: some that no one here wrote, some that behave badly on purpose.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A command in a definition: `["redis-server", "--port", "7001"]`.
///
/// TOML's basic strings are JSON's, but for the escapes of a solidus and of surrogates, which
/// are not written here.
#[must_use]
pub fn toml_array(arguments: &[String]) -> String {
    serde_json::to_string(arguments).expect("strings are JSON")
}

/// redis-server on a port of 127.0.0.1 that keeps nothing on the disk.
#[must_use]
pub fn redis(port: u16) -> Vec<String> {
    let port = port.to_string();
    words(&[
        "redis-server",
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
    ])
}

/// python3's http.server on a port of 127.0.0.1 that serves `folder`.
#[must_use]
pub fn python_http(port: u16, folder: &Path) -> Vec<String> {
    let port = port.to_string();
    words(&[
        "python3",
        "-m",
        "http.server",
        &port,
        "--bind",
        "127.0.0.1",
        "--directory",
        &folder.to_string_lossy(),
    ])
}

/// A shell script in `folder` that runs `body`.
pub fn script(folder: &Path, name: &str, body: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("the test's own folder is writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("the file is our own");
    path
}

/// A script that ignores SIGTERM and forks grandchildren which do so too: one in its process
/// group, one in a session of its own, one whose parent has ended.
///
/// Each adds its pid to `folder/pids`: see [`stubborn_pids`].
pub fn stubborn(folder: &Path) -> PathBuf {
    let pids = folder.join("pids");
    let pids = pids.display();
    let stay = format!("trap \"\" TERM INT HUP; echo $$ >> {pids}; while :; do sleep 1000; done");
    script(
        folder,
        "stubborn.sh",
        &format!(
            "sh -c '{stay}' &\n\
             setsid sh -c '{stay}' &\n\
             sh -c \"setsid sh -c '{}' &\"\n\
             {stay}",
            stay.replace('$', "\\$").replace('"', "\\\"")
        ),
    )
}

/// The pids that a [`stubborn`] script and its family have written so far; it is complete at 4.
#[must_use]
pub fn stubborn_pids(folder: &Path) -> Vec<u32> {
    fs::read_to_string(folder.join("pids"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{DEADLINE, eventually, folder, processes};

    #[test]
    fn the_stubborn_family_ignores_sigterm() {
        let folder = folder();
        let script = stubborn(folder.path());
        #[allow(
            clippy::disallowed_methods,
            reason = "the test's own child, killed below"
        )]
        let mut child = Command::new(script).spawn().unwrap();
        eventually(DEADLINE, "all four have written their pid", || {
            stubborn_pids(folder.path()).len() == 4
        });
        let pids = stubborn_pids(folder.path());
        let sleepers: Vec<u32> = pids
            .iter()
            .flat_map(|&pid| processes::descendants(pid))
            .map(|process| process.pid)
            .filter(|pid| !pids.contains(pid))
            .collect();
        for &pid in &pids {
            processes::signal(pid, "TERM");
        }
        assert!(pids.iter().all(|&pid| processes::runs(pid)));
        for &pid in pids.iter().chain(&sleepers) {
            processes::signal(pid, "KILL");
        }
        child.wait().unwrap();
        eventually(DEADLINE, "nothing is left", || {
            !pids
                .iter()
                .chain(&sleepers)
                .any(|&pid| processes::runs(pid))
        });
    }

    #[test]
    fn arguments_become_toml() {
        assert_eq!(
            toml_array(&words(&["a b", "\"c\"", "\\"])),
            r#"["a b","\"c\"","\\"]"#
        );
    }
}
