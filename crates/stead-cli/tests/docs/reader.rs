//! Somebody who follows a page to the letter, in a folder of their own.

use std::cell::RefCell;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Instant;

use stead_testkit::{DEADLINE, Stack, StackBuilder, eventually_some, free_port, processes};

use crate::page::{Block, Step};
use crate::pattern::matches;

/// Where the page's folder is, on the page.
const FOLDER: &str = "/home/you/hello";
/// The registry's address, on the page.
const HTTP: &str = "127.0.0.1:8500";
/// What begins a command that changes nothing and may be repeated.
const READS: &[&str] = &[
    "curl ",
    "stead ps",
    "stead status",
    "stead logs",
    "stead catalog",
    "stead kv get",
    "stead kv list",
    "cat ",
    "ls ",
];

pub(crate) struct Reader {
    bin: PathBuf,
    place: StackBuilder,
    stack: Option<Stack>,
    foreground: Option<Child>,
    /// What is on the page and what it is here.
    stand_ins: Vec<(String, String)>,
    http: String,
    status: i32,
}

impl Reader {
    pub(crate) fn new(stead: &str, ports: &[&str]) -> Self {
        let place = Stack::of(stead);
        // On a terminal curl shows no progress, and here neither.
        fs::write(place.folder().join(".curlrc"), "silent\nshow-error\n").unwrap();
        let stand_ins = ports
            .iter()
            .map(|port| ((*port).to_owned(), free_port().to_string()))
            .collect();
        Self {
            bin: Path::new(stead).parent().unwrap().to_owned(),
            place,
            stack: None,
            foreground: None,
            stand_ins,
            http: format!("127.0.0.1:{}", free_port()),
            status: 0,
        }
    }

    /// Writes a file; a script can be run.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let path = self.place.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.here(text)).unwrap();
        if text.starts_with("#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// Follows the steps of a block.
    pub(crate) fn open(&mut self, block: &Block) {
        let steps = block.steps();
        for (index, step) in steps.iter().enumerate() {
            let next = steps.get(index + 1).map(|next| next.command.as_str());
            if step.command == "^C" {
                self.interrupt(step);
            } else if is_up(&step.command) && self.stack.is_none() && next != Some("echo $?") {
                self.up(step);
            } else if next == Some("^C") {
                self.foreground(step);
            } else {
                self.run(step, next == Some("echo $?"));
            }
        }
    }

    /// At the end of the page nothing may be left running.
    pub(crate) fn close(self) {
        assert!(
            self.stack.is_none() && self.foreground.is_none(),
            "the page ends with something running"
        );
    }

    fn up(&mut self, step: &Step) {
        let definition = fs::read_to_string(self.place.folder().join("stead.toml")).unwrap();
        let words: Vec<_> = step.command.split(' ').skip(2).collect();
        let stack = self.place.clone().arguments(&words).up(&definition);
        self.http = stack.http().to_string();
        self.stack = Some(stack);
        let mut expected = step.expected.clone();
        expected.push("…".to_owned());
        let log = self.place.folder().join("up.stderr");
        self.until(step, &expected, || {
            fs::read_to_string(&log).unwrap_or_default()
        });
    }

    fn interrupt(&mut self, step: &Step) {
        let mut expected = step.expected.clone();
        expected.insert(0, "…".to_owned());
        if let Some(mut child) = self.foreground.take() {
            processes::signal(child.id(), "INT");
            let status = eventually_some(DEADLINE, "the command ends at Ctrl+C", || {
                child.try_wait().unwrap()
            });
            self.status = code(status);
            let output = self.place.folder().join("foreground.out");
            self.until(step, &expected, || fs::read_to_string(&output).unwrap());
        } else {
            let stack = self.stack.take();
            let stack = stack.unwrap_or_else(|| panic!("line {}: nothing runs", step.line));
            let ended = stack.stop();
            self.status = code(ended.status);
            self.until(step, &expected, || ended.stderr.clone());
        }
    }

    /// Starts what runs until Ctrl+C, and waits for its output.
    fn foreground(&mut self, step: &Step) {
        let output = self.place.folder().join("foreground.out");
        let file = File::create(&output).unwrap();
        let mut command = self.shell(&format!("exec {}", self.here(&step.command)));
        command.stdout(file.try_clone().unwrap()).stderr(file);
        #[allow(
            clippy::disallowed_methods,
            reason = "the command on the page, ended by its Ctrl+C"
        )]
        let child = command.spawn().unwrap();
        self.foreground = Some(child);
        let mut expected = step.expected.clone();
        expected.push("…".to_owned());
        self.until(step, &expected, || {
            fs::read_to_string(&output).unwrap_or_default()
        });
    }

    fn run(&mut self, step: &Step, may_fail: bool) {
        let reads = READS.iter().any(|start| step.command.starts_with(start))
            && !["-X", "--data", "&&", ";"]
                .iter()
                .any(|word| step.command.contains(word));
        let script = format!(
            "exec 2>&1\n(exit {})\n{}",
            self.status,
            self.here(&step.command)
        );
        let status = RefCell::new(0);
        let once = || {
            let output = self.shell(&script).output().unwrap();
            *status.borrow_mut() = code(output.status);
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        if reads {
            self.until(step, &step.expected, once);
        } else {
            let output = once();
            self.check(step, &step.expected, &output)
                .unwrap_or_else(|difference| panic!("{difference}"));
        }
        let status = status.into_inner();
        assert!(
            may_fail || status == 0,
            "line {}: `{}` exits with {status}",
            step.line,
            step.command
        );
        self.status = status;
    }

    /// Looks until the output is the expected one.
    fn until(&self, step: &Step, expected: &[String], look: impl Fn() -> String) {
        let begun = Instant::now();
        let seen = eventually_some(DEADLINE * 2, &step.command, || {
            let seen = self.check(step, expected, &look());
            (seen.is_ok() || begun.elapsed() > DEADLINE).then_some(seen)
        });
        seen.unwrap_or_else(|difference| panic!("{difference}"));
    }

    fn check(&self, step: &Step, expected: &[String], output: &str) -> Result<(), String> {
        let output = self.on_the_page(output);
        let lines: Vec<_> = output.lines().map(str::to_owned).collect();
        if matches(expected, &lines) {
            return Ok(());
        }
        let up = self.stack.as_ref().map(Stack::output).unwrap_or_default();
        Err(format!(
            "line {}: $ {}\n--- on the page\n{}\n--- here\n{output}\n{up}",
            step.line,
            step.command,
            expected.join("\n"),
        ))
    }

    fn shell(&self, script: &str) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(self.place.folder())
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .env("NO_COLOR", "1")
            .env("USER", "you")
            .env("CURL_HOME", self.place.folder())
            .stdin(Stdio::null());
        for name in ["STEAD_AGENT", "STEAD_ADDR", "CONSUL_HTTP_ADDR", "RUST_LOG"] {
            command.env_remove(name);
        }
        command
    }

    /// A text of the page with this test's own folder and ports.
    fn here(&self, text: &str) -> String {
        let mut text = text
            .replace(HTTP, &self.http)
            .replace(FOLDER, &self.place.folder().display().to_string());
        for (page, here) in &self.stand_ins {
            text = swap(&text, page, here);
        }
        text
    }

    /// The way back.
    fn on_the_page(&self, text: &str) -> String {
        let (_, port) = self.http.rsplit_once(':').unwrap();
        let mut text = text
            .replace(&self.http, HTTP)
            .replace(&self.place.folder().display().to_string(), FOLDER);
        text = swap(&text, &format!("port {port}"), "port 8500");
        for (page, here) in &self.stand_ins {
            text = swap(&text, here, page);
        }
        text
    }
}

fn is_up(command: &str) -> bool {
    command == "stead up" || command.starts_with("stead up ")
}

fn code(status: ExitStatus) -> i32 {
    let signal = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(signal).unwrap_or(-1)
}

/// Replaces a number where no further digit adjoins it.
fn swap(text: &str, from: &str, to: &str) -> String {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(from) {
        let (before, after) = (&rest[..at], &rest[at + from.len()..]);
        out.push_str(before);
        let part = is_digit(before.chars().next_back()) || is_digit(after.chars().next());
        out.push_str(if part { from } else { to });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[test]
fn numbers_are_swapped_whole() {
    assert_eq!(
        swap("7001 17001 70012 :7001/", "7001", "9"),
        "9 17001 70012 :9/"
    );
}
