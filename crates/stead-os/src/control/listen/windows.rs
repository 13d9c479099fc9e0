//! Console events, as `SetConsoleCtrlHandler` gives them: each on a thread of its own.

use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use windows_sys::Win32::System::Console::{
    CTRL_BREAK_EVENT, CTRL_C_EVENT, CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT,
    SetConsoleCtrlHandler,
};
use windows_sys::core::BOOL;

use crate::control::{Control, Poster};

/// Lives as long as the process, as the handler does.
static POSTER: OnceLock<Mutex<Poster>> = OnceLock::new();

pub(super) fn listen(poster: Poster) -> io::Result<()> {
    POSTER
        .set(Mutex::new(poster))
        .map_err(|_| io::ErrorKind::AlreadyExists)?;
    // SAFETY: the handler is a function of this program, and what it uses is there by now.
    if unsafe { SetConsoleCtrlHandler(Some(on_event), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

unsafe extern "system" fn on_event(event: u32) -> BOOL {
    let Some(poster) = POSTER.get() else {
        return 0;
    };
    let mut poster = poster.lock().unwrap_or_else(PoisonError::into_inner);
    let control = match event {
        CTRL_C_EVENT | CTRL_BREAK_EVENT if poster.ending().is_asked() => {
            poster.ending().insist();
            return 1;
        }
        CTRL_C_EVENT | CTRL_BREAK_EVENT | CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT => Control::Stop,
        CTRL_SHUTDOWN_EVENT => Control::Shutdown,
        _ => return 0,
    };
    // What is not accepted is not handled; what cannot be posted can wait for nothing.
    if poster.post(control).is_err() {
        return 0;
    }
    drop(poster);
    if matches!(
        event,
        CTRL_CLOSE_EVENT | CTRL_LOGOFF_EVENT | CTRL_SHUTDOWN_EVENT
    ) {
        // The process is ended once this returns. It ends by itself before, or the system loses
        // patience.
        loop {
            thread::park();
        }
    }
    1
}
