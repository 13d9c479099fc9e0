//! The surface of the command line: every help text, the completions, the manual, how a failure
//! reads. `SNAPSHOTS=overwrite cargo test -p stead-cli --test surface` writes the expected texts
//! anew.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "helpers of tests")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use snapbox::Data;

/// `stead` with an environment that decides nothing.
fn stead(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stead"))
        .args(arguments)
        .env_clear()
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .expect("the binary under test can be run")
}

#[track_caller]
fn text(output: Output) -> String {
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// Every command with its verbs.
const COMMANDS: [&[&str]; 37] = [
    &[],
    &["up"],
    &["run"],
    &["ps"],
    &["status"],
    &["start"],
    &["stop"],
    &["restart"],
    &["reload"],
    &["logs"],
    &["service"],
    &["service", "install"],
    &["service", "uninstall"],
    &["service", "start"],
    &["service", "stop"],
    &["service", "restart"],
    &["service", "reload"],
    &["service", "status"],
    &["service", "list"],
    &["service", "show"],
    &["service", "set"],
    &["service", "dependents"],
    &["service", "logs"],
    &["service", "import"],
    &["kv"],
    &["kv", "get"],
    &["kv", "put"],
    &["kv", "delete"],
    &["kv", "list"],
    &["kv", "watch"],
    &["catalog"],
    &["catalog", "nodes"],
    &["catalog", "services"],
    &["catalog", "instances"],
    &["doctor"],
    &["completions"],
    &["man"],
];

#[test]
fn every_help_reads_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface/help");
    for command in COMMANDS {
        let help = text(stead(&[command, &["--help"]].concat()));
        let name = [&["stead"], command].concat().join("-");
        let expected = Data::read_from(&folder.join(format!("{name}.txt")), None);
        snapbox::assert_data_eq!(help, expected.raw());
    }
}

#[test]
fn no_command_is_without_its_expected_help() {
    let listed = text(stead(&["--help"]));
    let (_, commands) = listed.split_once("Commands:\n").unwrap();
    for line in commands.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        assert!(
            COMMANDS.iter().any(|command| command == &[name]),
            "{name} is not among the commands of this test"
        );
    }
}

#[test]
fn the_version_is_told() {
    assert_eq!(
        text(stead(&["--version"])),
        format!("stead {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn completions_are_scripts_of_their_shells() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = text(stead(&["completions", shell]));
        for word in ["stead", "catalog", "restart"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
        if shell == "bash" {
            let folder = stead_testkit::folder();
            let file = folder.path().join("stead.bash");
            std::fs::write(&file, script).unwrap();
            let checked = Command::new("bash").arg("-n").arg(&file).output().unwrap();
            assert!(checked.status.success(), "{checked:?}");
        }
    }
    let refused = stead(&["completions", "tcsh"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let page = text(stead(&["man"]));
    for part in [".TH", ".SH NAME", ".SH SYNOPSIS", "stead"] {
        assert!(page.contains(part), "{part}");
    }
    let folder = stead_testkit::folder();
    text(stead(&["man", "--dir", folder.path().to_str().unwrap()]));
    for command in COMMANDS {
        let name = [&["stead"], command].concat().join("-");
        let page = std::fs::read_to_string(folder.path().join(format!("{name}.1")))
            .unwrap_or_else(|error| panic!("{name}.1: {error}"));
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
}

#[test]
fn a_failure_has_its_error_its_causes_and_its_hint() {
    let output = stead(&["up", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: cannot read the definition /nonexistent/stead.toml\n\
         caused by: No such file or directory (os error 2)\n\
         hint: a definition is a file `stead.toml`; docs/definition.md shows its keys\n"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn colour_is_for_terminals_and_never_with_no_color() {
    // A pipe is no terminal; CLICOLOR_FORCE asks for colour there all the same.
    let forced = |variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_stead"))
            .args(["up", "/nonexistent"])
            .env_clear()
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        String::from_utf8(output.stderr).unwrap().contains('\x1b')
    };
    assert!(!forced(&[]));
    assert!(forced(&[("CLICOLOR_FORCE", "1")]));
    assert!(!forced(&[("NO_COLOR", "1")]));
}

#[test]
fn usage_errors_exit_with_2_and_name_what_is_wrong() {
    for (arguments, named) in [
        (&["help-is-no-command"][..], "help-is-no-command"),
        (&["statsu"], "'status'"),
        (&["start"], "<NAME>"),
        (&["up", "--http", "nowhere"], "nowhere"),
        (&["run", "a", "--", "b"], "cannot be used with"),
        (
            &["kv", "delete", "--recurse", "--cas", "1", "a"],
            "cannot be used with",
        ),
        (&["logs", "--lines", "few", "a"], "few"),
    ] {
        let output = stead(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(
            stderr.starts_with("error: ") && stderr.contains(named),
            "{stderr}"
        );
        assert!(output.stdout.is_empty());
    }
}
