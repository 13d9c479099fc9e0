//! Panics go to the log, like every other failure.

use std::panic::{self, PanicHookInfo};

/// Logs panics of all threads and tasks from now on.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let message = info.payload_as_str().unwrap_or("(no message)");
        let location = info.location().map(ToString::to_string);
        let thread = std::thread::current();
        tracing::error!(
            location = location.as_deref().unwrap_or("unknown"),
            thread = thread.name().unwrap_or("unnamed"),
            "panic: {message}"
        );
    }));
}
