//! `stead-model` does no IO, reads no clock and never sees tokio.

use super::Finding;
use super::house::{House, Kind};
use super::source::has_word;

const FOLDER: &str = "crates/stead-model/src/";

const PATHS: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::os",
    "std::process",
    "std::thread",
    // An address is plain data; a socket is not.
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
];

const CRATES: &[&str] = &[
    "tokio",
    "mio",
    "async_std",
    "smol",
    "rustix",
    "libc",
    "windows_sys",
];

pub(super) fn find(house: &House) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in house.rust_under(FOLDER) {
        for (number, line) in file.code_lines() {
            for path in PATHS {
                if line.contains(path) || imported(&line, path) {
                    findings.push(Finding::new(
                        file.place(number),
                        format!("the model is pure: `{path}` belongs above it"),
                    ));
                }
            }
            for name in CRATES {
                if has_word(&line, name) {
                    findings.push(Finding::new(
                        file.place(number),
                        format!("the model never sees {name}"),
                    ));
                }
            }
        }
    }
    if let Some(package) = house.member("stead-model") {
        for dependency in &package.dependencies {
            if dependency.kind != Kind::Dev
                && CRATES.contains(&dependency.name.replace('-', "_").as_str())
            {
                findings.push(Finding::new(
                    "crates/stead-model/Cargo.toml",
                    format!("the model never sees {}", dependency.name),
                ));
            }
        }
    }
    findings
}

/// `use std::{fs, …}`: the same path, spelt as a group.
fn imported(line: &str, path: &str) -> bool {
    let Some(module) = path.strip_prefix("std::") else {
        return false;
    };
    line.split_once("std::{")
        .is_some_and(|(_, group)| has_word(group, module))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{files, members};
    use super::*;

    #[test]
    fn io_clocks_and_runtimes_are_found() {
        let bad = [
            "use std::fs;",
            "use std::{collections::BTreeMap, fs};",
            "let home = std::env::var(name);",
            "let now = jiff::Timestamp::now();",
            "use tokio::sync::mpsc;",
            "let stream = std::net::TcpStream::connect(address);",
        ];
        for line in bad {
            let house = files(&[("crates/stead-model/src/lib.rs", line)]);
            assert_eq!(find(&house).len(), 1, "{line}");
        }
    }

    #[test]
    fn plain_data_passes() {
        let house = files(&[
            (
                "crates/stead-model/src/lib.rs",
                "//! No std::fs here.\nuse std::{collections::BTreeMap, fmt, net::IpAddr};",
            ),
            ("crates/stead-os/src/lib.rs", "use std::fs;"),
        ]);
        assert_eq!(find(&house), []);
    }

    #[test]
    fn the_manifest_counts_too() {
        let house = members(&[("stead-model", &[("tokio", Kind::Normal)])]);
        assert_eq!(find(&house).len(), 1);
    }
}
