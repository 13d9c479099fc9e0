//! What the tests against a real service control manager share: services of the fixture program,
//! and what they wrote down.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test program uses its part, and fails by panicking"
)]

use std::path::PathBuf;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use stead_model::lifecycle::native::ScmState;
use stead_os::scm::manage::numbers::access::SC_MANAGER_CONNECT;
use stead_os::scm::manage::{Calls as _, Scm, ScmError, ServiceConfig, ServiceStatus, System};
use tempfile::TempDir;

/// The longest anything may take that is not said to take longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// Wine's manager starts one service at a time and refuses all others meanwhile.
static STARTS: Mutex<()> = Mutex::new(());

/// Wine loses handles if two threads of a process connect to the manager for the first time at
/// once, so the first connection is made alone, and stays.
fn connect() {
    static FIRST: Once = Once::new();
    FIRST.call_once(|| {
        let manager = System.open_manager(SC_MANAGER_CONNECT).unwrap();
        std::mem::forget(manager);
    });
}

/// A service of the fixture program, which is gone when the test is over.
pub(crate) struct Fixture {
    pub(crate) scm: Scm<System>,
    pub(crate) name: String,
    /// A path with a space, and in it the log.
    folder: TempDir,
}

impl Fixture {
    /// A name that no other test has; nothing is installed yet.
    pub(crate) fn new(name: &str) -> Self {
        connect();
        let folder = tempfile::Builder::new()
            .prefix("stead service ")
            .tempdir()
            .unwrap();
        Self {
            scm: Scm::system(),
            name: format!("stead-test-{name}-{}", std::process::id()),
            folder,
        }
    }

    /// One that is installed with these options of the program.
    pub(crate) fn installed(name: &str, options: &[&str]) -> Self {
        let fixture = Self::new(name);
        fixture.scm.install(&fixture.config(options)).unwrap();
        fixture
    }

    /// One that runs.
    pub(crate) fn running(name: &str, options: &[&str]) -> Self {
        let fixture = Self::installed(name, options);
        fixture.start(&[]);
        fixture.reaches(ScmState::Running);
        fixture
    }

    /// The program with these options, and its log.
    pub(crate) fn config(&self, options: &[&str]) -> ServiceConfig {
        let mut command = vec![program(), "--log".to_owned(), self.log_path()];
        command.extend(options.iter().map(ToString::to_string));
        ServiceConfig::new(&self.name, command)
    }

    pub(crate) fn start(&self, arguments: &[&str]) {
        self.try_start(arguments).unwrap();
    }

    pub(crate) fn try_start(&self, arguments: &[&str]) -> Result<(), ScmError> {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let _alone = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
        self.scm.start(&self.name, &arguments)
    }

    /// Waits until it is in that state.
    pub(crate) fn reaches(&self, state: ScmState) -> ServiceStatus {
        self.scm
            .wait(&self.name, |it| it.state == state, soon(), |_| {})
            .unwrap()
    }

    pub(crate) fn stop(&self) -> Result<ServiceStatus, ScmError> {
        self.scm.stop(&self.name, soon(), |_, _| {})
    }

    pub(crate) fn status(&self) -> ServiceStatus {
        self.scm.status(&self.name).unwrap()
    }

    fn log_path(&self) -> String {
        let path = self.folder.path().join("log");
        path.into_os_string().into_string().unwrap()
    }

    /// What the program has written down so far.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.log_path()).unwrap_or_default();
        log.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Whether the program has written this line.
    pub(crate) fn logged(&self, line: &str) -> bool {
        self.log().iter().any(|it| it == line)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // After a test that went well there may be nothing left to do.
        let _ = self.scm.stop_and_delete(&self.name, soon(), |_, _| {});
    }
}

/// The fixture program, in C: `xtask/wine/service.c`.
pub(crate) fn program() -> String {
    let path = std::env::var_os("STEAD_C_SERVICE").map(PathBuf::from);
    let path = path.expect("`cargo xtask windows` builds the program and names it");
    path.into_os_string().into_string().unwrap()
}

pub(crate) fn soon() -> Instant {
    Instant::now() + DEADLINE
}
