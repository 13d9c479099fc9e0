//! `systemd_probe VERB ARGUMENT…`, one function each.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Duration;

use stead_os::systemd::blocking::Systemd;
use stead_os::systemd::{Scope, Verb};

const WITHIN: Duration = Duration::from_mins(1);

pub(crate) fn run() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["start", "user", unit] => start(Scope::User, unit),
        ["start", "system", unit] => start(Scope::System, unit),
        _ => panic!("{words:?}"),
    }
}

/// Enables and starts a unit; an error is shown with its variant.
fn start(scope: Scope, unit: &str) {
    let done = Systemd::connect(scope).and_then(|systemd| {
        systemd.reload()?;
        systemd.enable(&[unit])?;
        systemd.perform(Verb::Start, unit, WITHIN)?;
        systemd.status(unit)
    });
    match done {
        Ok(status) => println!("{:?} {}", status.active, status.fragment.unwrap().display()),
        Err(error) => println!("{error}\n{error:?}"),
    }
}
