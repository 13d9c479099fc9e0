//! Answers whose size only the system knows, and lists of texts.

use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_MORE_DATA};
use windows_sys::core::{BOOL, PCWSTR};

use super::super::calls::Called;
use super::super::error::Win32Error;
use super::super::numbers::error::ERROR_INVALID_DATA;
use crate::wide;

/// How often an answer may have grown between two calls.
const TRIES: usize = 16;

/// An answer. Words, for the alignment.
pub(super) struct Sized(Vec<u64>);

/// Calls until there is room enough for the answer: with the room, its bytes, and where to put
/// how many more are needed, or how many in all.
pub(super) fn sized(mut call: impl FnMut(*mut u8, u32, *mut u32) -> BOOL) -> Called<Sized> {
    let mut bytes: u32 = 1024;
    for _ in 0..TRIES {
        let mut room = vec![0_u64; bytes.div_ceil(8) as usize];
        let mut needed = 0;
        if call(room.as_mut_ptr().cast(), bytes, &raw mut needed) != 0 {
            return Ok(Sized(room));
        }
        match Win32Error::last().0 {
            // Some functions tell the whole, others the rest: with both there is room for either.
            ERROR_INSUFFICIENT_BUFFER | ERROR_MORE_DATA => bytes = bytes.saturating_add(needed),
            code => return Err(Win32Error(code)),
        }
    }
    Err(Win32Error(ERROR_MORE_DATA))
}

impl Sized {
    /// The structure it begins with.
    pub(super) fn first<T: Copy>(&self) -> Called<&T> {
        self.array::<T>(1).map(|all| &all[0])
    }

    /// The structures it begins with.
    pub(super) fn array<T: Copy>(&self, count: u32) -> Called<&[T]> {
        const { assert!(align_of::<T>() <= align_of::<u64>()) };
        let count = count as usize;
        if size_of::<T>().saturating_mul(count) > size_of_val(self.0.as_slice()) {
            return Err(Win32Error(ERROR_INVALID_DATA));
        }
        // SAFETY: there are as many bytes, all of them set, and aligned for it; these structures
        // of the system's are numbers and pointers, for which all bits are good.
        Ok(unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), count) })
    }
}

/// # Safety
/// NULL, or a text that ends in NUL.
pub(super) unsafe fn text(start: PCWSTR) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: the caller promises that it ends in NUL, and it is copied at once.
    String::from_utf16_lossy(unsafe { wide::at(start) })
}

/// # Safety
/// NULL, or texts that each end in NUL, and after the last of them another NUL.
pub(super) unsafe fn texts(mut start: PCWSTR) -> Vec<String> {
    let mut texts = Vec::new();
    if start.is_null() {
        return texts;
    }
    // SAFETY: the caller promises that each ends in NUL, and that an empty one follows the last.
    unsafe {
        loop {
            let units = wide::at(start);
            if units.is_empty() {
                return texts;
            }
            texts.push(String::from_utf16_lossy(units));
            start = start.add(units.len() + 1);
        }
    }
}

/// The texts one after the other, each with its NUL, and another one at the end.
pub(super) fn multi(texts: &[String]) -> Vec<u16> {
    let mut units: Vec<u16> = Vec::new();
    for text in texts {
        units.extend(text.encode_utf16().chain([0]));
    }
    if units.is_empty() {
        units.push(0);
    }
    units.push(0);
    units
}
