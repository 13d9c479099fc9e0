//! The data folder: one Stead at a time holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A data folder that this process holds until it is dropped, or dies.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

/// Why a data folder cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Another process has it.
    #[error("the data folder {} is in use{}", .path.display(), .pid.map(|pid| format!(" by stead (pid {pid})")).unwrap_or_default())]
    InUse {
        /// The folder.
        path: PathBuf,
        /// Who has it, where known.
        pid: Option<u32>,
    },
    /// It cannot be made or written.
    #[error("cannot use the data folder {}", .path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl DataFolder {
    /// Takes hold of a folder; makes it, for its owner alone, if it is not there.
    pub fn hold(path: &Path) -> Result<Self, FolderError> {
        let unusable = |source| FolderError::Unusable {
            path: path.to_owned(),
            source,
        };
        make_private(path).map_err(unusable)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(unusable)?;
        match lock_within(&file, PATIENCE) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(FolderError::InUse {
                    path: path.to_owned(),
                    pid: pid_in(path),
                });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // On Windows a locked file cannot be read by others, so the pid has a file of its own.
        write_atomically(&path.join("pid"), std::process::id().to_string().as_bytes())
            .map_err(unusable)?;
        Ok(Self {
            path: path.to_owned(),
            _lock: file,
        })
    }

    /// The process that holds a folder now, if one does.
    pub fn holder(path: &Path) -> Option<u32> {
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path.join("lock"))
            .ok()?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => pid_in(path),
            Ok(()) | Err(TryLockError::Error(_)) => None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file of the folder in one step: a reader sees the old or the new one.
    pub fn write(&self, name: &str, contents: &[u8]) -> io::Result<()> {
        write_atomically(&self.path.join(name), contents)
    }

    /// Removes a file of the folder; absent is no error.
    pub fn remove(&self, name: &str) {
        let _ = std::fs::remove_file(self.path.join(name));
    }
}

/// How long a process that was killed may take to let go of its lock.
const PATIENCE: Duration = Duration::from_millis(500);

/// Tries for some time: the lock of a process that has just been killed is there until the system
/// has taken all of it down, and tells nobody when it goes.
fn lock_within(file: &File, patience: Duration) -> Result<(), TryLockError> {
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            tried => return tried,
        }
    }
}

fn pid_in(folder: &Path) -> Option<u32> {
    std::fs::read_to_string(folder.join("pid"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn write_atomically(path: &Path, contents: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(contents)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::hold(folder.path()).unwrap();
        let refused = DataFolder::hold(folder.path()).unwrap_err();
        assert!(
            matches!(refused, FolderError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
            "{refused}"
        );
        assert_eq!(DataFolder::holder(folder.path()), Some(std::process::id()));
        drop(first);
        assert_eq!(DataFolder::holder(folder.path()), None);
        DataFolder::hold(folder.path()).unwrap();
    }
}
