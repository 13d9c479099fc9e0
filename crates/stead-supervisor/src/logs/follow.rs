//! Follows a log that is being written by this process: told of each write, never polling.
//!
//! The follower holds the current file open and counts rotations as the writer publishes them. When
//! the count has risen, the file it holds is final: it reads that to its end, goes through the files
//! rotated since, and takes up the new current one.

use tokio::sync::watch;

use super::LogError;
use super::cri::Record;
use super::names::{Folder, Key};
use super::read::{Filter, ReadOptions, Reader, Snapshot, Source};
use super::service::{Position, Service};

/// Records handed out at a time, and the bytes in them after which there are no more.
const RECORDS: usize = 1024;
const BYTES: usize = 256 * 1024;

/// Looks at the folder until it agrees with what the writer has published, which follows its
/// renaming within microseconds.
const LOOKS: usize = 10_000;

/// The records of a log as they come. Made by [`super::ServiceLog::follow`].
#[derive(Debug)]
pub struct Follower {
    position: watch::Receiver<Position>,
    /// `None` only while a read is under way, or after one panicked.
    cursor: Option<Box<Cursor>>,
}

#[derive(Debug)]
struct Cursor {
    folder: Folder,
    position: watch::Receiver<Position>,
    filter: Filter,
    /// What is read before `source` goes on.
    reader: Option<Reader>,
    source: Option<Source>,
    /// The beginning of a line that is still being written to the file.
    line: Vec<u8>,
    seen: Position,
}

impl Follower {
    pub(super) fn open(service: &Service, options: &ReadOptions) -> Result<Self, LogError> {
        let Some(folder) = service.folder.clone() else {
            return Err(LogError::Unavailable);
        };
        let mut position = service.position.subscribe();
        let (seen, snapshot) = look(&folder, &mut position)?;
        let reader = Reader::new(folder.clone(), snapshot, options)?;
        let cursor = Cursor {
            folder,
            position: position.clone(),
            filter: reader.filter.clone(),
            reader: Some(reader),
            source: None,
            line: Vec::new(),
            seen,
        };
        Ok(Self {
            position,
            cursor: Some(Box::new(cursor)),
        })
    }

    /// The next records, as soon as there is one; none at all when the log was closed. Cancel-safe
    /// only in that it may be dropped with the follower.
    pub async fn next(&mut self) -> Result<Vec<Record>, LogError> {
        loop {
            self.position.borrow_and_update();
            let Some(mut cursor) = self.cursor.take() else {
                return Err(LogError::Unavailable);
            };
            let read = tokio::task::spawn_blocking(move || {
                let batch = cursor.batch();
                (cursor, batch)
            });
            let (cursor, batch) = read.await.map_err(|_| LogError::Unavailable)?;
            self.cursor = Some(cursor);
            let batch = batch?;
            // The end of the log is told once everything before it was.
            if !batch.is_empty() || self.position.changed().await.is_err() {
                return Ok(batch);
            }
        }
    }
}

impl Cursor {
    /// What there is, up to the bounds of a batch.
    fn batch(&mut self) -> Result<Vec<Record>, LogError> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        loop {
            // Taken before the read: a file is final if it was rotated before it was read to its end.
            let position = *self.position.borrow_and_update();
            while batch.len() < RECORDS && bytes < BYTES {
                match self.record()? {
                    Some(record) => {
                        bytes += record.content.len();
                        batch.push(record);
                    }
                    None => break,
                }
            }
            if !batch.is_empty() || !self.advance(position)? {
                return Ok(batch);
            }
        }
    }

    fn record(&mut self) -> Result<Option<Record>, LogError> {
        if let Some(reader) = &mut self.reader {
            if let Some(record) = reader.next_record()? {
                return Ok(Some(record));
            }
            if let Some((source, line)) = self.reader.take().map(Reader::into_rest) {
                self.source = source;
                self.line = line;
            }
        }
        let fail = |source| LogError::Read {
            path: self.folder.current(),
            source,
        };
        let Some(source) = &mut self.source else {
            return Ok(None);
        };
        if source.was_truncated().map_err(fail)? {
            source.rewind().map_err(fail)?;
            self.line.clear();
        }
        while source.line_more(&mut self.line).map_err(fail)? {
            let record = self.filter.take(&self.line);
            self.line.clear();
            if record.is_some() {
                return Ok(record);
            }
        }
        Ok(None)
    }

    /// Goes on to the files after the one that was read to its end; false when there is none yet.
    fn advance(&mut self, position: Position) -> Result<bool, LogError> {
        let same_file =
            position.rotations == self.seen.rotations && position.reopened == self.seen.reopened;
        if same_file && (self.source.is_some() || position.writes == self.seen.writes) {
            return Ok(false);
        }
        let before = self.seen;
        let (seen, mut snapshot) = look(&self.folder, &mut self.position)?;
        snapshot
            .keys
            .retain(|key| before.last_key.is_none_or(|last| *key > last));
        let rotated = seen.rotations - before.rotations;
        let ours_is_there = self.source.is_some()
            && seen.reopened == before.reopened
            && snapshot.keys.len() as u64 == rotated;
        if ours_is_there {
            // Had older ones been removed meanwhile, ours would have been among them.
            snapshot.keys.remove(0);
        }
        self.seen = seen;
        self.source = None;
        self.line.clear();
        let options = ReadOptions {
            lines: None,
            since: self.filter.since,
            notes: self.filter.notes,
        };
        self.reader = Some(Reader::new(self.folder.clone(), snapshot, &options)?);
        Ok(true)
    }
}

/// A look at the folder that agrees with a published position.
fn look(
    folder: &Folder,
    position: &mut watch::Receiver<Position>,
) -> Result<(Position, Snapshot), LogError> {
    for _ in 0..LOOKS {
        let seen = *position.borrow_and_update();
        let snapshot = Snapshot::take(folder)?;
        let newest: Option<Key> = snapshot.keys.last().copied();
        if newest <= seen.last_key {
            return Ok((seen, snapshot));
        }
        std::thread::yield_now();
    }
    let source = std::io::Error::other("files newer than the log's own are in its folder");
    Err(LogError::Read {
        path: folder.dir.clone(),
        source,
    })
}
