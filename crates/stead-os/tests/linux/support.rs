//! What the tests share: launchers in both modes, marked processes, waiting for a condition.

use std::ffi::OsString;
use std::fs;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use stead_os::process::{
    CgroupMode, Command, Exit, Launcher, LauncherOptions, Limits, Output, Process, Stdin,
};

/// Longer than anything here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Runs a test in both modes.
pub(crate) async fn in_both_modes<F: Future<Output = ()>>(test: impl Fn(Stage) -> F) {
    for mode in [CgroupMode::Auto, CgroupMode::Off] {
        eprintln!("with cgroups: {mode:?}");
        test(Stage::new(mode)).await;
    }
}

/// A launcher and a mark for the processes of the test.
pub(crate) struct Stage {
    pub(crate) launcher: Launcher,
    pub(crate) runs: tempfile::TempDir,
    pub(crate) mark: Mark,
}

impl Stage {
    pub(crate) fn new(mode: CgroupMode) -> Self {
        let runs = tempfile::tempdir().unwrap();
        let launcher = Launcher::start(LauncherOptions {
            runs: runs.path().to_owned(),
            cgroup: mode,
        })
        .unwrap();
        Self {
            launcher,
            runs,
            mark: Mark::new(),
        }
    }

    /// A shell script. `@` in it becomes a time to sleep that marks the process.
    pub(crate) fn script(&self, text: &str) -> Command {
        shell(&text.replace('@', &self.mark.0))
    }

    pub(crate) async fn spawn(&self, command: Command) -> Process {
        within("the start", self.launcher.spawn(command))
            .await
            .unwrap()
    }

    /// Starts a script and waits until it has written a line.
    pub(crate) async fn start(&self, text: &str) -> Process {
        let mut process = self.spawn(self.script(text)).await;
        first_line(&mut process).await;
        process
    }
}

pub(crate) fn shell(script: &str) -> Command {
    command("/bin/sh", &["-c", script])
}

pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    Command {
        name: "test".to_owned(),
        program: program.into(),
        arguments: arguments.iter().map(OsString::from).collect(),
        directory: "/".into(),
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        user: None,
        limits: Limits::default(),
        stdin: Stdin::Null,
        stdout: Output::Pipe,
        stderr: Output::Inherit,
    }
}

/// The first line of the program's output; what follows is read and dropped.
pub(crate) async fn first_line(process: &mut Process) -> String {
    let mut reader = BufReader::new(process.take_stdout().unwrap());
    let read = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        (line, reader)
    });
    let (line, reader) = within("the first line", read).await.unwrap();
    // The pipe stays open as long as the process may write.
    let empty = process.empty();
    tokio::spawn(async move {
        empty.await;
        drop(reader);
    });
    assert!(line.ends_with('\n'), "the program ended without a line");
    line.trim_end().to_owned()
}

pub(crate) async fn exit_of(process: &Process) -> Exit {
    within("the exit", process.exit()).await
}

pub(crate) async fn empty(process: &Process) {
    within("the empty tree", process.empty()).await;
}

pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let Ok(output) = tokio::time::timeout(DEADLINE, future).await else {
        panic!("{what} did not come");
    };
    output
}

/// Waits for a condition nobody tells of.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    within(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// A number of seconds to sleep that no other process has as an argument. When it is dropped no
/// process may have it any more.
pub(crate) struct Mark(pub(crate) String);

impl Mark {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let count = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(format!("3600.{}0{count}1", std::process::id()))
    }

    /// The live processes that sleep for it.
    pub(crate) fn alive(&self) -> Vec<u32> {
        let expected = format!("sleep\0{}\0", self.0).into_bytes();
        processes()
            .filter(|pid| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|it| it == expected))
            .collect()
    }

    pub(crate) async fn until_alive(&self, count: usize) {
        until("the marked processes", || self.alive().len() == count).await;
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let left = self.alive();
        for pid in &left {
            kill(*pid, 9);
        }
        if !std::thread::panicking() {
            assert_eq!(left, [0_u32; 0], "processes were left behind");
        }
    }
}

pub(crate) fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// A line of `/proc/PID/status`.
pub(crate) fn status(pid: u32, key: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))
        .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub(crate) fn is_alive(pid: u32) -> bool {
    status(pid, "State").is_some_and(|state| !state.starts_with(['Z', 'X']))
}

pub(crate) fn children(pid: u32) -> Vec<u32> {
    let pid = pid.to_string();
    processes()
        .filter(|child| status(*child, "PPid").is_some_and(|parent| parent == pid))
        .collect()
}

pub(crate) fn guardians_of(pid: u32) -> Vec<u32> {
    let mut children = children(pid);
    children.retain(|child| status(*child, "Name").is_some_and(|name| name == "stead-guardian"));
    children
}

pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

pub(crate) fn kill(pid: u32, signal: i32) {
    // SAFETY: a signal to a process this test has started.
    unsafe { libc::kill(pid.cast_signed(), signal) };
}

/// Stops a process and waits until each of its threads stands still.
pub(crate) async fn stop(pid: u32) {
    kill(pid, libc::SIGSTOP);
    until("the process to stop", || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        tasks.flatten().all(|task| {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            status.contains("State:\tT")
        })
    })
    .await;
}

pub(crate) fn is_root() -> bool {
    // SAFETY: no preconditions.
    unsafe { libc::geteuid() == 0 }
}

/// The cgroups of launchers of a process.
pub(crate) fn cgroups_of(pid: u32) -> Vec<PathBuf> {
    let prefix = format!("stead-{pid}-");
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .iter()
        .flat_map(|mount| below(mount.into(), 6))
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(&prefix)
        })
        .collect()
}

fn below(folder: PathBuf, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if depth > 0 {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.push(entry.path());
                found.extend(below(entry.path(), depth - 1));
            }
        }
    }
    found
}

/// Whether launchers have cgroups here.
pub(crate) fn has_cgroups() -> bool {
    let runs = tempfile::tempdir().unwrap();
    let _launcher = Launcher::start(LauncherOptions {
        runs: runs.path().to_owned(),
        cgroup: CgroupMode::Auto,
    })
    .unwrap();
    !cgroups_of(std::process::id()).is_empty()
}
