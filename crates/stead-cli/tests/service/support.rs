//! A machine with Stead on it.

use std::process::Output;

use serde_json::Value;
use stead_testkit::{DEADLINE, Machine, eventually_some};

/// Boots a machine that has `stead` where an administrator would put it.
pub(crate) fn machine() -> Machine {
    Machine::with()
        .bind(env!("CARGO_BIN_EXE_stead"), "/usr/local/bin/stead")
        .boot()
}

/// Writes a definition into the machine and gives its path.
pub(crate) fn define(machine: &Machine, text: &str) -> &'static str {
    let path = "/opt/shop/stead.toml";
    machine.write(path, text);
    path
}

/// `stead service` with these words.
#[track_caller]
pub(crate) fn service(machine: &Machine, words: &[&str]) -> Output {
    machine.run(&[&["/usr/local/bin/stead", "service"], words].concat())
}

/// The same, which must succeed; what it wrote to stdout.
#[track_caller]
pub(crate) fn ok(machine: &Machine, words: &[&str]) -> String {
    machine.ok(&[&["/usr/local/bin/stead", "service"], words].concat())
}

/// The same, which must fail with this status; what it wrote to stderr.
#[track_caller]
pub(crate) fn fails(machine: &Machine, status: i32, words: &[&str]) -> String {
    let output = service(machine, words);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        output.status.code(),
        Some(status),
        "{words:?}: {}\n{stderr}",
        String::from_utf8_lossy(&output.stdout)
    );
    stderr
}

/// `stead service status NAME` as scripts have it.
#[track_caller]
pub(crate) fn status(machine: &Machine, name: &str) -> Value {
    let output = service(machine, &["status", name, "--output", "json"]);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Waits until the status of a service is as wanted.
#[track_caller]
pub(crate) fn eventually_status(
    machine: &Machine,
    name: &str,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    eventually_some(DEADLINE, &format!("{name}: {what}"), || {
        Some(status(machine, name)).filter(&wanted)
    })
}

/// Whether the machine has a file or folder there.
pub(crate) fn exists(machine: &Machine, place: &str) -> bool {
    machine.path(place).symlink_metadata().is_ok()
}

/// The processes whose command lines have `words` in them, as the machine counts them.
pub(crate) fn running(machine: &Machine, words: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(machine.path("/proc")).unwrap() {
        let entry = entry.unwrap();
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        // One that has ended meanwhile has no command line.
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(words) {
            found.push(pid);
        }
    }
    found.sort_unstable();
    found
}

/// The number of the account that a process of the machine runs as.
pub(crate) fn account_of(machine: &Machine, pid: &Value) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(machine.path(format!("/proc/{pid}")))
        .unwrap()
        .uid()
}
