//! `systemd_probe VERB ARGUMENT…`, one function each.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a fixture: it plays a service that takes its time"
)]

use std::time::Duration;

use std::io::Write as _;

use stead_os::notify::{self, Field};
use stead_os::systemd::blocking::Systemd;
use stead_os::systemd::journal::{Entry, Journal, is_stderr};
use stead_os::systemd::{Scope, Verb, listen};

const WITHIN: Duration = Duration::from_mins(1);

pub(crate) fn run() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["start", "user", unit] => start(Scope::User, unit),
        ["start", "system", unit] => start(Scope::System, unit),
        ["listen"] => listen(),
        ["notify"] => tell(),
        ["journal", size] => journal(size.parse().unwrap()),
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

/// Answers one who connects to `web.socket` and one who connects to `local` with what it was
/// given, and ends.
fn listen() {
    let mut sockets = listen::sockets().unwrap();
    let mut names: Vec<String> = sockets.names().map(str::to_owned).collect();
    names.sort_unstable();
    let wrong = sockets.unix_listener("web.socket").unwrap_err();
    let again = listen::sockets().unwrap().names().count();
    let inherited = std::process::Command::new("sh")
        .args(["-c", "test -e /proc/self/fd/3 || test -e /proc/self/fd/4"])
        .status()
        .unwrap()
        .success();
    let said = format!("{names:?}; {wrong}; again {again}; inherited {inherited}");
    let web = sockets.tcp_listener("web.socket").unwrap().unwrap();
    let local = sockets.unix_listener("local").unwrap().unwrap();
    web.accept().unwrap().0.write_all(said.as_bytes()).unwrap();
    local.accept().unwrap().0.write_all(b"local").unwrap();
}

/// Sends one entry with a field of `size` bytes in two lines.
fn journal(size: usize) {
    let mut large = "x".repeat(size / 2);
    large += "\n";
    large += &"y".repeat(size - large.len());
    let mut entry = Entry::new();
    entry
        .put("MESSAGE", format!("sent from {}", is_stderr()))
        // Found by a field of its own: the journal may look for the unit of a process that has
        // ended by then.
        .put("PRIORITY", "5")
        .put("probe.size", size.to_string())
        .put("probe.large", large)
        .put("PROBE_TWICE", "one")
        .put("PROBE_TWICE", "two");
    Journal::new().unwrap().send(&entry).unwrap();
}

/// Takes longer to start than its unit allows, and says so; then reloads until `/run/go` is there.
fn tell() {
    let send = |fields: &[Field]| assert!(notify::send(fields).unwrap());
    send(&[
        Field::ExtendTimeout(Duration::from_secs(30)),
        Field::Status("slow\nbut coming".to_owned()),
    ]);
    std::thread::sleep(Duration::from_millis(2500));
    send(&[Field::Ready, Field::Status("open".to_owned())]);
    assert!(notify::barrier(WITHIN).unwrap());
    send(&[Field::Reloading, Field::monotonic_now()]);
    while !std::path::Path::new("/run/go").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    send(&[Field::Ready]);
    send(&[Field::WatchdogTimeout(Duration::from_secs(40))]);
    send(&[
        Field::Stopping,
        Field::Errno(5),
        Field::Status("leaving".to_owned()),
    ]);
    assert!(notify::barrier(WITHIN).unwrap());
    std::process::exit(3);
}
