//! Passwords.

use std::fmt;
use std::sync::atomic::{Ordering, compiler_fence};

/// A text that is never shown, and is wiped from memory when it is dropped.
///
/// What made the text, and what the system makes of it, may have copies of their own.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u16>);

impl Secret {
    /// Takes a text, and wipes the copy that it was given.
    pub fn new(text: String) -> Self {
        let units: usize = text.chars().map(char::len_utf16).sum();
        // With room for all of it: growing would leave copies behind.
        let mut kept = Vec::with_capacity(units);
        kept.extend(text.encode_utf16());
        wipe(&mut text.into_bytes());
        Self(kept)
    }

    /// The empty text, which is what accounts without a password have.
    pub(crate) fn empty() -> Self {
        Self(Vec::new())
    }

    /// The text in UTF-16, without a NUL at the end.
    pub fn units(&self) -> &[u16] {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with a NUL at the end, as Windows' functions take it; wiped as well.
    #[cfg(windows)]
    pub(crate) fn with_nul(&self) -> Self {
        let mut units = Vec::with_capacity(self.0.len() + 1);
        units.extend(&self.0);
        units.push(0);
        Self(units)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// Overwrites memory that is about to be given back, which a compiler would leave out.
fn wipe<T: Default>(memory: &mut [T]) {
    for place in memory {
        // SAFETY: the place is valid for writes, being borrowed, and `T` needs no drop here: it
        // is a plain number.
        unsafe { std::ptr::write_volatile(place, T::default()) };
    }
    compiler_fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_shown() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(String::from_utf16_lossy(secret.units()), "hunter2");
    }

    #[test]
    fn memory_is_wiped() {
        let mut units = [7_u16; 3];
        wipe(&mut units);
        assert_eq!(units, [0; 3]);
    }
}
