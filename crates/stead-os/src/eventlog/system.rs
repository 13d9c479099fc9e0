//! The event log of Windows itself.

use std::io;
use std::ptr;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Diagnostics::Debug::{
    FORMAT_MESSAGE_ARGUMENT_ARRAY, FORMAT_MESSAGE_FROM_HMODULE, FormatMessageW,
};
use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, RegisterEventSourceW, ReportEventW,
};
use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;

use super::log::{EventLog, Sink};
use super::record::{Call, SourceError, check_source};
use crate::wide;

/// The longest text [`message`] gives, in UTF-16 units: what `FormatMessageW` makes at most.
const MESSAGE_MAX: u32 = 32_000;

impl EventLog {
    /// The application log of this machine, under the name of `source`.
    ///
    /// The log need not be there yet: each event tries it anew.
    pub fn open(source: &str) -> io::Result<Self> {
        let invalid = |error: SourceError| io::Error::new(io::ErrorKind::InvalidInput, error);
        check_source(source).map_err(invalid)?;
        Self::to(System {
            source: wide::with_nul(source.as_ref()),
            handle: None,
        })
    }
}

struct System {
    source: Vec<u16>,
    handle: Option<Handle>,
}

/// Opened by `RegisterEventSourceW`.
struct Handle(HANDLE);

// SAFETY: a handle to the event log belongs to the process, not to a thread.
unsafe impl Send for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and nobody has it after this.
        unsafe { DeregisterEventSource(self.0) };
    }
}

impl Sink for System {
    fn report(&mut self, call: &Call) -> io::Result<()> {
        let handle = match self.handle.take() {
            Some(handle) => handle,
            None => open(&self.source)?,
        };
        let strings: Vec<_> = call
            .strings
            .iter()
            .map(|text| wide::with_nul(text.as_ref()))
            .collect();
        let pointers: Vec<_> = strings.iter().map(|text| text.as_ptr()).collect();
        let count = u16::try_from(pointers.len()).map_err(io::Error::other)?;
        // SAFETY: the handle is open; there are `count` pointers to texts that end in NUL, all of
        // which outlive the call; there is no user and no data.
        let done = unsafe {
            ReportEventW(
                handle.0,
                call.kind,
                call.category,
                call.id,
                ptr::null_mut(),
                count,
                0,
                pointers.as_ptr(),
                ptr::null(),
            )
        };
        if done == 0 {
            // The next event tries with a new handle: this one may be of a log that was restarted.
            return Err(io::Error::last_os_error());
        }
        self.handle = Some(handle);
        Ok(())
    }
}

fn open(source: &[u16]) -> io::Result<Handle> {
    // SAFETY: the source's name ends in NUL and outlives the call; null is this machine.
    let handle = unsafe { RegisterEventSourceW(ptr::null(), source.as_ptr()) };
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    Ok(Handle(handle))
}

/// The text the viewer shows for an event, by this executable's own message table.
pub fn message(call: &Call) -> io::Result<String> {
    let strings: Vec<_> = call
        .strings
        .iter()
        .map(|text| wide::with_nul(text.as_ref()))
        .collect();
    let mut pointers: Vec<_> = strings.iter().map(|text| text.as_ptr()).collect();
    // A text may ask for more inserts than there are strings: they are empty then.
    let empty = [0_u16];
    pointers.resize(pointers.len().max(99), empty.as_ptr());
    let mut text = vec![0_u16; MESSAGE_MAX as usize];
    // SAFETY: the module is this executable, which stays; the buffer has the size that is given;
    // there is a pointer to a text that ends in NUL for each insert there can be (%1 to %99).
    let length = unsafe {
        FormatMessageW(
            FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY,
            GetModuleHandleW(ptr::null()).cast_const(),
            call.id,
            0,
            text.as_mut_ptr(),
            MESSAGE_MAX,
            pointers.as_ptr().cast::<*const i8>().cast(),
        )
    };
    if length == 0 {
        return Err(io::Error::last_os_error());
    }
    text.truncate(length as usize);
    String::from_utf16(&text).map_err(io::Error::other)
}
