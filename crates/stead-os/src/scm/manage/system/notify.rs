//! Being notified of a service's status, in an alertable wait.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::ERROR_SUCCESS;
use windows_sys::Win32::System::Services::{
    NotifyServiceStatusChangeW, SC_HANDLE, SERVICE_NOTIFY_2W, SERVICE_NOTIFY_CONTINUE_PENDING,
    SERVICE_NOTIFY_DELETE_PENDING, SERVICE_NOTIFY_PAUSE_PENDING, SERVICE_NOTIFY_PAUSED,
    SERVICE_NOTIFY_RUNNING, SERVICE_NOTIFY_START_PENDING, SERVICE_NOTIFY_STATUS_CHANGE,
    SERVICE_NOTIFY_STOP_PENDING, SERVICE_NOTIFY_STOPPED,
};
use windows_sys::Win32::System::Threading::{INFINITE, SleepEx};

use super::super::calls::{Called, Notified};
use super::super::error::Win32Error;
use super::status;

const EVERYTHING: u32 = SERVICE_NOTIFY_STOPPED
    | SERVICE_NOTIFY_START_PENDING
    | SERVICE_NOTIFY_STOP_PENDING
    | SERVICE_NOTIFY_RUNNING
    | SERVICE_NOTIFY_CONTINUE_PENDING
    | SERVICE_NOTIFY_PAUSE_PENDING
    | SERVICE_NOTIFY_PAUSED
    | SERVICE_NOTIFY_DELETE_PENDING;

/// What the system writes to, at an address that stays, until it has called back.
#[repr(C)]
struct Registration {
    /// First, since the callback is given the address of this.
    notify: SERVICE_NOTIFY_2W,
    called_back: bool,
}

/// A place for the registration that is under way.
#[derive(Debug, Default)]
pub(super) struct Slot(Cell<Option<NonNull<Registration>>>);

impl Slot {
    /// Registers, if the last registration has been answered, and waits.
    pub(super) fn wait(&self, service: SC_HANDLE, at_most: Duration) -> Called<Notified> {
        let registration = match self.0.get() {
            Some(registration) => registration,
            None => register(service)?,
        };
        self.0.set(Some(registration));
        let until = Instant::now().checked_add(at_most);
        loop {
            // SAFETY: the registration is alive while it is in its place, and the callback, which
            // writes to it, runs on this thread within SleepEx only.
            if unsafe { (*registration.as_ptr()).called_back } {
                self.0.set(None);
                // SAFETY: it came from a box, and the system, having called back, has done with it.
                let answer = unsafe { Box::from_raw(registration.as_ptr()) };
                return read(&answer.notify);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            let milliseconds = match left {
                None => INFINITE,
                Some(Duration::ZERO) => return Ok(Notified::TimedOut),
                // Rounded up, so as not to spin through the last of it.
                Some(left) => u32::try_from(left.as_millis() + 1).unwrap_or(INFINITE - 1),
            };
            // SAFETY: nothing is passed. What is called back is ours, or made for being called.
            unsafe { SleepEx(milliseconds, 1) };
        }
    }

    /// After the service was closed: lets go of what is under way.
    pub(super) fn give_up(&self) {
        let Some(registration) = self.0.take() else {
            return;
        };
        // A callback that was on its way comes now.
        // SAFETY: as above.
        unsafe { SleepEx(0, 1) };
        // SAFETY: as in `wait`.
        if unsafe { (*registration.as_ptr()).called_back } {
            // SAFETY: as in `wait`.
            drop(unsafe { Box::from_raw(registration.as_ptr()) });
        }
        // Otherwise it is left where it is, less than a hundred bytes: closing calls it off, but a
        // thread of the system's library may be about to write to it (seen in the source of Wine).
    }
}

fn register(service: SC_HANDLE) -> Called<NonNull<Registration>> {
    let registration = Box::new(Registration {
        notify: SERVICE_NOTIFY_2W {
            dwVersion: SERVICE_NOTIFY_STATUS_CHANGE,
            pfnNotifyCallback: Some(call_back),
            pContext: ptr::null_mut(),
            ..SERVICE_NOTIFY_2W::default()
        },
        called_back: false,
    });
    let registration = NonNull::from(Box::leak(registration));
    // SAFETY: the service is open; the structure stays where it is until the callback, or for
    // ever.
    let code =
        unsafe { NotifyServiceStatusChangeW(service, EVERYTHING, registration.as_ptr().cast()) };
    if code != ERROR_SUCCESS {
        // SAFETY: it came from a box, and the system has refused it.
        drop(unsafe { Box::from_raw(registration.as_ptr()) });
        return Err(Win32Error(code));
    }
    Ok(registration)
}

unsafe extern "system" fn call_back(parameter: *const c_void) {
    let registration: *mut Registration = parameter.cast_mut().cast();
    // SAFETY: the system gives the address it was given, of a registration that is alive.
    unsafe { (*registration).called_back = true };
}

fn read(answer: &SERVICE_NOTIFY_2W) -> Called<Notified> {
    if answer.dwNotificationStatus != ERROR_SUCCESS {
        return Err(Win32Error(answer.dwNotificationStatus));
    }
    if answer.dwNotificationTriggered & SERVICE_NOTIFY_DELETE_PENDING != 0 {
        return Ok(Notified::DeletePending);
    }
    status(&answer.ServiceStatus).map(Notified::Status)
}
