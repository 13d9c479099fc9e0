//! What the tests of real processes share: the examples, a supervisor's socket, a caller of `echo`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test program uses its part, and a test that cannot go on fails"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the SDK may not depend on what Stead starts programs with"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn example(name: &str) -> Command {
    // Beside this program's folder, where cargo puts examples.
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build -p stead --examples",
        path.display()
    );
    let mut command = Command::new(path);
    command.env_clear().stdin(Stdio::null());
    command
}

/// A running example; killed when the test is over.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn signal(&self, signal: &str) {
        let done = Command::new("kill")
            .args(["-s", signal, &self.0.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }

    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        // The pipe ends with the process, so reading is the wait.
        let mut log = String::new();
        if let Some(stderr) = &mut self.0.stderr {
            stderr.read_to_string(&mut log).unwrap();
        }
        (self.0.wait().unwrap(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The socket of a supervisor.
pub(crate) struct Supervisor {
    pub(crate) socket: UnixDatagram,
    pub(crate) folder: TempDir,
}

impl Supervisor {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, folder }
    }

    pub(crate) fn start(&self, command: &mut Command) -> Running {
        let child = command
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running(child)
    }

    pub(crate) fn next(&self) -> String {
        receive(&self.socket)
    }

    /// Starts `echo` and waits until it is ready; its address too.
    pub(crate) fn start_echo(&self) -> (Running, String) {
        let running = self.start(&mut example("echo"));
        let status = self.next();
        let address = status.strip_prefix("STATUS=listening on ").unwrap();
        assert_eq!(self.next(), "READY=1");
        (running, address.to_owned())
    }
}

pub(crate) fn receive(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

pub(crate) struct Caller(pub(crate) BufReader<TcpStream>);

impl Caller {
    pub(crate) fn new(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim_end(), line);
    }
}
