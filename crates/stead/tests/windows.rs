//! The examples under Windows' service control manager.
#![cfg(windows)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stead_model::lifecycle::native::ScmState;
use stead_os::scm::manage::{Control, CustomCode, Scm, ServiceConfig, ServiceStatus, System};
use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);

/// Says that the exit code is the service's own.
const SPECIFIC: u32 = 1066;

/// Says that it was never started.
const NEVER_STARTED: u32 = 1077;

/// Wine's manager starts one service at a time and takes any process of the moment for it.
static ALONE: Mutex<()> = Mutex::new(());

/// An installed example, which is gone when the test is over.
struct Installed {
    scm: Scm<System>,
    name: String,
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Installed {
    /// Started with a folder of its own as its first argument if that is wanted, and these.
    fn new(example: &str, with_folder: bool, arguments: &[&str]) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
        let mut command = vec![path(example)];
        if with_folder {
            command.push(folder.path().to_str().unwrap().to_owned());
        }
        command.extend(arguments.iter().map(ToString::to_string));
        let scm = Scm::system();
        let name = format!("stead-sdk-{example}-{}", std::process::id());
        scm.install(&ServiceConfig::new(&name, command)).unwrap();
        Self {
            scm,
            name,
            folder,
            _alone: alone,
        }
    }

    fn start(&self, arguments: &[String]) {
        self.scm.start(&self.name, arguments).unwrap();
    }

    fn until(&self, holds: impl Fn(&ServiceStatus) -> bool + Send) -> ServiceStatus {
        let deadline = Instant::now() + DEADLINE;
        self.scm.wait(&self.name, holds, deadline, |_| {}).unwrap()
    }

    fn reaches(&self, state: ScmState) -> ServiceStatus {
        self.until(|status| status.state == state)
    }

    /// It has run, and has ended.
    fn ended(&self) -> ServiceStatus {
        self.until(|status| status.state == ScmState::Stopped && status.win32_exit != NEVER_STARTED)
    }

    fn control(&self, control: Control) {
        self.scm.control(&self.name, control).unwrap();
    }

    fn stop(&self) -> ServiceStatus {
        let deadline = Instant::now() + DEADLINE;
        self.scm.stop(&self.name, deadline, |_, _| {}).unwrap()
    }

    /// Waits for a file of the service.
    fn until_file(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        let began = Instant::now();
        loop {
            match fs::read_to_string(&path) {
                Ok(text) if !text.is_empty() => return text,
                _ => assert!(began.elapsed() < DEADLINE, "no {}", path.display()),
            }
            pause();
        }
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let deadline = Instant::now() + DEADLINE;
        let _ = self.scm.stop_and_delete(&self.name, deadline, |_, _| {});
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a poll with a deadline, in a test"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// Beside this program's folder, where cargo puts examples.
fn path(example: &str) -> String {
    let this = std::env::current_exe().unwrap();
    let profile: PathBuf = this.parent().unwrap().parent().unwrap().to_owned();
    let path = profile.join("examples").join(format!("{example}.exe"));
    assert!(path.exists(), "{} is missing", path.display());
    path.to_str().unwrap().to_owned()
}

fn look() -> Control {
    Control::Custom(CustomCode::new(128).unwrap())
}

#[test]
fn a_worker_starts_with_checkpoints_works_pauses_and_stops() {
    let service = Installed::new("worker", true, &[]);
    let file = |name| service.folder.path().join(name);
    fs::write(file("lock"), "").unwrap();
    fs::write(file("a.todo"), "bread").unwrap();
    service.start(&[]);
    let first = service.until(|status| status.checkpoint >= 2);
    assert_eq!(first.state, ScmState::StartPending);
    assert_eq!(first.wait_hint, Duration::from_secs(5));
    service.until(|status| status.checkpoint >= first.checkpoint + 2);
    fs::remove_file(file("lock")).unwrap();
    service.reaches(ScmState::Running);
    assert_eq!(service.until_file("a.done"), "BREAD");

    service.control(Control::Pause);
    service.reaches(ScmState::Paused);
    fs::write(file("b.todo"), "milk").unwrap();
    service.control(look());
    service.control(Control::Continue);
    service.reaches(ScmState::Running);
    assert_eq!(service.until_file("b.done"), "MILK");
    fs::write(file("c.todo"), "salt").unwrap();
    service.control(look());
    assert_eq!(service.until_file("c.done"), "SALT");

    let status = service.stop();
    assert_eq!((status.state, status.win32_exit), (ScmState::Stopped, 0));
    assert!(!file("lock").exists());
}

#[test]
fn the_arguments_of_the_start_follow_the_command_line() {
    let service = Installed::new("worker", false, &[]);
    let folder = service.folder.path().to_str().unwrap().to_owned();
    fs::write(service.folder.path().join("a.todo"), "bread").unwrap();
    for _ in 0..2 {
        service.start(std::slice::from_ref(&folder));
        service.reaches(ScmState::Running);
        service.until_file("a.done");
        assert_eq!(service.stop().win32_exit, 0);
    }
}

struct Caller(BufReader<TcpStream>);

impl Caller {
    /// Calls and is greeted.
    fn greeted(port: &str, greeting: &str) -> Self {
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut caller = Self(BufReader::new(stream));
        assert_eq!(caller.line(), greeting);
        caller
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn say(&mut self, text: &str) {
        writeln!(self.0.get_mut(), "{text}").unwrap();
        assert_eq!(self.line(), text);
    }
}

#[test]
fn an_asynchronous_service_pauses_reloads_and_drains() {
    let service = Installed::new("echo", false, &[]);
    let greeting = service.folder.path().join("greeting");
    fs::write(&greeting, "good morning").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    service.start(&[greeting.to_str().unwrap().to_owned(), port.clone()]);
    service.reaches(ScmState::Running);
    let mut caller = Caller::greeted(&port, "good morning");

    service.control(Control::Pause);
    service.reaches(ScmState::Paused);
    assert!(TcpStream::connect(format!("127.0.0.1:{port}")).is_err());
    caller.say("who is in stays in");
    service.control(Control::Continue);
    service.reaches(ScmState::Running);

    fs::write(&greeting, "good evening").unwrap();
    service.control(Control::ParamChange);
    let began = Instant::now();
    loop {
        // Nothing tells when a changed parameter was taken notice of.
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        if Caller(BufReader::new(stream)).line() == "good evening" {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "the old greeting stays");
        pause();
    }

    std::thread::scope(|scope| {
        let serving = scope.spawn(|| {
            // Served to the end, while the service stops: nobody new is let in any more.
            while TcpStream::connect(format!("127.0.0.1:{port}")).is_ok() {
                pause();
            }
            caller.say("to the end");
            drop(caller);
        });
        assert_eq!(service.stop().win32_exit, 0);
        serving.join().unwrap();
    });
}

#[test]
fn a_start_that_fails_is_no_success() {
    // A folder cannot be read as a file.
    let service = Installed::new("echo", true, &[]);
    let _ = service.scm.start(&service.name, &[]);
    let status = service.ended();
    assert_eq!((status.win32_exit, status.specific_exit), (SPECIFIC, 1));
}

#[test]
fn failures_are_exit_codes_of_the_service_s_own() {
    for (how, code) in [("error", 1), ("status", 78), ("panic", 101)] {
        let service = Installed::new("failure", false, &[how]);
        // Wine's manager says that one which ends at once was not started, and is right.
        let _ = service.scm.start(&service.name, &[]);
        let status = service.ended();
        assert_eq!(
            (status.win32_exit, status.specific_exit),
            (SPECIFIC, code),
            "{how}"
        );
    }
}
