//! The machine itself.

use std::io;
use std::path::{Path, PathBuf};

/// The machine's name, without its domain; `localhost` where it has none.
pub fn name() -> String {
    let full = full_name().unwrap_or_default();
    let short = full.split('.').next().unwrap_or_default();
    if short.is_empty() {
        "localhost".to_owned()
    } else {
        short.to_owned()
    }
}

#[cfg(unix)]
fn full_name() -> Option<String> {
    rustix::system::uname()
        .nodename()
        .to_str()
        .ok()
        .map(str::to_owned)
}

#[cfg(not(unix))]
fn full_name() -> Option<String> {
    std::env::var("COMPUTERNAME")
        .ok()
        .map(|name| name.to_lowercase())
}

/// The most descriptors this process may have open; `None`: no limit is known.
#[cfg(unix)]
pub fn open_files_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

/// The most descriptors this process may have open; `None`: no limit is known.
#[cfg(not(unix))]
pub fn open_files_limit() -> Option<u64> {
    None
}

/// Where this user's sockets and records of what runs are: `/run/stead` for root,
/// `$XDG_RUNTIME_DIR/stead`, or a folder in the temporary one.
#[cfg(unix)]
pub fn runtime_folder() -> PathBuf {
    let user = rustix::process::geteuid();
    if user.is_root() {
        return PathBuf::from("/run/stead");
    }
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        Some(folder) if folder.is_absolute() => folder.join("stead"),
        _ => std::env::temp_dir().join(format!("stead-{}", user.as_raw())),
    }
}

/// Where this user's records of what runs are.
#[cfg(not(unix))]
pub fn runtime_folder() -> PathBuf {
    std::env::temp_dir().join("stead")
}

/// Makes a folder for its owner alone. One that is there must be this user's own.
#[cfg(unix)]
pub fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};

    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = std::fs::symlink_metadata(folder)?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        let why = format!("{} belongs to somebody else", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    Ok(())
}

/// Makes a folder, which Windows puts under the user's own profile.
#[cfg(not(unix))]
pub fn make_private(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// The name of an account by its number, as `/etc/passwd` has it; `uid 1000` where it has none.
#[cfg(unix)]
pub fn user_name(user: u32) -> String {
    std::fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|accounts| {
            accounts.lines().find_map(|line| {
                let mut fields = line.split(':');
                let (name, number) = (fields.next()?, fields.nth(1)?);
                (number.parse() == Ok(user)).then(|| name.to_owned())
            })
        })
        .unwrap_or_else(|| format!("uid {user}"))
}
