//! The service control manager, as a test uses it.
#![allow(dead_code, reason = "each test program uses its part")]

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::os::windows::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use windows_sys::Win32::Foundation::GetLastError;
use windows_sys::Win32::System::Services::{
    CloseServiceHandle, ControlService, CreateServiceW, DeleteService, OpenSCManagerW,
    QueryServiceStatusEx, SC_HANDLE, SC_MANAGER_ALL_ACCESS, SC_STATUS_PROCESS_INFO,
    SERVICE_ALL_ACCESS, SERVICE_CONTROL_STOP, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL,
    SERVICE_STATUS, SERVICE_STATUS_PROCESS, SERVICE_STOPPED, SERVICE_WIN32_OWN_PROCESS,
    StartServiceW,
};

use super::DEADLINE;

static ALONE: Mutex<()> = Mutex::new(());

/// The service control manager, for one test at a time: Wine's loses handles when threads of a
/// process talk to it at once, and takes any process for the service that it is just starting.
pub(crate) struct Manager {
    _alone: MutexGuard<'static, ()>,
}

impl Manager {
    pub(crate) fn alone() -> Self {
        Self {
            _alone: ALONE.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Installs a program, started as `program FOLDER ROLE`.
    pub(crate) fn install(&self, name: &str, program: &Path, role: &str) -> Installed<'_> {
        Installed::new(name, program, role)
    }
}

/// A service that was installed for a test; stopped and deleted at its end.
pub(crate) struct Installed<'a> {
    _manager: PhantomData<&'a Manager>,
    handle: SC_HANDLE,
    pub(crate) folder: TempDir,
}

impl Installed<'_> {
    fn new(name: &str, program: &Path, role: &str) -> Self {
        assert!(program.exists(), "{} is missing", program.display());
        let folder = TempDir::new().unwrap();
        let image = format!(
            r#""{}" "{}" {role}"#,
            program.display(),
            folder.path().display()
        );
        let name = wide(&format!("stead-test-{name}-{}", std::process::id()));
        // SAFETY: all strings end in NUL and outlive the calls.
        let handle = unsafe {
            let manager = OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_ALL_ACCESS);
            assert!(!manager.is_null(), "no manager: {}", GetLastError());
            let handle = CreateServiceW(
                manager,
                name.as_ptr(),
                ptr::null(),
                SERVICE_ALL_ACCESS,
                SERVICE_WIN32_OWN_PROCESS,
                SERVICE_DEMAND_START,
                SERVICE_ERROR_NORMAL,
                wide(&image).as_ptr(),
                ptr::null(),
                ptr::null_mut(),
                ptr::null(),
                ptr::null(),
                ptr::null(),
            );
            assert!(!handle.is_null(), "not installed: {}", GetLastError());
            CloseServiceHandle(manager);
            handle
        };
        Self {
            _manager: PhantomData,
            handle,
            folder,
        }
    }

    /// Starts it; returns once the manager has.
    pub(crate) fn start(&self, arguments: &[&str]) {
        let arguments: Vec<Vec<u16>> = arguments.iter().map(|it| wide(it)).collect();
        let pointers: Vec<*const u16> = arguments.iter().map(|it| it.as_ptr()).collect();
        // SAFETY: that many strings, each ending in NUL.
        let started = unsafe {
            StartServiceW(
                self.handle,
                u32::try_from(pointers.len()).unwrap(),
                pointers.as_ptr(),
            )
        };
        // SAFETY: always.
        assert!(started != 0, "not started: {}", unsafe { GetLastError() });
    }

    /// Sends a control; the manager's error if it is refused.
    pub(crate) fn control(&self, code: u32) -> Result<SERVICE_STATUS, u32> {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the handle is open, the structure writable.
        unsafe {
            if ControlService(self.handle, code, &raw mut status) == 0 {
                return Err(GetLastError());
            }
        }
        Ok(status)
    }

    pub(crate) fn status(&self) -> SERVICE_STATUS_PROCESS {
        let mut status = SERVICE_STATUS_PROCESS::default();
        let mut needed = 0;
        // SAFETY: the handle is open, the structure writable and as long as said.
        let queried = unsafe {
            QueryServiceStatusEx(
                self.handle,
                SC_STATUS_PROCESS_INFO,
                (&raw mut status).cast(),
                u32::try_from(size_of_val(&status)).unwrap(),
                &raw mut needed,
            )
        };
        // SAFETY: always.
        assert!(queried != 0, "no status: {}", unsafe { GetLastError() });
        status
    }

    /// Waits for a state.
    pub(crate) fn until(&self, state: u32) -> SERVICE_STATUS_PROCESS {
        self.until_status(&format!("state {state}"), |status| {
            status.dwCurrentState == state
        })
    }

    pub(crate) fn until_status(
        &self,
        what: &str,
        holds: impl Fn(&SERVICE_STATUS_PROCESS) -> bool,
    ) -> SERVICE_STATUS_PROCESS {
        let began = Instant::now();
        loop {
            let status = self.status();
            if holds(&status) {
                return status;
            }
            assert!(
                began.elapsed() < DEADLINE,
                "no {what}: state {} checkpoint {} exit {} {}",
                status.dwCurrentState,
                status.dwCheckPoint,
                status.dwWin32ExitCode,
                status.dwServiceSpecificExitCode
            );
            pause();
        }
    }

    /// Lets it get on with what takes long.
    pub(crate) fn go(&self) {
        std::fs::write(self.folder.path().join("go"), "").unwrap();
    }

    /// What it has written down so far.
    pub(crate) fn told(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("told")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until it has written down this many lines.
    pub(crate) fn until_told(&self, lines: usize) -> Vec<String> {
        let began = Instant::now();
        while self.told().len() < lines {
            assert!(began.elapsed() < DEADLINE, "told only {:?}", self.told());
            pause();
        }
        self.told()
    }
}

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        self.go();
        if std::thread::panicking() {
            let _ = self.control(SERVICE_CONTROL_STOP);
        } else if self.status().dwCurrentState != SERVICE_STOPPED {
            let _ = self.control(SERVICE_CONTROL_STOP);
            self.until(SERVICE_STOPPED);
        }
        // SAFETY: the handle is open, and not used again.
        unsafe {
            DeleteService(self.handle);
            CloseServiceHandle(self.handle);
        }
    }
}

/// Between two looks at a state that nothing tells of.
#[allow(
    clippy::disallowed_methods,
    reason = "a poll with a deadline, in a test"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}

fn wide(text: &str) -> Vec<u16> {
    OsStr::new(text).encode_wide().chain([0]).collect()
}
