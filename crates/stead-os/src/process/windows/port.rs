//! The completion port on which every job reports that its last process is gone.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::IO::{
    CreateIoCompletionPort, GetQueuedCompletionStatus, PostQueuedCompletionStatus,
};
use windows_sys::Win32::System::SystemServices::JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO;
use windows_sys::Win32::System::Threading::INFINITE;

use super::job::{Job, check};
use super::{KILLED, Tree};

/// The key under which no job reports: the owner's request to end.
const END: usize = 0;

/// How long the end of a launcher waits for killed trees to be gone, in milliseconds between
/// two reports.
const LAST_REPORTS: u32 = 2_000;

/// The port and the thread that listens to it.
pub(super) struct Port {
    trees: Arc<Trees>,
    listener: Option<JoinHandle<()>>,
}

/// The trees that have not reported their end, by the key they report under.
pub(super) struct Trees {
    port: OwnedHandle,
    next: AtomicUsize,
    /// What the name of each run starts with: no other launcher has it, in this process or later.
    prefix: String,
    running: Mutex<HashMap<usize, Arc<Tree>>>,
}

impl Port {
    pub(super) fn start() -> io::Result<Self> {
        // SAFETY: this combination of arguments makes a new port that has no file.
        let port = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, ptr::null_mut(), 0, 1) };
        if port.is_null() {
            return Err(io::Error::last_os_error());
        }
        let trees = Arc::new(Trees {
            // SAFETY: the call above returned this handle, and nothing else owns it.
            port: unsafe { OwnedHandle::from_raw_handle(port) },
            next: AtomicUsize::new(END + 1),
            prefix: prefix(),
            running: Mutex::default(),
        });
        let listener = std::thread::Builder::new()
            .name("stead-jobs".to_owned())
            .spawn({
                let trees = Arc::clone(&trees);
                move || trees.listen()
            })?;
        Ok(Self {
            trees,
            listener: Some(listener),
        })
    }

    pub(super) fn trees(&self) -> Arc<Trees> {
        Arc::clone(&self.trees)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        for tree in self.trees.all() {
            if let Err(error) = tree.job.terminate(KILLED) {
                tracing::error!(%error, "cannot terminate a job object");
            }
        }
        // SAFETY: the port is open; no overlapped structure goes with the packet.
        let told = check(unsafe {
            PostQueuedCompletionStatus(self.trees.port.as_raw_handle(), 0, END, ptr::null())
        });
        match told {
            Ok(()) => {
                if let Some(listener) = self.listener.take() {
                    // It ends by itself, and a panic in it was reported when it happened.
                    let _ = listener.join();
                }
            }
            Err(error) => tracing::error!(%error, "cannot end the thread that watches jobs"),
        }
    }
}

impl Trees {
    /// Has a job report here; the key is for [`Trees::add`].
    pub(super) fn associate(&self, job: &Job) -> io::Result<usize> {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        job.report_to(&self.port, key)?;
        Ok(key)
    }

    /// The name of the run that reports under `key`.
    pub(super) fn invocation(&self, key: usize) -> OsString {
        format!("{}-{key}", self.prefix).into()
    }

    /// Keeps a tree until its job reports its end. To be called before its process exists.
    pub(super) fn add(&self, key: usize, tree: &Arc<Tree>) {
        self.lock().insert(key, Arc::clone(tree));
    }

    pub(super) fn forget(&self, key: usize) {
        let forgotten = self.lock().remove(&key);
        drop(forgotten);
    }

    fn all(&self) -> Vec<Arc<Tree>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<usize, Arc<Tree>>> {
        // Nothing panics while it is held, and a map is whole between its operations anyway.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self) {
        let mut timeout = INFINITE;
        loop {
            let (mut message, mut key, mut process) = (0, END, ptr::null_mut());
            // SAFETY: the port is open and everything written to outlives the call.
            let received = check(unsafe {
                GetQueuedCompletionStatus(
                    self.port.as_raw_handle(),
                    &raw mut message,
                    &raw mut key,
                    &raw mut process,
                    timeout,
                )
            });
            match received {
                Ok(()) if key == END => timeout = LAST_REPORTS,
                Ok(()) if message == JOB_OBJECT_MSG_ACTIVE_PROCESS_ZERO => {
                    let tree = self.lock().remove(&key);
                    if let Some(tree) = tree {
                        tree.empty.send_replace(true);
                    }
                }
                Ok(()) => {}
                Err(error) => {
                    if timeout == INFINITE {
                        tracing::error!(%error, "cannot hear of process trees any more");
                    }
                    for tree in self.all() {
                        tree.notice_empty();
                    }
                    return;
                }
            }
            if timeout != INFINITE && self.lock().is_empty() {
                return;
            }
        }
    }
}

/// The clock counts in 100 ns: two launchers of one process differ by it, and two processes of one
/// id by their times.
fn prefix() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{}-{:x}", std::process::id(), now.as_nanos())
}
