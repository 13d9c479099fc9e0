//! Being told that a process has ended, by a thread of the system's pool.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle as _, OwnedHandle};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use windows_sys::Win32::System::Threading::{
    INFINITE, RegisterWaitForSingleObject, UnregisterWait, WT_EXECUTEONLYONCE,
};

use super::job::check;

type Then = Box<dyn FnOnce(&OwnedHandle) + Send>;

/// One registration. The registering side and the callback hold it each; whoever is last frees
/// it, so the callback may run before the registration has even returned.
struct Waiting {
    process: OwnedHandle,
    registration: AtomicPtr<c_void>,
    then: Mutex<Option<Then>>,
}

/// Calls `then` once, soon after `process` has ended. It must be quick: others wait for the thread.
pub(super) fn when_ended(
    process: OwnedHandle,
    then: impl FnOnce(&OwnedHandle) + Send + 'static,
) -> io::Result<()> {
    let waiting = Arc::new(Waiting {
        process,
        registration: AtomicPtr::new(ptr::null_mut()),
        then: Mutex::new(Some(Box::new(then))),
    });
    let context = Arc::into_raw(Arc::clone(&waiting));
    let mut registration = ptr::null_mut();
    // SAFETY: the process handle lives in `waiting`, which the callback's share keeps alive until
    // the wait is over; the context is that share, and the callback runs once.
    let registered = check(unsafe {
        RegisterWaitForSingleObject(
            &raw mut registration,
            waiting.process.as_raw_handle(),
            Some(ended),
            context.cast(),
            INFINITE,
            WT_EXECUTEONLYONCE,
        )
    });
    match registered {
        Ok(()) => waiting.registration.store(registration, Ordering::Release),
        // SAFETY: nothing was registered, so the share of the callback is still ours.
        Err(_) => drop(unsafe { Arc::from_raw(context) }),
    }
    registered
}

unsafe extern "system" fn ended(context: *mut c_void, _timed_out: bool) {
    // SAFETY: the context is the share `when_ended` made for this one call.
    let waiting = unsafe { Arc::from_raw(context.cast_const().cast::<Waiting>()) };
    let then = waiting
        .then
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(then) = then {
        then(&waiting.process);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let registration = *self.registration.get_mut();
        if !registration.is_null() {
            // SAFETY: the registration is ours and freed once. From within the callback this
            // only marks it; the system frees it when the callback has returned.
            unsafe { UnregisterWait(registration) };
        }
    }
}
