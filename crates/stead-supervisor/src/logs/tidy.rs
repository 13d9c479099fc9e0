//! Keeps the rotated files in order: removes what is past `keep`, compresses the rest, finishes or
//! removes what a kill left behind. One low-priority thread does it for all services, one file at a time.
//!
//! A chore looks at the folder, not at what happened: a request that was lost with a killed process is
//! made good by the next. The order of the steps makes each point a sane place to be killed at: the
//! `.gz` gets its name after its bytes are on the disk, and the plain file goes after that.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::names::{Folder, Form, Key, Rotated};
use super::service::lock;

/// What is to be done in one service's folder.
#[derive(Debug)]
pub(super) struct Chore {
    pub(super) folder: Folder,
    pub(super) keep: usize,
    pub(super) compress: bool,
    queued: AtomicBool,
}

/// The thread, started with the first chore, and its queue, which holds a service at most once.
#[derive(Debug)]
pub(super) struct Tidier {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<VecDeque<Arc<Chore>>>,
    more: Condvar,
    stop: AtomicBool,
}

impl Chore {
    pub(super) fn new(folder: Folder, keep: usize, compress: bool) -> Self {
        Self {
            folder,
            keep,
            compress,
            queued: AtomicBool::new(false),
        }
    }
}

impl Tidier {
    pub(super) fn new() -> Self {
        let shared = Shared {
            queue: Mutex::new(VecDeque::new()),
            more: Condvar::new(),
            stop: AtomicBool::new(false),
        };
        Self {
            shared: Arc::new(shared),
            thread: Mutex::new(None),
        }
    }

    /// Has the chore done soon.
    pub(super) fn request(&self, chore: &Arc<Chore>) {
        if chore.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        lock(&self.shared.queue).push_back(Arc::clone(chore));
        let mut thread = lock(&self.thread);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new()
                .name("stead-log-tidy".into())
                .spawn(move || shared.run());
            match started {
                Ok(handle) => *thread = Some(handle),
                Err(error) => tracing::warn!(%error, "cannot start the thread that tidies logs"),
            }
        }
        self.shared.more.notify_one();
    }

    /// Ends the thread; a compression under way is given up and done by the next run.
    pub(super) fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        // Under the lock, so that the thread cannot go to sleep between its look and this call.
        drop(lock(&self.shared.queue));
        self.shared.more.notify_all();
        if let Some(thread) = lock(&self.thread).take() {
            // Its panic has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        #[cfg(target_os = "linux")]
        let _ = stead_os::readiness::lower_thread_priority();
        loop {
            let mut queue = lock(&self.queue);
            let chore = loop {
                if self.stopping() {
                    return;
                }
                if let Some(chore) = queue.pop_front() {
                    break chore;
                }
                let woken = self.more.wait(queue);
                queue = woken.unwrap_or_else(PoisonError::into_inner);
            };
            drop(queue);
            // Cleared first: a rotation from here on asks again.
            chore.queued.store(false, Ordering::Release);
            if let Err(error) = tidy(&chore, &|| self.stopping()) {
                let service = &chore.folder.service;
                tracing::warn!(service, %error, "cannot tidy the rotated logs");
            }
        }
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Does one chore to its end, or until `stopping`.
pub(super) fn tidy(chore: &Chore, stopping: &dyn Fn() -> bool) -> io::Result<()> {
    let folder = &chore.folder;
    let mut failed = Vec::new();
    while !stopping() {
        let found = folder.list()?;
        for rotated in &found {
            if rotated.form == Form::Unfinished {
                remove(folder, rotated.key, Form::Unfinished)?;
            }
        }
        let kept = drop_surplus(chore)?;
        let has = |key, form| found.contains(&Rotated { key, form });
        for &key in &kept {
            if has(key, Form::Plain) && has(key, Form::Compressed) {
                remove(folder, key, Form::Plain)?;
            }
        }
        // One at a time, and then a new look: rotations go on meanwhile, and the oldest go unread.
        let next = kept.iter().find(|&&key| {
            has(key, Form::Plain) && !has(key, Form::Compressed) && !failed.contains(&key)
        });
        let (true, Some(&key)) = (chore.compress, next) else {
            break;
        };
        if let Err(error) = compress(chore, key, stopping) {
            // The plain file stays, and is as good.
            remove(folder, key, Form::Unfinished)?;
            if !stopping() && error.kind() != io::ErrorKind::Interrupted {
                let service = &folder.service;
                tracing::warn!(service, %error, "cannot compress a rotated log; it is kept as it is");
            }
            failed.push(key);
        }
    }
    Ok(())
}

/// Removes the oldest files past `keep`; the keys of the others.
fn drop_surplus(chore: &Chore) -> io::Result<Vec<Key>> {
    let mut keys = chore.folder.keys()?;
    let kept = keys.split_off(keys.len().saturating_sub(chore.keep));
    for key in keys {
        remove(&chore.folder, key, Form::Plain)?;
        remove(&chore.folder, key, Form::Compressed)?;
    }
    Ok(kept)
}

fn compress(chore: &Chore, key: Key, stopping: &dyn Fn() -> bool) -> io::Result<()> {
    let folder = &chore.folder;
    let plain = folder.path(key, Form::Plain);
    let unfinished = folder.path(key, Form::Unfinished);
    let mut source = File::open(&plain)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    let mut encoder = GzEncoder::new(options.open(&unfinished)?, Compression::default());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if stopping() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        // Files that were rotated meanwhile do not wait for this one: a flood must not outgrow
        // `keep`. The request itself stays in the queue.
        if chore.queued.load(Ordering::Acquire) && !drop_surplus(chore)?.contains(&key) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => encoder.write_all(&buffer[..bytes])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    encoder.finish()?.sync_all()?;
    fs::rename(&unfinished, folder.path(key, Form::Compressed))?;
    remove(folder, key, Form::Plain)
}

fn remove(folder: &Folder, key: Key, form: Form) -> io::Result<()> {
    match fs::remove_file(folder.path(key, form)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
