//! Reads a service's log over rotated and current files, in the order of writing.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;

use super::LogError;
use super::cri::{self, Kind, Record};
use super::names::{Folder, Form, Key};

/// Tries at a consistent look at a folder that is being rotated.
const LOOKS: usize = 16;

/// What to read.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Begin with the last so many whole lines; `None`: with the oldest.
    pub lines: Option<u64>,
    /// Leave out what was read from the program before.
    pub since: Option<Timestamp>,
    /// The supervisor's remarks too.
    pub notes: bool,
}

/// Reads what is in the files of `service` in `dir` now.
pub fn read(dir: &Path, service: &str, options: &ReadOptions) -> Result<Reader, LogError> {
    let folder = Folder {
        dir: dir.to_owned(),
        service: service.to_owned(),
    };
    let snapshot = Snapshot::take(&folder)?;
    let mut reader = Reader::new(folder, snapshot, options)?;
    reader.left = options.lines;
    Ok(reader)
}

/// The records of a log, oldest first. Blocks on the disk. Lines that are not in the format are left
/// out, and so is a record that is being written.
#[derive(Debug)]
pub struct Reader {
    folder: Folder,
    keys: VecDeque<Key>,
    current: Option<Source>,
    source: Option<Source>,
    skip: u64,
    /// Whole lines still to come; those that are written meanwhile are not asked for. `None`: as
    /// many as there are.
    left: Option<u64>,
    pub(super) filter: Filter,
    line: Vec<u8>,
}

/// Which records are wanted.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) since: Option<Timestamp>,
    pub(super) notes: bool,
}

/// The files at one moment: `current` is the one that was written to after the newest of `keys`.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) keys: Vec<Key>,
    pub(super) current: Option<File>,
}

/// The lines of one file.
#[derive(Debug)]
pub(super) enum Source {
    Plain(BufReader<File>),
    Compressed(Box<BufReader<MultiGzDecoder<BufReader<File>>>>),
}

impl Snapshot {
    pub(super) fn take(folder: &Folder) -> Result<Self, LogError> {
        let fail = |source| LogError::Read {
            path: folder.dir.clone(),
            source,
        };
        let mut keys = folder.keys().map_err(fail)?;
        for _ in 0..LOOKS {
            let current = match File::open(folder.current()) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(source) => {
                    return Err(LogError::Read {
                        path: folder.current(),
                        source,
                    });
                }
            };
            let again = folder.keys().map_err(fail)?;
            if again.last() == keys.last() {
                // A file that is compressed during a listing can be missed under both its names,
                // but in one of the two listings only.
                keys.extend(again);
                keys.sort_unstable();
                keys.dedup();
                return Ok(Self { keys, current });
            }
            keys = again;
        }
        Err(fail(io::Error::other(
            "the log is rotated faster than it can be opened",
        )))
    }
}

impl Reader {
    pub(super) fn new(
        folder: Folder,
        snapshot: Snapshot,
        options: &ReadOptions,
    ) -> Result<Self, LogError> {
        let mut reader = Self {
            folder,
            keys: snapshot.keys.into(),
            current: snapshot.current.map(Source::plain),
            source: None,
            skip: 0,
            left: None,
            filter: Filter {
                since: options.since,
                notes: options.notes,
            },
            line: Vec::new(),
        };
        if let Some(lines) = options.lines {
            reader.seek_last(lines)?;
        }
        Ok(reader)
    }

    /// Leaves out all but the last `wanted` lines: counts from the newest file backwards.
    fn seek_last(&mut self, wanted: u64) -> Result<(), LogError> {
        let mut counted = 0;
        if let Some(source) = &mut self.current {
            counted = source
                .count()
                .and_then(|lines| source.rewind().map(|()| lines))
                .map_err(|source| LogError::Read {
                    path: self.folder.current(),
                    source,
                })?;
        }
        let mut first = self.keys.len();
        while counted < wanted && first > 0 {
            first -= 1;
            if let Some(mut source) = open(&self.folder, self.keys[first])? {
                counted += source.count().map_err(|source| LogError::Read {
                    path: self.folder.path(self.keys[first], Form::Plain),
                    source,
                })?;
            }
        }
        self.keys.drain(..first);
        self.skip = counted.saturating_sub(wanted);
        Ok(())
    }

    /// The next record.
    pub(super) fn next_record(&mut self) -> Result<Option<Record>, LogError> {
        loop {
            let Some(source) = &mut self.source else {
                self.source = match self.keys.pop_front() {
                    Some(key) => open(&self.folder, key)?,
                    None => match self.current.take() {
                        Some(current) => Some(current),
                        None => return Ok(None),
                    },
                };
                continue;
            };
            let whole = source
                .line(&mut self.line)
                .map_err(|source| LogError::Read {
                    path: self.folder.current(),
                    source,
                })?;
            if !whole {
                if self.keys.is_empty() && self.current.is_none() {
                    return Ok(None);
                }
                self.source = None;
                continue;
            }
            if self.skip > 0 {
                if cri::is_line(&self.line) {
                    self.skip -= 1;
                }
                continue;
            }
            if let Some(left) = &mut self.left
                && cri::is_line(&self.line)
            {
                match left.checked_sub(1) {
                    Some(fewer) => *left = fewer,
                    None => return Ok(None),
                }
            }
            if let Some(record) = self.filter.take(&self.line) {
                return Ok(Some(record));
            }
        }
    }

    /// Hands over the last file, read to its end, and the beginning of a line found there.
    pub(super) fn into_rest(self) -> (Option<Source>, Vec<u8>) {
        (self.source, self.line)
    }
}

impl Iterator for Reader {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

impl Filter {
    pub(super) fn take(&self, line: &[u8]) -> Option<Record> {
        let record = cri::parse(line)?;
        let wanted = self.since.is_none_or(|since| record.time >= since)
            && (self.notes || record.kind != Kind::Note);
        wanted.then_some(record)
    }
}

/// Opens a rotated file in whichever form it has by now; `None` when it has been removed.
pub(super) fn open(folder: &Folder, key: Key) -> Result<Option<Source>, LogError> {
    // A compression can replace the plain file between the two looks, and never the other way round.
    for form in [Form::Plain, Form::Compressed] {
        let path = folder.path(key, form);
        match File::open(&path) {
            Ok(file) if form == Form::Plain => return Ok(Some(Source::plain(file))),
            Ok(file) => return Ok(Some(Source::compressed(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(LogError::Read { path, source }),
        }
    }
    Ok(None)
}

impl Source {
    pub(super) fn plain(file: File) -> Self {
        Self::Plain(BufReader::with_capacity(64 * 1024, file))
    }

    fn compressed(file: File) -> Self {
        Self::Compressed(Box::new(BufReader::new(MultiGzDecoder::new(
            BufReader::new(file),
        ))))
    }

    /// Reads a line without its newline into `line`; false when there is no whole one, and then
    /// `line` has its beginning.
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        self.line_more(line)
    }

    /// Goes on with a line whose beginning is in `line`.
    pub(super) fn line_more(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        match self {
            Self::Plain(reader) => reader.read_until(b'\n', line)?,
            Self::Compressed(reader) => reader.read_until(b'\n', line)?,
        };
        let whole = line.last() == Some(&b'\n');
        if whole {
            line.pop();
        }
        Ok(whole)
    }

    fn count(&mut self) -> io::Result<u64> {
        let mut line = Vec::new();
        let mut lines = 0;
        while self.line(&mut line)? {
            lines += u64::from(cri::is_line(&line));
        }
        Ok(lines)
    }

    pub(super) fn rewind(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(reader) => io::Seek::rewind(reader),
            Self::Compressed(_) => Ok(()),
        }
    }

    /// Whether the file has become shorter than what was read of it.
    pub(super) fn was_truncated(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(reader) => {
                let at = io::Seek::stream_position(reader)?;
                Ok(reader.get_ref().metadata()?.len() < at)
            }
            Self::Compressed(_) => Ok(false),
        }
    }
}
