//! Accounts, their rights, and privileges.

use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_INSUFFICIENT_BUFFER, ERROR_NOT_ALL_ASSIGNED, ERROR_SUCCESS, LUID,
};
use windows_sys::Win32::Security::Authentication::Identity::{
    LSA_HANDLE, LSA_OBJECT_ATTRIBUTES, LSA_UNICODE_STRING, LsaAddAccountRights, LsaClose,
    LsaNtStatusToWinError, LsaOpenPolicy, POLICY_CREATE_ACCOUNT, POLICY_LOOKUP_NAMES,
};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupAccountNameW, LookupPrivilegeValueW,
    SE_PRIVILEGE_ENABLED, TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES, TOKEN_QUERY,
};
use windows_sys::Win32::System::SystemInformation::{ComputerNameNetBIOS, GetComputerNameExW};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::super::calls::{Called, Sid};
use super::super::error::Win32Error;
use super::super::numbers::error::ERROR_INVALID_DATA;
use super::{check, wide};

/// The longest identifier (`SECURITY_MAX_SID_SIZE`) and name of a domain, with room to spare.
const SID_MAX: usize = 68;
const DOMAIN_MAX: usize = 1024;

pub(super) fn lookup(name: &str) -> Called<Sid> {
    // The manager takes `.\` for this machine, and this function does not.
    let full = match name.strip_prefix(r".\") {
        Some(user) => format!(r"{}\{user}", computer()?),
        None => name.to_owned(),
    };
    let full = wide(&full);
    let mut sid = [0_u32; SID_MAX / 4];
    let mut domain = [0_u16; DOMAIN_MAX];
    let (mut bytes, mut units) = (length(size_of_val(&sid)), length(domain.len()));
    let mut kind = 0;
    // SAFETY: the name ends in NUL; both buffers have the room said; all outlive the call.
    check(unsafe {
        LookupAccountNameW(
            ptr::null(),
            full.as_ptr(),
            sid.as_mut_ptr().cast(),
            &raw mut bytes,
            domain.as_mut_ptr(),
            &raw mut units,
            &raw mut kind,
        )
    })?;
    // An identifier says itself how long it is: eight bytes, and four for each part after them.
    let parts = sid[0].to_le_bytes()[1];
    let words = 2 + usize::from(parts);
    let words = sid.get(..words).ok_or(Win32Error(ERROR_INVALID_DATA))?;
    Ok(Sid(words.iter().flat_map(|it| it.to_le_bytes()).collect()))
}

fn computer() -> Called<String> {
    let mut name = [0_u16; DOMAIN_MAX];
    let mut units = length(name.len());
    // SAFETY: the buffer has the room said.
    check(unsafe { GetComputerNameExW(ComputerNameNetBIOS, name.as_mut_ptr(), &raw mut units) })?;
    let name = name
        .get(..units as usize)
        .ok_or(Win32Error(ERROR_INSUFFICIENT_BUFFER))?;
    Ok(String::from_utf16_lossy(name))
}

/// A policy that is open.
struct Policy(LSA_HANDLE);

impl Drop for Policy {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and nobody has it any more.
        unsafe { LsaClose(self.0) };
    }
}

pub(super) fn grant(account: &Sid, right: &str) -> Called<()> {
    let attributes = LSA_OBJECT_ATTRIBUTES::default();
    let wanted = (POLICY_CREATE_ACCOUNT | POLICY_LOOKUP_NAMES).cast_unsigned();
    let mut policy = LSA_HANDLE::default();
    // SAFETY: NULL is this machine; the attributes are not used, and have to be there.
    checked(unsafe { LsaOpenPolicy(ptr::null(), &raw const attributes, wanted, &raw mut policy) })?;
    let policy = Policy(policy);
    let mut text: Vec<u16> = right.encode_utf16().collect();
    let bytes =
        u16::try_from(size_of_val(text.as_slice())).map_err(|_| Win32Error(ERROR_INVALID_DATA))?;
    let right = LSA_UNICODE_STRING {
        Length: bytes,
        MaximumLength: bytes,
        Buffer: text.as_mut_ptr(),
    };
    // Words, for the alignment.
    let (words, _) = account.0.as_chunks::<4>();
    let mut sid: Vec<u32> = words.iter().map(|it| u32::from_le_bytes(*it)).collect();
    // SAFETY: the policy is open; the identifier came from the system; there is one text, of the
    // length said.
    checked(unsafe { LsaAddAccountRights(policy.0, sid.as_mut_ptr().cast(), &raw const right, 1) })
}

pub(super) fn privilege(name: &str) -> Called<LUID> {
    let name = wide(name);
    let mut luid = LUID::default();
    // SAFETY: NULL is this machine; the name ends in NUL; both outlive the call.
    check(unsafe { LookupPrivilegeValueW(ptr::null(), name.as_ptr(), &raw mut luid) })?;
    Ok(luid)
}

pub(super) fn enable(name: &str) -> Called<()> {
    let wanted = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES {
            Luid: privilege(name)?,
            Attributes: SE_PRIVILEGE_ENABLED,
        }],
    };
    let mut token = ptr::null_mut();
    let access = TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY;
    // SAFETY: `token` outlives the call.
    check(unsafe { OpenProcessToken(GetCurrentProcess(), access, &raw mut token) })?;
    // SAFETY: the call above made this handle, and nothing else owns it.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    // SAFETY: the token is open; the structure outlives the call; the old state is not asked for.
    check(unsafe {
        AdjustTokenPrivileges(
            token.as_raw_handle(),
            0,
            &raw const wanted,
            0,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    })?;
    // Even so it may have done nothing, for a token that does not have it.
    match Win32Error::last() {
        Win32Error(ERROR_NOT_ALL_ASSIGNED) => Err(Win32Error(ERROR_NOT_ALL_ASSIGNED)),
        _ => Ok(()),
    }
}

fn checked(status: i32) -> Called<()> {
    // SAFETY: numbers only.
    match unsafe { LsaNtStatusToWinError(status) } {
        ERROR_SUCCESS => Ok(()),
        code => Err(Win32Error(code)),
    }
}

/// The lengths here are constants, and small.
fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
