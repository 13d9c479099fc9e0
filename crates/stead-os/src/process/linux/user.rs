//! Accounts, looked up before anything is forked.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

/// Who a program is to run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: libc::uid_t,
    pub(super) gid: libc::gid_t,
    /// All groups, the primary one included.
    pub(super) groups: Vec<libc::gid_t>,
}

/// The largest record of the account database that is read.
const MAX_RECORD: usize = 1 << 20;
/// The most groups of an account (the kernel's own bound).
const MAX_GROUPS: usize = 65_536;

/// The account of that name.
pub(super) fn by_name(name: &str) -> Option<Account> {
    let name = CString::new(name).ok()?;
    let (uid, gid) = record(|entry, buffer, found| {
        // SAFETY: the name is NUL-terminated and the rest is as `record` gives it.
        unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                found,
            )
        }
    })
    .map(|(uid, gid, _)| (uid, gid))?;
    let mut groups = vec![0; 32];
    loop {
        let mut count = i32::try_from(groups.len()).ok()?;
        // SAFETY: `count` is the room in `groups`; at most that many are written.
        let listed =
            unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
        let count = usize::try_from(count).ok()?;
        if listed >= 0 {
            groups.truncate(count);
            return Some(Account { uid, gid, groups });
        }
        if groups.len() >= MAX_GROUPS {
            return None;
        }
        groups.resize(count.max(groups.len() * 2).min(MAX_GROUPS), 0);
    }
}

/// The name of the account this process acts as, or its number.
pub(super) fn current_name() -> String {
    // SAFETY: no preconditions.
    let uid = unsafe { libc::geteuid() };
    record(|entry, buffer, found| {
        // SAFETY: as `record` gives it.
        unsafe { libc::getpwuid_r(uid, entry, buffer.as_mut_ptr(), buffer.len(), found) }
    })
    .map_or_else(|| format!("uid {uid}"), |(_, _, name)| name)
}

/// Looks a record up with a buffer that grows until it fits.
fn record(
    look_up: impl Fn(*mut libc::passwd, &mut [c_char], *mut *mut libc::passwd) -> i32,
) -> Option<(libc::uid_t, libc::gid_t, String)> {
    let mut buffer: Vec<c_char> = vec![0; 1024];
    loop {
        // SAFETY: all zero is a valid `passwd`: null strings.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = ptr::null_mut();
        let error = look_up(&raw mut entry, &mut buffer, &raw mut found);
        if error == libc::ERANGE && buffer.len() < MAX_RECORD {
            buffer.resize(buffer.len() * 4, 0);
            continue;
        }
        if error != 0 || found.is_null() {
            return None;
        }
        // SAFETY: found: the name points into `buffer` and is NUL-terminated.
        let name = unsafe { CStr::from_ptr(entry.pw_name) };
        return Some((
            entry.pw_uid,
            entry.pw_gid,
            name.to_string_lossy().into_owned(),
        ));
    }
}
