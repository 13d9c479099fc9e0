//! Real files of the three tools, and what becomes of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in the helpers of a test as in the test"
)]

mod errors;
mod properties;

use std::fs;
use std::path::{Path, PathBuf};

use stead_import::{Format, Imported, import};
use stead_model::Definition;
use stead_model::plan::{Manager, Program, choose};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/files")
        .join(name)
}

fn imported(name: &str) -> Imported {
    let bytes = fs::read(file(name)).unwrap();
    import(&bytes, name).unwrap_or_else(|error| panic!("{name}: {error:?}"))
}

/// The file becomes what stands beside it, notes and all, and that parses to the definition.
#[track_caller]
fn becomes(name: &str, format: Format) {
    let imported = imported(name);
    assert_eq!(imported.format, format);
    insta::assert_snapshot!(name, imported.toml);
    let parsed = Definition::parse(&imported.toml, Path::new("stead.toml")).unwrap();
    assert_eq!(parsed, imported.definition);
    let manager = match format {
        Format::Systemd => Manager::Systemd,
        _ => Manager::Scm,
    };
    for service in imported.definition.services.values() {
        for refusal in choose(service, manager, Program::Foreign, None)
            .err()
            .unwrap_or_default()
        {
            let told = imported.notes.iter().any(|note| {
                note.subject == refusal.key && note.advice.starts_with("will be refused")
            });
            assert!(told, "{refusal:?} is not told");
        }
    }
    for note in &imported.notes {
        assert!(imported.toml.contains(&format!("# - {note}\n")), "{note}");
    }
}

#[test]
fn winsw() {
    becomes("jenkins.xml", Format::WinSw);
    becomes("worker.xml", Format::WinSw);
}

#[test]
fn nssm() {
    becomes("gateway.reg", Format::Nssm);
}

#[test]
fn systemd() {
    becomes("orders.service", Format::Systemd);
    becomes("legacy@1.service", Format::Systemd);
}

#[test]
fn a_dump_as_windows_writes_it() {
    let text = fs::read_to_string(file("gateway.reg")).unwrap();
    let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let bytes: Vec<u8> = windows.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(import(&bytes, "x").unwrap(), imported("gateway.reg"));
}

#[test]
fn a_password_is_never_copied() {
    let imported = imported("jenkins.xml");
    assert!(!format!("{imported:?}").contains("Pa55w0rd"));
    assert!(
        imported
            .notes
            .iter()
            .any(|note| note.subject == "<password>")
    );
}

/// Every element of a file is in the definition or in a note.
#[test]
fn nothing_is_dropped_in_silence() {
    let text = fs::read_to_string(file("jenkins.xml")).unwrap();
    let odd = text.replace("</service>", "<oddity>9</oddity></service>");
    let with_oddity = import(odd.as_bytes(), "jenkins.xml").unwrap();
    assert!(
        with_oddity
            .notes
            .iter()
            .any(|note| note.subject == "<oddity>")
    );

    let text = fs::read_to_string(file("gateway.reg")).unwrap();
    let odd = text.replace("\"AppPriority\"", "\"AppOddity\"");
    let with_oddity = import(odd.as_bytes(), "gateway.reg").unwrap();
    assert!(
        with_oddity
            .notes
            .iter()
            .any(|note| note.subject == "AppOddity")
    );

    let text = fs::read_to_string(file("orders.service")).unwrap();
    let odd = text.replace(
        "[Install]",
        "Oddity=9\n[Install]\nOddity=9\n[Odd]\nOddity=9\n",
    );
    let with_oddity = import(odd.as_bytes(), "orders.service").unwrap();
    let notes = with_oddity
        .notes
        .iter()
        .filter(|note| note.subject.starts_with("Oddity="));
    assert_eq!(notes.count(), 3);
}
