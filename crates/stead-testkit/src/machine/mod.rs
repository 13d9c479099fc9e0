//! A machine of its own with a real systemd, for as long as a test needs it.

mod root;
mod user;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::{eventually, eventually_some};
pub use user::MachineUser;

/// How long a boot or a shutdown may take; both take about half a second on an idle machine.
const BOOT: Duration = Duration::from_secs(90);

/// A Debian system booted by its own systemd, in namespaces of its own: processes, mounts,
/// network (loopback alone), cgroups, names.
///
/// Every machine has its own writable view of one tree that is only read, so any number run side
/// by side, and nothing of it is left when it is dropped, or when the test that has it is killed.
/// What was built here runs there. It takes root, and Debian.
#[derive(Debug)]
pub struct Machine {
    /// The process id of its systemd, seen from here.
    pid: u32,
    holder: Child,
    /// Its end is the holder's.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    folder: TempDir,
}

/// What a machine is to have from the start.
#[derive(Clone, Debug, Default)]
pub struct MachineBuilder {
    binds: Vec<(PathBuf, String)>,
}

impl MachineBuilder {
    /// A file or folder of this system that is to be seen, read-only, at an absolute place there:
    /// a program that was just built, say. Costs nothing, however large it is.
    #[must_use]
    pub fn bind(mut self, source: impl Into<PathBuf>, place: &str) -> Self {
        self.binds.push((source.into(), place.to_owned()));
        self
    }

    /// An example program of the package under test, at an absolute place there. Cargo builds the
    /// examples of a package with its tests (not for `--test NAME` alone).
    #[must_use]
    pub fn example(self, name: &str, place: &str) -> Self {
        let test = std::env::current_exe().expect("Linux knows the test's own path");
        let profile = test.ancestors().nth(2);
        let profile = profile.expect("cargo runs tests from PROFILE/deps");
        self.bind(profile.join("examples").join(name), place)
    }

    /// Boots it and waits until everything that starts at boot has.
    #[track_caller]
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "the holder ends with the pipe that the machine keeps, and is reaped by it"
    )]
    pub fn boot(self) -> Machine {
        let tree = root::tree();
        let folder = crate::folder();
        let init = folder.path().join("init.sh");
        fs::write(&init, include_str!("init.sh")).expect("the test's own folder is writable");
        let errors = fs::File::create(folder.path().join("errors"))
            .expect("the test's own folder is writable");
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c"])
            .arg(include_str!("hold.sh"))
            .arg("hold.sh")
            .args([&tree.store, Path::new(&tree.name), &init]);
        for (source, place) in &self.binds {
            command.arg(source).arg(place);
        }
        let mut holder = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            // Whoever kills the test with its process group leaves the holder to clean up.
            .process_group(0)
            .spawn()
            .expect("util-linux is there");
        let orders = holder.stdin.take();
        let answers = holder.stdout.take().map(BufReader::new);
        let mut machine = Machine {
            pid: 0,
            holder,
            orders,
            answers: answers.expect("it is a pipe"),
            folder,
        };
        machine.power_on();
        machine
    }
}

impl Machine {
    /// A machine with nothing added.
    #[track_caller]
    #[must_use]
    pub fn boot() -> Self {
        MachineBuilder::default().boot()
    }

    /// A machine to be, to add things to.
    #[must_use]
    pub fn with() -> MachineBuilder {
        MachineBuilder::default()
    }

    /// The process id of its first process, as it is here.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where one of its files is seen from here. Holds until the next [`Machine::reboot`].
    #[must_use]
    pub fn path(&self, place: impl AsRef<Path>) -> PathBuf {
        let place = place.as_ref();
        let inner = place.strip_prefix("/").unwrap_or(place);
        Path::new("/proc")
            .join(self.pid.to_string())
            .join("root")
            .join(inner)
    }

    /// A command that will run in the machine as root, with nothing of this environment.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.pid.to_string()])
            .args(["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net"])
            .arg("--")
            .args(words)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("SYSTEMD_PAGER", "")
            .env("SYSTEMD_COLORS", "0")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command in the machine, to its end.
    #[track_caller]
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("util-linux is there")
    }

    /// Runs a command that must succeed, and gives what it wrote to stdout.
    #[track_caller]
    pub fn ok(&self, words: &[&str]) -> String {
        success(words, &self.run(words))
    }

    /// Puts a copy of a file of this system, with its mode, at an absolute place there.
    #[track_caller]
    pub fn copy_in(&self, source: impl AsRef<Path>, place: &str) {
        let target = self.make_room(place);
        fs::copy(source.as_ref(), &target)
            .unwrap_or_else(|error| panic!("{}: {error}", source.as_ref().display()));
    }

    /// Writes a file at an absolute place there, readable by everybody.
    #[track_caller]
    pub fn write(&self, place: &str, text: &str) {
        fs::write(self.make_room(place), text).expect("the machine's own tree is writable");
    }

    /// Writes a program, a script say, at an absolute place there.
    #[track_caller]
    pub fn write_program(&self, place: &str, text: &str) {
        self.write(place, text);
        fs::set_permissions(self.path(place), fs::Permissions::from_mode(0o755))
            .expect("the file is our own");
    }

    /// What a unit has logged since the boot, the messages alone.
    #[must_use]
    pub fn journal(&self, unit: &str) -> String {
        // Whatever the journal has been sent is then in it.
        self.ok(&["journalctl", "--sync"]);
        self.ok(&["journalctl", "--boot", "--unit", unit, "--output", "cat"])
    }

    /// Shuts it down as its administrator would and boots it again: what is on its disk is kept.
    #[track_caller]
    pub fn reboot(&mut self) {
        let old = PathBuf::from(format!("/proc/{}", self.pid));
        self.ok(&["systemctl", "poweroff", "--no-block"]);
        eventually(BOOT, "the machine is off", || !old.exists());
        self.power_on();
    }

    #[track_caller]
    fn power_on(&mut self) {
        let orders = self.orders.as_mut().expect("the machine is not dropped");
        let mut answer = String::new();
        let answered = writeln!(orders, "boot")
            .and_then(|()| orders.flush())
            .and_then(|()| self.answers.read_line(&mut answer));
        self.pid = match (answered, answer.trim().parse()) {
            (Ok(_), Ok(pid)) => pid,
            (result, _) => panic!("the machine has not booted: {result:?}\n{}", self.errors()),
        };
        let door = self.path("/run/systemd/private");
        eventually(BOOT, "systemd listens", || door.exists());
        let degraded = eventually_some(BOOT, "the machine has booted", || {
            let output = self.run(&["systemctl", "is-system-running", "--wait"]);
            match output.stdout.trim_ascii() {
                b"running" => Some(false),
                b"degraded" => Some(true),
                _ => None,
            }
        });
        if degraded {
            let failed = self.run(&["systemctl", "--failed", "--plain", "--no-legend"]);
            eprintln_failed(&failed);
        }
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }

    fn make_room(&self, place: &str) -> PathBuf {
        let target = self.path(place);
        let folder = target.parent().expect("a file's place has a folder");
        fs::create_dir_all(folder).expect("the machine's own tree is writable");
        target
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _reaped = self.holder.wait();
    }
}

#[track_caller]
fn success(words: &[&str], output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{words:?}: {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

/// A unit that fails at boot may be what a test is about; it is shown for when it is not.
#[allow(clippy::print_stderr, reason = "shown with a test that fails")]
fn eprintln_failed(output: &Output) {
    eprintln!(
        "failed at boot:\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[cfg(test)]
mod tests;
