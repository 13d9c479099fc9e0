//! One service's log: files, counters, and what happens while the disk refuses.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use memchr::memchr_iter;
use tokio::sync::watch;

use super::cri::{Clock, Stream};
use super::file::{Failed, RotatingFile};
use super::names::{Folder, Key};
use super::pass::PassThrough;
use super::tidy::{Chore, Tidier};

/// Least time between two attempts on a disk that refuses.
const RETRY: Duration = Duration::from_secs(1);

/// Counters of one service's log since it was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogStatus {
    /// Bytes read from the program.
    pub bytes: u64,
    /// Lines that ended among them.
    pub lines: u64,
    /// Records (lines and parts of lines) that no file took.
    pub dropped: u64,
    /// The last reason a record or remark was not written.
    pub last_error: Option<String>,
}

/// Where the writer is, for those who follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) rotations: u64,
    pub(super) reopened: u64,
    pub(super) last_key: Option<Key>,
    /// Rises with each write.
    pub(super) writes: u64,
}

/// What the capturing side and the handles share.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) folder: Option<Folder>,
    bytes: AtomicU64,
    lines: AtomicU64,
    dropped: AtomicU64,
    last_error: Mutex<Option<String>>,
    writer: Mutex<Writer>,
    pub(super) position: watch::Sender<Position>,
    /// Pipes that are being read.
    pub(super) pipes: watch::Sender<usize>,
}

#[derive(Debug)]
struct Writer {
    file: Option<RotatingFile>,
    pass: Option<PassThrough>,
    tidy: Option<(Arc<Tidier>, Arc<Chore>)>,
    outage: Option<Outage>,
    /// Rotations the tidier has been told of.
    tidied: u64,
}

/// Records dropped since the disk last took one.
#[derive(Debug)]
struct Outage {
    dropped: u64,
    reason: String,
    retry: Timestamp,
}

impl Service {
    pub(super) fn new(
        name: String,
        folder: Option<Folder>,
        file: Option<RotatingFile>,
        pass: Option<PassThrough>,
        tidy: Option<(Arc<Tidier>, Arc<Chore>)>,
    ) -> Self {
        let last_key = file.as_ref().and_then(RotatingFile::last_key);
        let position = Position {
            rotations: 0,
            reopened: 0,
            last_key,
            writes: 0,
        };
        Self {
            name,
            folder,
            bytes: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            last_error: Mutex::new(None),
            writer: Mutex::new(Writer {
                file,
                pass,
                tidy,
                outage: None,
                tidied: 0,
            }),
            position: watch::Sender::new(position),
            pipes: watch::Sender::new(0),
        }
    }

    /// Counts bytes that were read, and passes them through if asked.
    pub(super) fn captured(&self, stream: Stream, bytes: &[u8], lines: u64) {
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.lines.fetch_add(lines, Ordering::Relaxed);
        let mut writer = self.writer();
        if let Some(pass) = &mut writer.pass
            && let Err(error) = pass.write(stream, bytes)
        {
            drop(writer);
            self.report(&error);
        }
    }

    /// Appends whole records read at `now`; drops and counts them when that fails.
    pub(super) fn append(&self, records: &[u8], clock: &mut Clock, now: SystemTime) {
        if records.is_empty() {
            return;
        }
        let mut guard = self.writer();
        let writer = &mut *guard;
        let Some(file) = &mut writer.file else { return };
        let moment = Timestamp::try_from(now).unwrap_or(Timestamp::MAX);
        let mut failed = None;
        let mut rest = records;
        if let Some(outage) = &mut writer.outage {
            if moment < outage.retry && outage.retry.duration_since(moment).unsigned_abs() <= RETRY
            {
                let count = count(records);
                outage.dropped += count;
                drop(guard);
                self.dropped.fetch_add(count, Ordering::Relaxed);
                return;
            }
            let mut note = Vec::new();
            clock.note(now, &outage.remark(), &mut note);
            match file.append(&note, moment) {
                Ok(()) => writer.outage = None,
                Err(error) => failed = Some(error),
            }
        }
        if failed.is_none()
            && let Err(error) = file.append(records, moment)
        {
            rest = &records[error.written..];
            failed = Some(error);
        }
        writer.publish(&self.position);
        if let Some(Failed { source, .. }) = failed {
            let count = count(rest);
            let dropped = count + writer.outage.as_ref().map_or(0, |outage| outage.dropped);
            if writer.outage.is_none() {
                tracing::warn!(service = self.name, error = %source, "cannot write the log; output is dropped");
            }
            let retry = moment.checked_add(RETRY).unwrap_or(Timestamp::MAX);
            writer.outage = Some(Outage {
                dropped,
                reason: source.to_string(),
                retry,
            });
            drop(guard);
            self.dropped.fetch_add(count, Ordering::Relaxed);
            self.report(&source);
        }
    }

    /// Rotates when the file has reached its age, and says when that is next.
    pub(super) fn age(&self, now: Timestamp) -> Option<Timestamp> {
        let mut guard = self.writer();
        let writer = &mut *guard;
        let file = writer.file.as_mut()?;
        let due = file.due()?;
        if due > now {
            return Some(due);
        }
        let result = file.rotate_if_due(now);
        // A file that could not be rotated is tried again with the next output.
        writer.publish(&self.position);
        drop(guard);
        if let Err(error) = result {
            self.report(&error);
        }
        None
    }

    /// When the file reaches its age.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.writer().file.as_ref()?.due()
    }

    pub(super) fn status(&self) -> LogStatus {
        LogStatus {
            bytes: self.bytes.load(Ordering::Relaxed),
            lines: self.lines.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            last_error: lock(&self.last_error).clone(),
        }
    }

    pub(super) fn report(&self, error: &io::Error) {
        *lock(&self.last_error) = Some(error.to_string());
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        lock(&self.writer)
    }
}

impl Writer {
    /// Tells the followers where the file is now, and the tidier when it was rotated.
    fn publish(&mut self, position: &watch::Sender<Position>) {
        let Some(file) = &self.file else { return };
        if self.tidied != file.rotations
            && let Some((tidier, chore)) = &self.tidy
        {
            tidier.request(chore);
            self.tidied = file.rotations;
        }
        position.send_modify(|position| {
            position.rotations = file.rotations;
            position.reopened = file.reopened;
            position.last_key = file.last_key();
            position.writes += 1;
        });
    }
}

impl Outage {
    fn remark(&self) -> String {
        let records = if self.dropped == 1 {
            "record"
        } else {
            "records"
        };
        format!(
            "{} {records} of output dropped: {}",
            self.dropped, self.reason
        )
    }
}

fn count(records: &[u8]) -> u64 {
    memchr_iter(b'\n', records).count() as u64
}

/// A panic elsewhere leaves counters and files that are still true.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
