//! From `main` to the service's own main, and back.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use windows_sys::Win32::Foundation::{
    ERROR_FAILED_SERVICE_CONTROLLER_CONNECT, ERROR_SERVICE_ALREADY_RUNNING,
};
use windows_sys::Win32::System::Console::{
    CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT, SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::Services::{
    RegisterServiceCtrlHandlerExW, SERVICE_TABLE_ENTRYW, StartServiceCtrlDispatcherW,
};
use windows_sys::core::{BOOL, PWSTR};

use super::{Exit, Reporter, handler};
use crate::control::{self, Accepted, Controls};
use crate::wide;

/// What a service's main gets.
#[derive(Debug)]
pub struct Session {
    /// The name the service is installed under.
    pub name: OsString,
    /// What it was started with, besides the command line it is installed with.
    pub arguments: Vec<OsString>,
    /// What it is asked to do.
    pub controls: Controls,
    /// Tells how it is. Nothing was reported yet, so it starts.
    pub reporter: Reporter,
}

/// Why a process is not a service.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// It was not started by the service control manager: by hand, say.
    #[error("the service control manager did not start this process")]
    NotAService,
    /// It is one already.
    #[error("this process is a service already")]
    AlreadyRunning,
    /// The service control manager cannot be reached.
    #[error("cannot reach the service control manager")]
    Connect(#[source] io::Error),
    /// The service control manager took no handler for this service.
    #[error("cannot register the handler of the service {name:?}")]
    Register {
        /// The service.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// What waits for the system to call the service's main.
struct Job {
    name: String,
    accepted: Accepted,
    main: Box<dyn FnOnce(Session) -> Exit + Send>,
}

static JOB: Mutex<Option<Job>> = Mutex::new(None);

/// What became of it.
static ENDED: Mutex<Option<Result<Exit, DispatchError>>> = Mutex::new(None);
static HAS_ENDED: Condvar = Condvar::new();

/// Runs `main` as the service that this process was started for, and says how it ended, once all
/// that `main` did is done. Call it early: the manager gives a process 30 s to come here.
///
/// `main` runs on a thread of its own. What it returns is reported last of all, and a panic as
/// [`Exit::PANICKED`]. The name is not looked at by the system for a service that has its process
/// for itself, as all do here.
pub fn run(
    name: &str,
    accepted: Accepted,
    main: impl FnOnce(Session) -> Exit + Send + 'static,
) -> Result<Exit, DispatchError> {
    let mut wide_name = wide::with_nul(OsStr::new(name));
    let table = [
        SERVICE_TABLE_ENTRYW {
            lpServiceName: wide_name.as_mut_ptr(),
            lpServiceProc: Some(service_main),
        },
        SERVICE_TABLE_ENTRYW::default(),
    ];
    {
        let mut job = lock(&JOB);
        if job.is_some() {
            return Err(DispatchError::AlreadyRunning);
        }
        *job = Some(Job {
            name: name.to_owned(),
            accepted,
            main: Box::new(main),
        });
    }
    // SAFETY: the table ends in an empty entry, and it and the name outlive the call.
    if unsafe { StartServiceCtrlDispatcherW(table.as_ptr()) } == 0 {
        let error = io::Error::last_os_error();
        lock(&JOB).take();
        return Err(match error.raw_os_error().map(i32::cast_unsigned) {
            Some(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) => DispatchError::NotAService,
            Some(ERROR_SERVICE_ALREADY_RUNNING) => DispatchError::AlreadyRunning,
            _ => DispatchError::Connect(error),
        });
    }
    // The call returns when the service is reported as stopped, which is before its thread is
    // done, or when the manager is gone: then nobody else will ask the service to stop.
    if lock(&JOB).take().is_some() {
        return Err(DispatchError::NotAService);
    }
    handler::post_stop();
    let mut ended = lock(&ENDED);
    loop {
        if let Some(ended) = ended.take() {
            return ended;
        }
        ended = HAS_ENDED
            .wait(ended)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// A [`LPSERVICE_MAIN_FUNCTIONW`](https://learn.microsoft.com/windows/win32/api/winsvc/nc-winsvc-lpservice_main_functionw).
unsafe extern "system" fn service_main(count: u32, arguments: *mut PWSTR) {
    let Some(job) = lock(&JOB).take() else {
        return;
    };
    // SAFETY: the system passes that many strings.
    let arguments = unsafe { read_arguments(count, arguments) };
    let ended = serve(job, arguments);
    *lock(&ENDED) = Some(ended);
    HAS_ENDED.notify_all();
}

fn serve(job: Job, arguments: Vec<OsString>) -> Result<Exit, DispatchError> {
    ignore_console_events();
    let (poster, controls) = control::channel(job.accepted);
    handler::set_poster(poster);
    let name = wide::with_nul(OsStr::new(&job.name));
    // SAFETY: the name ends in NUL, and what the handler uses is there by now and stays.
    let handle = unsafe {
        RegisterServiceCtrlHandlerExW(name.as_ptr(), Some(handler::on_control), ptr::null())
    };
    if handle.is_null() {
        return Err(DispatchError::Register {
            name: job.name,
            source: io::Error::last_os_error(),
        });
    }
    let reporter = Reporter::new(handle, job.accepted);
    let mut arguments = arguments.into_iter();
    let session = Session {
        // The first is the name by which the service was started.
        name: arguments.next().unwrap_or_else(|| job.name.into()),
        arguments: arguments.collect(),
        controls,
        reporter: reporter.clone(),
    };
    // Nobody looks at what a panic left half-done: the process ends.
    let exit = catch_unwind(AssertUnwindSafe(|| (job.main)(session))).unwrap_or(Exit::PANICKED);
    reporter.stopped(exit);
    Ok(exit)
}

/// # Safety
/// `arguments` must point to `count` strings that end in NUL.
unsafe fn read_arguments(count: u32, arguments: *const PWSTR) -> Vec<OsString> {
    (0..count as usize)
        // SAFETY: the caller promises that many strings, which stay for the call.
        .map(|index| OsString::from_wide(unsafe { wide::at(*arguments.add(index)) }))
        .collect()
}

/// A service outlives the users that log off; a shutdown it hears of from the manager. With a
/// console it is told by that too, and would be ended if nobody took care.
fn ignore_console_events() {
    // SAFETY: the handler is a function of this program and uses nothing.
    unsafe { SetConsoleCtrlHandler(Some(on_console_event), 1) };
}

unsafe extern "system" fn on_console_event(event: u32) -> BOOL {
    BOOL::from(matches!(
        event,
        CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT
    ))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
