//! What the Windows tests share: the probe program, and waiting with a deadline.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test program uses its part, and fails by panicking"
)]

pub(crate) mod scm;

use std::future::Future;
use std::io::{PipeReader, Read as _};
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::path::PathBuf;
use std::time::Duration;

use stead_os::process::{
    CgroupMode, Command, Launcher, LauncherOptions, Limits, Output, Process, Stdin,
};
use tempfile::TempDir;
use windows_sys::Win32::Foundation::WAIT_OBJECT_0;
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleA, GetProcAddress};
use windows_sys::Win32::System::Threading::{
    OpenProcess, PROCESS_SYNCHRONIZE, WaitForSingleObject,
};

/// The longest any single thing may take. Under Wine, the first window of a session is slow.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A launcher and its folder.
pub(crate) struct Fixture {
    pub(crate) launcher: Launcher,
    pub(crate) folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let launcher = Launcher::start(LauncherOptions {
            runs: folder.path().join("runs"),
            cgroup: CgroupMode::Off,
        })
        .unwrap();
        Self { launcher, folder }
    }

    pub(crate) async fn spawn(&self, role: &[&str]) -> Process {
        self.launcher.spawn(probe(role)).await.unwrap()
    }
}

/// The probe in a role, its output in pipes.
pub(crate) fn probe(role: &[&str]) -> Command {
    Command {
        name: "probe".to_owned(),
        program: probe_program(),
        arguments: role.iter().map(Into::into).collect(),
        directory: std::env::current_dir().unwrap(),
        environment: std::env::vars_os().collect(),
        user: None,
        limits: Limits::default(),
        stdin: Stdin::Null,
        stdout: Output::Pipe,
        stderr: Output::Inherit,
    }
}

pub(crate) fn probe_program() -> PathBuf {
    example("windows_probe")
}

/// Cargo builds examples for a test run, in a folder beside the tests' own.
pub(crate) fn example(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let profile = this.parent().unwrap().parent().unwrap();
    profile.join("examples").join(format!("{name}.exe"))
}

/// Waits for a future no longer than the deadline.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let Ok(output) = tokio::time::timeout(DEADLINE, future).await else {
        panic!("{what} took longer than {DEADLINE:?}");
    };
    output
}

/// The next line of a program's output.
pub(crate) async fn line(out: &PipeReader) -> String {
    let mut out = out.try_clone().unwrap();
    let reading = tokio::task::spawn_blocking(move || {
        // Byte by byte, so that nothing of the next line is taken.
        let (mut line, mut byte) = (Vec::new(), [0]);
        while out.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        String::from_utf8(line)
            .unwrap()
            .trim_end_matches('\r')
            .to_owned()
    });
    soon("a line of output", reading).await.unwrap()
}

/// The output to its end.
pub(crate) async fn all(mut out: PipeReader) -> Vec<u8> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        out.read_to_end(&mut bytes).unwrap();
        bytes
    });
    soon("the output's end", reading).await.unwrap()
}

pub(crate) fn stdout(process: &mut Process) -> PipeReader {
    process.take_stdout().expect("a pipe")
}

/// A handle by which the end of a process can be waited for, whoever started it.
pub(crate) struct Watched(OwnedHandle);

impl Watched {
    pub(crate) fn open(pid: u32) -> Self {
        // SAFETY: any id may be asked for.
        let handle = unsafe { OpenProcess(PROCESS_SYNCHRONIZE, 0, pid) };
        assert!(!handle.is_null(), "no process {pid}");
        // SAFETY: the call above made this handle.
        Self(unsafe { OwnedHandle::from_raw_handle(handle) })
    }

    pub(crate) fn runs(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { WaitForSingleObject(self.0.as_raw_handle(), 0) != WAIT_OBJECT_0 }
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&self, within: Duration) {
        let limit = u32::try_from(within.as_millis()).unwrap();
        // SAFETY: the handle is open.
        let waited = unsafe { WaitForSingleObject(self.0.as_raw_handle(), limit) };
        assert_eq!(
            waited, WAIT_OBJECT_0,
            "the process still runs after {within:?}"
        );
    }
}

/// Whether this is Wine, whose ntdll says so by a function of its own.
pub(crate) fn under_wine() -> bool {
    // SAFETY: the name ends in NUL, the module is loaded in every process.
    unsafe {
        let ntdll = GetModuleHandleA(c"ntdll.dll".as_ptr().cast());
        GetProcAddress(ntdll, c"wine_get_version".as_ptr().cast()).is_some()
    }
}
