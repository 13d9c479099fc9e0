//! The control handler: it posts and returns.

use std::ffi::c_void;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use windows_sys::Win32::Foundation::{
    ERROR_CALL_NOT_IMPLEMENTED, ERROR_SERVICE_CANNOT_ACCEPT_CTRL, NO_ERROR,
};
use windows_sys::Win32::System::RemoteDesktop::WTSSESSION_NOTIFICATION;
use windows_sys::Win32::System::Services::{
    SERVICE_CONTROL_CONTINUE, SERVICE_CONTROL_INTERROGATE, SERVICE_CONTROL_PARAMCHANGE,
    SERVICE_CONTROL_PAUSE, SERVICE_CONTROL_POWEREVENT, SERVICE_CONTROL_PRESHUTDOWN,
    SERVICE_CONTROL_SESSIONCHANGE, SERVICE_CONTROL_SHUTDOWN, SERVICE_CONTROL_STOP,
};

use crate::control::{Control, CustomCode, PostError, Poster};

/// For the life of the process: the system may call the handler after the service has ended.
static POSTER: OnceLock<Mutex<Poster>> = OnceLock::new();

/// What the handler posts to, from now on.
pub(super) fn set_poster(poster: Poster) {
    // There is one service a process, so this is never the second.
    let _ = POSTER.set(Mutex::new(poster));
}

/// Asks the service to end, when nobody can any more.
pub(super) fn post_stop() {
    let _ = post(Control::Stop);
}

/// A [`LPHANDLER_FUNCTION_EX`](https://learn.microsoft.com/windows/win32/api/winsvc/nc-winsvc-lphandler_function_ex).
pub(super) unsafe extern "system" fn on_control(
    control: u32,
    event: u32,
    data: *mut c_void,
    _context: *mut c_void,
) -> u32 {
    // A panic may not cross into the system, though nothing in here should.
    catch_unwind(|| {
        if control == SERVICE_CONTROL_INTERROGATE {
            // The manager knows the state by our reports.
            return NO_ERROR;
        }
        // SAFETY: the system passes what belongs to the control.
        match unsafe { read(control, event, data) } {
            Some(control) => answer(post(control)),
            None => ERROR_CALL_NOT_IMPLEMENTED,
        }
    })
    .unwrap_or(ERROR_SERVICE_CANNOT_ACCEPT_CTRL)
}

fn post(control: Control) -> Result<(), PostError> {
    let poster = POSTER.get().ok_or(PostError::Ended)?;
    // The manager calls one at a time, so nobody waits for the lock.
    let mut poster = poster.lock().unwrap_or_else(PoisonError::into_inner);
    poster.post(control).map(drop)
}

/// What who sent the control is told.
fn answer(posted: Result<(), PostError>) -> u32 {
    match posted {
        Ok(()) => NO_ERROR,
        Err(PostError::NotAccepted) => ERROR_CALL_NOT_IMPLEMENTED,
        Err(PostError::Full | PostError::Ended) => ERROR_SERVICE_CANNOT_ACCEPT_CTRL,
    }
}

/// # Safety
/// `data` must be what the system passes along with `control`.
unsafe fn read(control: u32, event: u32, data: *const c_void) -> Option<Control> {
    Some(match control {
        SERVICE_CONTROL_STOP => Control::Stop,
        SERVICE_CONTROL_PAUSE => Control::Pause,
        SERVICE_CONTROL_CONTINUE => Control::Continue,
        SERVICE_CONTROL_SHUTDOWN => Control::Shutdown,
        SERVICE_CONTROL_PRESHUTDOWN => Control::Preshutdown,
        SERVICE_CONTROL_PARAMCHANGE => Control::Reload,
        SERVICE_CONTROL_POWEREVENT => Control::PowerEvent(event.into()),
        SERVICE_CONTROL_SESSIONCHANGE => {
            let notification = data.cast::<WTSSESSION_NOTIFICATION>();
            let session = if notification.is_null() {
                0
            } else {
                // SAFETY: this control comes with a notification, of which this is a part.
                unsafe { ptr::read_unaligned(&raw const (*notification).dwSessionId) }
            };
            Control::SessionChange {
                event: event.into(),
                session,
            }
        }
        code => Control::Custom(CustomCode::try_from(code).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Accepted, CAPACITY, PowerEvent, SessionEvent, channel};

    #[test]
    fn controls_and_what_comes_with_them() {
        // SAFETY: none of these comes with data.
        let read = |control, event| unsafe { super::read(control, event, ptr::null()) };
        for (number, control) in [
            (1, Control::Stop),
            (2, Control::Pause),
            (3, Control::Continue),
            (5, Control::Shutdown),
            (6, Control::Reload),
            (13, Control::PowerEvent(PowerEvent::Suspend)),
            (15, Control::Preshutdown),
            (128, Control::Custom(CustomCode::MIN)),
            (255, Control::Custom(CustomCode::MAX)),
        ] {
            assert_eq!(read(number, 4), Some(control));
        }
        for unknown in [0, 7, 11, 12, 16, 32, 96, 127, 256, u32::MAX] {
            assert_eq!(read(unknown, 0), None, "{unknown}");
        }
    }

    #[test]
    fn a_session_s_id_comes_along() {
        let notification = WTSSESSION_NOTIFICATION {
            cbSize: 8,
            dwSessionId: 3,
        };
        // SAFETY: as the system would pass it.
        let control = unsafe { read(14, 7, (&raw const notification).cast()) };
        let expected = Control::SessionChange {
            event: SessionEvent::Lock,
            session: 3,
        };
        assert_eq!(control, Some(expected));
    }

    /// In one test, since a process has one handler for life.
    #[test]
    fn the_handler_answers_before_during_and_after_the_service() {
        let ask = |control| {
            // SAFETY: none of these comes with data.
            unsafe { on_control(control, 0, ptr::null_mut(), ptr::null_mut()) }
        };
        assert_eq!(ask(SERVICE_CONTROL_INTERROGATE), NO_ERROR);
        assert_eq!(ask(SERVICE_CONTROL_STOP), ERROR_SERVICE_CANNOT_ACCEPT_CTRL);
        assert_eq!(ask(7), ERROR_CALL_NOT_IMPLEMENTED);

        let accepted = Accepted::ENDING | Accepted::PRESHUTDOWN | Accepted::CUSTOM;
        let (poster, mut controls) = channel(accepted);
        set_poster(poster);
        assert_eq!(ask(SERVICE_CONTROL_PAUSE), ERROR_CALL_NOT_IMPLEMENTED);
        for _ in 0..CAPACITY {
            assert_eq!(ask(200), NO_ERROR);
        }
        assert_eq!(ask(200), ERROR_SERVICE_CANNOT_ACCEPT_CTRL);
        for control in [
            SERVICE_CONTROL_PRESHUTDOWN,
            SERVICE_CONTROL_STOP,
            SERVICE_CONTROL_SHUTDOWN,
            SERVICE_CONTROL_STOP,
            SERVICE_CONTROL_INTERROGATE,
        ] {
            assert_eq!(ask(control), NO_ERROR, "{control}");
        }
        for _ in 0..CAPACITY {
            assert!(controls.try_next().is_some());
        }
        for control in [Control::Preshutdown, Control::Stop, Control::Shutdown] {
            assert_eq!(controls.try_next(), Some(control));
        }
        assert_eq!(controls.try_next(), None);

        drop(controls);
        assert_eq!(ask(SERVICE_CONTROL_INTERROGATE), NO_ERROR);
        assert_eq!(ask(SERVICE_CONTROL_STOP), ERROR_SERVICE_CANNOT_ACCEPT_CTRL);
    }
}
