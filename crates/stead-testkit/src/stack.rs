//! A running `stead up` in a folder of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::http::{self, Answer};
use crate::processes::{self, Process};
use crate::{DEADLINE, eventually, eventually_some};

/// Marks everything that a stack starts, so that what it leaves behind can be found. It does not
/// start with `STEAD_`: programs do not inherit such variables.
const MARK: &str = "TEST_STACK";

/// Makes each stack's mark its own within this test program.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A `stead up` that serves HTTP on a port of its own, with its state in a temporary folder.
///
/// Dropping it kills whatever is left of it; [`Stack::stop`] is the graceful way and checks that
/// nothing is.
#[derive(Debug)]
pub struct Stack {
    made_from: StackBuilder,
    mark: String,
    child: Child,
    http: SocketAddr,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct StackBuilder {
    program: PathBuf,
    folder: Arc<TempDir>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

/// How a stack ended.
#[derive(Debug)]
pub struct Ended {
    /// The status `stead up` exited with.
    pub status: ExitStatus,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Stack {
    /// A stack run by this binary, in a test of stead-cli `env!("CARGO_BIN_EXE_stead")`.
    #[must_use]
    pub fn of(program: impl Into<PathBuf>) -> StackBuilder {
        StackBuilder {
            program: program.into(),
            folder: Arc::new(crate::folder()),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// The folder that holds `stead.toml`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.made_from.folder()
    }

    /// Where it keeps state and logs.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        data(self.folder())
    }

    /// The pid of `stead up`.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its HTTP API listens.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// `GET path` from its HTTP API.
    #[track_caller]
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        http::get(self.http, path)
            .unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.output()))
    }

    /// `PUT path` to its HTTP API.
    #[track_caller]
    pub fn put(&self, path: &str, body: &str) -> Answer {
        http::put(self.http, path, body)
            .unwrap_or_else(|error| panic!("PUT {path}: {error}\n{}", self.output()))
    }

    /// Runs `stead` with these arguments in the stack's folder, to its end.
    #[track_caller]
    #[must_use]
    pub fn stead(&self, arguments: &[&str]) -> Output {
        Command::new(&self.made_from.program)
            .args(arguments)
            .current_dir(self.folder())
            .env(MARK, &self.mark)
            .env("NO_COLOR", "1")
            .env_remove("STEAD_AGENT")
            .env("STEAD_ADDR", self.http.to_string())
            .stdin(Stdio::null())
            .output()
            .expect("the binary under test can be run")
    }

    /// One object of `stead status NAME --output json`, or nothing while there is none.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<serde_json::Value> {
        let output = self.stead(&["status", name, "--output", "json"]);
        serde_json::from_slice(&output.stdout).ok()
    }

    /// Waits until `check` holds for the service's status, and gives that status.
    #[track_caller]
    pub fn eventually_status(
        &self,
        name: &str,
        what: &str,
        check: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        eventually_some(DEADLINE, &format!("{name}: {what}"), || {
            self.status(name).filter(&check)
        })
    }

    /// What `stead up` has written so far, stdout first.
    #[must_use]
    pub fn output(&self) -> String {
        let (stdout, stderr) = read_output(self.folder());
        format!("--- stdout\n{stdout}--- stderr\n{stderr}")
    }

    /// Everything that runs on the stack's behalf: itself, its helpers and its programs.
    #[must_use]
    pub fn processes(&self) -> Vec<Process> {
        processes::with_variable(MARK, &self.mark)
    }

    /// Sends `stead up` itself a signal by its name without SIG.
    pub fn signal(&self, name: &str) {
        processes::signal(self.child.id(), name);
    }

    /// Ctrl+C, then waits for the end: it must exit 0 and leave nothing that runs.
    #[track_caller]
    pub fn stop(mut self) -> Ended {
        self.signal("INT");
        let ended = self.wait();
        assert!(
            ended.status.success(),
            "stead up: {}\n{}",
            ended.status,
            ended.stderr
        );
        let left = self.processes();
        assert!(left.is_empty(), "left behind: {left:#?}");
        ended
    }

    /// kill -9 of `stead up` alone; whatever it ran must be gone `within` that time. What it was
    /// made from can be brought [`up`](StackBuilder::up) again, in the same folder.
    #[track_caller]
    pub fn kill(mut self, within: Duration) -> StackBuilder {
        self.signal("KILL");
        self.wait();
        eventually(within, "nothing outlives a killed stead", || {
            self.processes().is_empty()
        });
        self.made_from.clone()
    }

    /// Waits for `stead up` to end by itself.
    #[track_caller]
    pub fn wait(&mut self) -> Ended {
        let status = eventually_some(DEADLINE, "stead up ends", || {
            self.child.try_wait().expect("the child is ours")
        });
        let (stdout, stderr) = read_output(self.folder());
        Ended {
            status,
            stdout,
            stderr,
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Stead first: nothing is restarted then.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
        for process in self.processes() {
            processes::signal(process.pid, "KILL");
        }
    }
}

impl StackBuilder {
    /// The folder that will hold `stead.toml`, to put programs into.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// More arguments for `stead up`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// A variable for `stead up`.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the services of this `stead.toml` and waits until the agent answers.
    #[track_caller]
    #[must_use]
    pub fn up(self, definition: &str) -> Stack {
        let mut stack = self.start(definition);
        stack.http = eventually_some(DEADLINE, "stead up tells where it listens", || {
            if let Some(status) = stack.child.try_wait().expect("the child is ours") {
                panic!("stead up: {status}\n{}", stack.output());
            }
            listening(&stack.data(), stack.child.id())
        });
        stack
    }

    /// Starts with this `stead.toml` what is expected to end by itself, with an error say, and
    /// gives its end.
    #[track_caller]
    #[must_use]
    pub fn run(self, definition: &str) -> Ended {
        self.start(definition).wait()
    }

    fn start(self, definition: &str) -> Stack {
        fs::write(self.folder().join("stead.toml"), definition)
            .expect("the test's own folder is writable");
        let mark = format!(
            "{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        Stack {
            child: spawn(&self, &mark),
            made_from: self,
            mark,
            http: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the program under test; the stack owns it and reaps it"
)]
fn spawn(stack: &StackBuilder, mark: &str) -> Child {
    let folder = stack.folder.path();
    let file = |name| File::create(folder.join(name)).expect("the test's own folder is writable");
    Command::new(&stack.program)
        .arg("up")
        .arg(folder)
        .args(["--http", "127.0.0.1:0"])
        .arg("--data")
        .arg(data(folder))
        .args(&stack.arguments)
        .current_dir(folder)
        .env(MARK, mark)
        .env("NO_COLOR", "1")
        .envs(stack.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(file("up.stdout"))
        .stderr(file("up.stderr"))
        .spawn()
        .expect("the binary under test can be run")
}

/// The place that the command line looks into by itself from the folder.
fn data(folder: &Path) -> PathBuf {
    folder.join(".stead")
}

/// The address from `agent.json`, which `stead up` writes once it listens. One of an earlier run
/// in the same folder does not count.
fn listening(data: &Path, pid: u32) -> Option<SocketAddr> {
    let text = fs::read_to_string(data.join("agent.json")).ok()?;
    let agent: serde_json::Value = serde_json::from_str(&text).ok()?;
    (agent["pid"] == pid)
        .then(|| agent["http"].as_str()?.parse().ok())
        .flatten()
}

fn read_output(folder: &Path) -> (String, String) {
    let read = |name| {
        let bytes = fs::read(folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    (read("up.stdout"), read("up.stderr"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::script;

    /// A stand-in with the manners of `stead up`: it starts something, tells where it listens,
    /// and ends on SIGINT with or without what it started.
    fn stand_in(folder: &Path, on_interrupt: &str) -> PathBuf {
        script(
            folder,
            "stead",
            &format!(
                "sleep 1000 & child=$!\n\
                 trap '{on_interrupt}' INT\n\
                 mkdir -p \"$6\"\n\
                 echo '{{\"pid\": '$$', \"http\": \"127.0.0.1:8500\"}}' > \"$6/agent.json\"\n\
                 while :; do wait; done"
            ),
        )
    }

    #[test]
    fn a_graceful_stop_leaves_nothing() {
        let folder = crate::folder();
        let stack =
            Stack::of(stand_in(folder.path(), "kill $child; wait $child; exit 0")).up("[stack]");
        assert_eq!(stack.http().port(), 8500);
        eventually(DEADLINE, "both are seen", || stack.processes().len() == 2);
        assert!(stack.stop().status.success());
    }

    #[test]
    #[should_panic(expected = "left behind")]
    fn what_is_left_behind_fails_the_stop() {
        let folder = crate::folder();
        let stack = Stack::of(stand_in(folder.path(), "exit 0")).up("[stack]");
        stack.stop();
    }

    #[test]
    fn a_killed_one_comes_up_again_in_its_folder() {
        let folder = crate::folder();
        let stack = Stack::of(stand_in(folder.path(), "kill $child; wait $child; exit 0"));
        let stack = stack.variable("A", "b").up("[stack]");
        let (first, place) = (stack.pid(), stack.folder().to_owned());
        eventually(DEADLINE, "both are seen", || stack.processes().len() == 2);
        // The stand-in has nobody to end its child, so the test does what a guardian would.
        for process in stack.processes() {
            if process.pid != first {
                processes::signal(process.pid, "KILL");
            }
        }
        let stack = stack.kill(DEADLINE).up("[stack]");
        assert_eq!(stack.folder(), place);
        assert_ne!(stack.pid(), first);
        stack.stop();
    }

    #[test]
    fn an_end_is_told() {
        let folder = crate::folder();
        let program = script(folder.path(), "stead", "echo said; echo why >&2; exit 2");
        let ended = Stack::of(program).run("");
        assert_eq!(ended.status.code(), Some(2));
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str()),
            ("said\n", "why\n")
        );
    }

    #[test]
    #[should_panic(expected = "bad definition")]
    fn an_early_end_shows_what_was_said() {
        let folder = crate::folder();
        let program = script(folder.path(), "stead", "echo bad definition >&2; exit 2");
        let _stack = Stack::of(program).up("");
    }

    #[test]
    fn another_runs_file_does_not_count() {
        let folder = crate::folder();
        fs::write(
            folder.path().join("agent.json"),
            r#"{"pid": 1, "http": "127.0.0.1:1"}"#,
        )
        .unwrap();
        assert_eq!(listening(folder.path(), 2), None);
        assert!(listening(folder.path(), 1).is_some());
    }
}
