//! A service for the tests, by the bare face of `scm::process`: `windows_service FOLDER ROLE`.
//!
//! It writes down what it is told in `FOLDER/told`, a line each, and does what takes long until
//! `FOLDER/go` is there.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "what fails here fails the test that started it"
)]

#[cfg(windows)]
use service::main;

#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
mod service {
    use std::fs::File;
    use std::io::Write as _;
    use std::num::NonZeroU32;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use stead_os::control::{Accepted, Control};
    use stead_os::scm::process::{self, DispatchError, Exit, Session};

    const HINT: Duration = Duration::from_secs(20);

    const ACCEPTED: Accepted = Accepted::ENDING
        .and(Accepted::PRESHUTDOWN)
        .and(Accepted::PAUSE)
        .and(Accepted::RELOAD)
        .and(Accepted::CUSTOM);

    pub(super) fn main() {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let folder = PathBuf::from(&arguments[0]);
        let role = arguments[1].clone();
        let accepted = if role == "stop-only" {
            Accepted::STOP
        } else {
            ACCEPTED
        };
        match process::run("unused", accepted, move |session| {
            serve(session, &folder, &role)
        }) {
            Ok(exit) => println!("{exit:?}"),
            Err(DispatchError::NotAService) => println!("by hand"),
            Err(error) => println!("{error}"),
        }
    }

    fn serve(mut session: Session, folder: &Path, role: &str) -> Exit {
        let mut told = File::create(folder.join("told")).unwrap();
        writeln!(told, "{:?} {:?}", session.name, session.arguments).unwrap();
        if role == "slow" {
            until_go(folder, || session.reporter.starting(HINT));
        }
        session.reporter.running();
        match role {
            // Deaf, as in a call that blocks.
            "busy" | "fail" | "windows" | "panic" => until_go(folder, || {}),
            _ => {}
        }
        match role {
            "fail" => return Exit::Service(NonZeroU32::new(78).unwrap()),
            "windows" => return Exit::Windows(NonZeroU32::new(2).unwrap()),
            "panic" => panic!("the till is empty"),
            _ => {}
        }
        while let Some(control) = session.controls.wait() {
            writeln!(told, "{control:?}").unwrap();
            match control {
                Control::Pause => {
                    session.reporter.pausing(HINT);
                    session.reporter.paused();
                }
                Control::Continue => {
                    session.reporter.resuming(HINT);
                    session.reporter.running();
                }
                _ if control.ends() => break,
                _ => {}
            }
        }
        session.reporter.stopping(HINT);
        if role == "slow-stop" {
            until_go(folder, || session.reporter.stopping(HINT));
        }
        Exit::Success
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a folder's changes are no business of this crate"
    )]
    fn until_go(folder: &Path, again: impl Fn()) {
        while !folder.join("go").exists() {
            again();
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
