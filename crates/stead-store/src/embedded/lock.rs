//! One process per folder: a file the operating system locks for as long as its holder lives.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::StoreError;

const LOCK: &str = "lock";
/// The holder's process id. A file of its own, because Windows lets nobody read a locked one.
const PID: &str = "lock.pid";

/// Holds the folder until dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    // Closing the file releases the lock.
    _file: File,
    pid: PathBuf,
}

impl FolderLock {
    pub(super) fn acquire(folder: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Io {
            action: "lock",
            source,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(LOCK))
            .map_err(failed)?;
        let pid = folder.join(PID);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: folder.to_path_buf(),
                    pid: fs::read_to_string(pid)
                        .ok()
                        .and_then(|text| text.trim().parse().ok()),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        fs::write(&pid, format!("{}\n", std::process::id())).map_err(failed)?;
        Ok(Self { _file: file, pid })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A leftover would only name a process that is gone; the lock itself decides.
        let _ = fs::remove_file(&self.pid);
    }
}
