//! Text as Windows' functions take and give it: UTF-16 that ends in NUL.

use std::ffi::OsStr;
use std::os::windows::ffi::OsStrExt as _;

pub(crate) fn with_nul(text: &OsStr) -> Vec<u16> {
    text.encode_wide().chain([0]).collect()
}

/// The text at an address, without its NUL.
///
/// # Safety
/// There must be a NUL, everything up to it must be readable, and it must stay unchanged for `'a`.
pub(crate) unsafe fn at<'a>(start: *const u16) -> &'a [u16] {
    let mut length = 0;
    // SAFETY: the caller promises a NUL, at which this stops, and that all before it is readable.
    unsafe {
        while *start.add(length) != 0 {
            length += 1;
        }
        std::slice::from_raw_parts(start, length)
    }
}
