//! Who may use a pipe, and whose a pipe is.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{ERROR_SUCCESS, LocalFree};
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo,
    SDDL_REVISION_1, SE_KERNEL_OBJECT,
};
use windows_sys::Win32::Security::{
    EqualSid, GetTokenInformation, IsWellKnownSid, OWNER_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
    WinBuiltinAdministratorsSid, WinLocalSystemSid,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows_sys::core::BOOL;

use crate::wide;

/// A security descriptor that admits this process's user, the system and administrators.
#[derive(Debug)]
pub(super) struct Descriptor(Local);

// SAFETY: the memory is never written after it was made, and may be freed by any thread.
unsafe impl Send for Descriptor {}
// SAFETY: as above.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    pub(super) fn for_this_user() -> io::Result<Self> {
        let user = User::of_this_process()?.to_text()?;
        // The owner, by whom clients know the pipe; then a protected list (nothing is inherited)
        // of who has all rights: SYSTEM, the administrators and the user. Others have none.
        let text = format!("O:{user}D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;{user})");
        let text = wide::with_nul(text.as_ref());
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        // SAFETY: the text ends in NUL; the result is allocated for us, to be freed with LocalFree.
        check(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        })?;
        Ok(Self(Local(descriptor)))
    }

    /// Lends the descriptor as the `SECURITY_ATTRIBUTES` of a handle that is not inherited.
    pub(super) fn with_attributes<T>(&self, use_them: impl FnOnce(*mut c_void) -> T) -> T {
        let mut attributes = SECURITY_ATTRIBUTES {
            nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(0),
            lpSecurityDescriptor: self.0.0,
            bInheritHandle: 0,
        };
        use_them((&raw mut attributes).cast())
    }
}

/// Whether a pipe's owner is this user, the system or the administrators.
pub(super) fn is_trusted(pipe: BorrowedHandle<'_>) -> io::Result<bool> {
    let mut owner: PSID = ptr::null_mut();
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the handle is open; `owner` points into the descriptor allocated for us.
    let status = unsafe {
        GetSecurityInfo(
            pipe.as_raw_handle(),
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if status != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(status.cast_signed()));
    }
    let descriptor = Local(descriptor);
    let user = User::of_this_process()?;
    // SAFETY: both identifiers are valid and alive: the owner with `descriptor`.
    let trusted = unsafe {
        EqualSid(owner, user.sid()) != 0
            || IsWellKnownSid(owner, WinLocalSystemSid) != 0
            || IsWellKnownSid(owner, WinBuiltinAdministratorsSid) != 0
    };
    drop(descriptor);
    Ok(trusted)
}

/// The user a process runs as: a `TOKEN_USER` and the identifier it points to, in words for the
/// alignment.
struct User(Vec<usize>);

impl User {
    fn of_this_process() -> io::Result<Self> {
        let mut token = ptr::null_mut();
        // SAFETY: `token` outlives the call.
        check(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) })?;
        // SAFETY: the call above made this handle, and nothing else owns it.
        let token = unsafe { OwnedHandle::from_raw_handle(token) };
        let mut bytes = 0;
        // SAFETY: without room, the call says how much is needed.
        unsafe {
            GetTokenInformation(
                token.as_raw_handle(),
                TokenUser,
                ptr::null_mut(),
                0,
                &raw mut bytes,
            )
        };
        let words = (bytes as usize).max(size_of::<TOKEN_USER>());
        let mut user = vec![0; words.div_ceil(size_of::<usize>())];
        // SAFETY: the buffer has the room asked for.
        check(unsafe {
            GetTokenInformation(
                token.as_raw_handle(),
                TokenUser,
                user.as_mut_ptr().cast(),
                bytes,
                &raw mut bytes,
            )
        })?;
        Ok(Self(user))
    }

    fn sid(&self) -> PSID {
        // SAFETY: the buffer starts with this structure, which the system has filled.
        unsafe { (*self.0.as_ptr().cast::<TOKEN_USER>()).User.Sid }
    }

    fn to_text(&self) -> io::Result<String> {
        let mut text = ptr::null_mut();
        // SAFETY: the identifier is valid; the text is allocated for us and ends in NUL.
        unsafe {
            check(ConvertSidToStringSidW(self.sid(), &raw mut text))?;
            let owned = Local(text.cast());
            let copy = String::from_utf16_lossy(wide::at(text));
            drop(owned);
            Ok(copy)
        }
    }
}

/// Memory that is freed with `LocalFree`.
#[derive(Debug)]
struct Local(*mut c_void);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: the system allocated it for us and nothing refers to it any more.
        unsafe { LocalFree(self.0) };
    }
}

fn check(done: BOOL) -> io::Result<()> {
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
