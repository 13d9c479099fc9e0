//! An event source's key in the registry, by which the viewer finds the texts.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::ptr;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_SUCCESS, WIN32_ERROR,
};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, KEY_QUERY_VALUE, KEY_SET_VALUE, REG_DWORD, REG_EXPAND_SZ,
    REG_OPTION_NON_VOLATILE, REG_SZ, RRF_NOEXPAND, RRF_RT_REG_EXPAND_SZ, RRF_RT_REG_SZ,
    RegCloseKey, RegCreateKeyExW, RegDeleteKeyW, RegGetValueW, RegOpenKeyExW, RegSetValueExW,
};

use super::record::{SourceError, check_source};
use crate::wide;

/// The application log's sources.
const SOURCES: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application";

/// Errors, warnings and information.
const TYPES: u32 = 1 | 2 | 4;

/// The value that says whose key it is, and its content.
const OWNER: &str = "RegisteredBy";
const STEAD: &str = "stead";

/// The longest path that is read back, in UTF-16 units.
const PATH_MAX: usize = 32_768;

/// What [`register`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The source is new.
    Created,
    /// The source was there with another executable.
    Changed,
    /// Everything was as it should be.
    Unchanged,
}

/// What [`unregister`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unregistered {
    /// The source is gone.
    Removed,
    /// There was none.
    Absent,
    /// The source is some other program's, and is still there.
    NotOurs,
}

/// Why an event source could not be registered or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistrationError {
    /// It cannot be the name of one.
    #[error(transparent)]
    Name(#[from] SourceError),
    /// Only administrators may.
    #[error("no right to change the event source {0}")]
    Denied(String),
    /// Some other program has registered a source of this name.
    #[error("the event source {name} belongs to another program: its texts are in {}", .file.display())]
    Taken {
        /// The source.
        name: String,
        /// Where that program has its texts.
        file: PathBuf,
    },
    /// The registry does not do as it should.
    #[error("cannot {operation} the event source {name}")]
    Registry {
        /// What was tried.
        operation: &'static str,
        /// The source.
        name: String,
        /// Why not.
        source: io::Error,
    },
}

/// Registers `name` as a source of the application log whose texts are in the executable at
/// `file`, an absolute path. Asks for an administrator's rights.
///
/// A source that some other program registered is left as it is, which is an error.
pub fn register(name: &str, file: &Path) -> Result<Registered, RegistrationError> {
    check_source(name)?;
    let before = read(name)?;
    let done = match &before {
        None => Registered::Created,
        Some(source) if !source.ours => {
            return Err(RegistrationError::Taken {
                name: name.to_owned(),
                file: source.file.clone().unwrap_or_default(),
            });
        }
        Some(source) if source.file.as_deref() == Some(file) => return Ok(Registered::Unchanged),
        Some(_) => Registered::Changed,
    };
    let failed = |error| explain("register", name, error);
    let key = create(name).map_err(failed)?;
    // The owner first: if one of the others fails, the key is known as ours the next time.
    set_text(&key, OWNER, REG_SZ, STEAD.as_ref()).map_err(failed)?;
    set_text(&key, "EventMessageFile", REG_EXPAND_SZ, file.as_os_str()).map_err(failed)?;
    set(&key, "TypesSupported", REG_DWORD, &TYPES.to_le_bytes()).map_err(failed)?;
    Ok(done)
}

/// Removes the source, if it is one that [`register`] made. Asks for an administrator's rights.
///
/// What was logged stays, but the viewer no longer finds its texts.
pub fn unregister(name: &str) -> Result<Unregistered, RegistrationError> {
    check_source(name)?;
    match read(name)? {
        None => return Ok(Unregistered::Absent),
        Some(source) if !source.ours => return Ok(Unregistered::NotOurs),
        Some(_) => {}
    }
    let path = path(name);
    // SAFETY: the path ends in NUL and outlives the call; the root is always open.
    match unsafe { RegDeleteKeyW(HKEY_LOCAL_MACHINE, path.as_ptr()) } {
        ERROR_SUCCESS => Ok(Unregistered::Removed),
        ERROR_FILE_NOT_FOUND => Ok(Unregistered::Absent),
        error => Err(explain("remove", name, error)),
    }
}

/// The executable that has the source's texts; `None` if there is no such source.
pub fn is_registered(name: &str) -> Result<Option<PathBuf>, RegistrationError> {
    check_source(name)?;
    Ok(read(name)?.map(|source| source.file.unwrap_or_default()))
}

/// What the registry says of a source.
struct Source {
    file: Option<PathBuf>,
    ours: bool,
}

fn read(name: &str) -> Result<Option<Source>, RegistrationError> {
    let path = path(name);
    let mut key = ptr::null_mut();
    // SAFETY: the path ends in NUL and outlives the call, as does `key`; the root is always open.
    let error = unsafe {
        RegOpenKeyExW(
            HKEY_LOCAL_MACHINE,
            path.as_ptr(),
            0,
            KEY_QUERY_VALUE,
            &raw mut key,
        )
    };
    match error {
        ERROR_SUCCESS => {}
        ERROR_FILE_NOT_FOUND => return Ok(None),
        error => return Err(explain("read", name, error)),
    }
    let key = Key(key);
    let text = |value| text(&key, value).map_err(|error| explain("read", name, error));
    Ok(Some(Source {
        file: text("EventMessageFile")?.map(PathBuf::from),
        ours: text(OWNER)?.is_some_and(|owner| owner == STEAD),
    }))
}

/// An open key.
struct Key(HKEY);

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the key is open, and nobody has it after this.
        unsafe { RegCloseKey(self.0) };
    }
}

fn create(name: &str) -> Result<Key, WIN32_ERROR> {
    let path = path(name);
    let mut key = ptr::null_mut();
    // SAFETY: the path ends in NUL and outlives the call, as does `key`; class, security and
    // disposition may be null.
    let error = unsafe {
        RegCreateKeyExW(
            HKEY_LOCAL_MACHINE,
            path.as_ptr(),
            0,
            ptr::null(),
            REG_OPTION_NON_VOLATILE,
            KEY_SET_VALUE,
            ptr::null(),
            &raw mut key,
            ptr::null_mut(),
        )
    };
    if error == ERROR_SUCCESS {
        Ok(Key(key))
    } else {
        Err(error)
    }
}

fn set_text(key: &Key, value: &str, kind: u32, text: &OsStr) -> Result<(), WIN32_ERROR> {
    let bytes: Vec<u8> = wide::with_nul(text)
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect();
    set(key, value, kind, &bytes)
}

fn set(key: &Key, value: &str, kind: u32, data: &[u8]) -> Result<(), WIN32_ERROR> {
    let value = wide::with_nul(value.as_ref());
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    // SAFETY: the key is open, the name ends in NUL, the data has the length that is given.
    let error = unsafe { RegSetValueExW(key.0, value.as_ptr(), 0, kind, data.as_ptr(), length) };
    if error == ERROR_SUCCESS {
        Ok(())
    } else {
        Err(error)
    }
}

/// A text of the key; `None` if it has none of that name.
fn text(key: &Key, value: &str) -> Result<Option<OsString>, WIN32_ERROR> {
    let value = wide::with_nul(value.as_ref());
    let mut units = vec![0_u16; PATH_MAX];
    let mut bytes = u32::try_from(units.len() * 2).unwrap_or(u32::MAX);
    // SAFETY: the key is open, the name ends in NUL, the buffer has the size that is given in
    // bytes, which outlives the call too; the function sees to the NUL at the end.
    let error = unsafe {
        RegGetValueW(
            key.0,
            ptr::null(),
            value.as_ptr(),
            RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND,
            ptr::null_mut(),
            units.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    match error {
        ERROR_SUCCESS => {
            units.truncate(bytes as usize / 2);
            while units.last() == Some(&0) {
                units.pop();
            }
            Ok(Some(OsString::from_wide(&units)))
        }
        ERROR_FILE_NOT_FOUND => Ok(None),
        error => Err(error),
    }
}

fn path(name: &str) -> Vec<u16> {
    wide::with_nul(format!(r"{SOURCES}\{name}").as_ref())
}

fn explain(operation: &'static str, name: &str, error: WIN32_ERROR) -> RegistrationError {
    if error == ERROR_ACCESS_DENIED {
        return RegistrationError::Denied(name.to_owned());
    }
    RegistrationError::Registry {
        operation,
        name: name.to_owned(),
        source: io::Error::from_raw_os_error(error.cast_signed()),
    }
}
