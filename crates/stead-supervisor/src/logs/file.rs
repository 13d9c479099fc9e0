//! The file that is written to: opened, repaired, appended to, rotated.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use memchr::{memchr, memrchr};

use super::cri;
use super::names::{Folder, Key};

/// How far back a repair reads at a time.
const BACK: u64 = 64 * 1024;

/// The current file of a service and the rules of its rotation.
#[derive(Debug)]
pub(super) struct RotatingFile {
    folder: Folder,
    max_size: u64,
    max_age: Option<Duration>,
    file: Option<Appended>,
    last_key: Option<Key>,
    /// After a rename failed the file grows past its bound rather than lose a line.
    rotation_refused: Option<Timestamp>,
    /// Counts rotations, and openings that were not a part of one.
    pub(super) rotations: u64,
    pub(super) reopened: u64,
}

#[derive(Debug)]
struct Appended {
    file: File,
    len: u64,
    /// When the first record was read; `None` for an empty file.
    born: Option<Timestamp>,
    identity: Identity,
}

/// Records up to `written` are in the files; the others are not.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) written: usize,
    pub(super) source: io::Error,
}

impl RotatingFile {
    /// Opens, or creates, folder and file, and puts right what a kill or a power cut left behind.
    pub(super) fn open(
        folder: Folder,
        max_size: u64,
        max_age: Option<Duration>,
    ) -> io::Result<Self> {
        create_dir(&folder)?;
        let last_key = folder.list()?.last().map(|rotated| rotated.key);
        let file = Some(Appended::to(&folder)?);
        Ok(Self {
            folder,
            max_size: max_size.max(1),
            max_age,
            file,
            last_key,
            rotation_refused: None,
            rotations: 0,
            reopened: 0,
        })
    }

    pub(super) fn last_key(&self) -> Option<Key> {
        self.last_key
    }

    /// When the file reaches its age; `None` for an empty file or without a bound.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let born = self.file.as_ref()?.born?;
        born.checked_add(self.max_age?).ok()
    }

    /// Appends whole records read at `now`, rotating before a record that does not fit.
    pub(super) fn append(&mut self, records: &[u8], now: Timestamp) -> Result<(), Failed> {
        let mut written = 0;
        while written < records.len() {
            let rest = &records[written..];
            if let Err(source) = self.ensure_open() {
                return Err(Failed { written, source });
            }
            if self.due().is_some_and(|due| due <= now) && self.may_rotate(now) {
                if let Err(source) = self.rotate(now) {
                    return Err(Failed { written, source });
                }
                continue;
            }
            let Some(open) = &mut self.file else { continue };
            let room =
                usize::try_from(self.max_size.saturating_sub(open.len)).unwrap_or(usize::MAX);
            let take = fitting(rest, room, open.len == 0);
            if take == 0 && may_rotate(self.rotation_refused, now) {
                if let Err(source) = self.rotate(now) {
                    return Err(Failed { written, source });
                }
                continue;
            }
            let take = if take == 0 { rest.len() } else { take };
            match open.append(&rest[..take], now) {
                Ok(()) => written += take,
                Err(failed) => {
                    if open.is_torn() {
                        // Opening it again repairs it, or fails in its turn.
                        self.file = None;
                    }
                    return Err(Failed {
                        written: written + failed.written,
                        ..failed
                    });
                }
            }
        }
        Ok(())
    }

    /// Rotates a file that has reached its age.
    pub(super) fn rotate_if_due(&mut self, now: Timestamp) -> io::Result<()> {
        if self.due().is_some_and(|due| due <= now) && self.may_rotate(now) {
            self.rotate(now)?;
        }
        Ok(())
    }

    fn may_rotate(&self, now: Timestamp) -> bool {
        may_rotate(self.rotation_refused, now)
    }

    fn rotate(&mut self, now: Timestamp) -> io::Result<()> {
        let key = Key::after(self.last_key, now);
        // Closed first: Windows renames no file whose handle forbids it.
        self.file = None;
        match fs::rename(
            self.folder.current(),
            self.folder.path(key, super::names::Form::Plain),
        ) {
            Ok(()) => {
                self.last_key = Some(key);
                self.rotation_refused = None;
                self.rotations += 1;
                self.file = Some(Appended::to(&self.folder)?);
            }
            Err(error) => {
                self.rotation_refused = Some(now);
                tracing::warn!(service = self.folder.service, %error, "cannot rotate the log; it grows on");
            }
        }
        Ok(())
    }

    /// Opens the file again when somebody moved or deleted it, its folder perhaps with it.
    fn ensure_open(&mut self) -> io::Result<()> {
        if let Some(open) = &mut self.file {
            if open.identity.is_at(&self.folder, &mut open.len) {
                return Ok(());
            }
            self.reopened += 1;
        }
        self.file = None;
        create_dir(&self.folder)?;
        self.file = Some(Appended::to(&self.folder)?);
        Ok(())
    }
}

fn may_rotate(refused: Option<Timestamp>, now: Timestamp) -> bool {
    refused.is_none_or(|at| now.duration_since(at).unsigned_abs() >= Duration::from_secs(1))
}

/// How many bytes of `records` go into a file with `room` left, in whole records.
fn fitting(records: &[u8], room: usize, empty: bool) -> usize {
    if records.len() <= room {
        return records.len();
    }
    match memrchr(b'\n', &records[..room]) {
        Some(end) => end + 1,
        // A record longer than any file gets a file of its own.
        None if empty => memchr(b'\n', records).map_or(records.len(), |end| end + 1),
        None => 0,
    }
}

impl Appended {
    fn to(folder: &Folder) -> io::Result<Self> {
        let path = folder.current();
        let mut file = options().open(&path)?;
        let len = repair(&mut file)?;
        let born = if len == 0 {
            None
        } else {
            Some(first_time(&mut file)?)
        };
        file.seek(SeekFrom::End(0))?;
        let identity = Identity::of(&file)?;
        Ok(Self {
            file,
            len,
            born,
            identity,
        })
    }

    fn append(&mut self, records: &[u8], now: Timestamp) -> Result<(), Failed> {
        let mut written = 0;
        while written < records.len() {
            match self.file.write(&records[written..]) {
                Ok(0) => return Err(self.fail(records, written, io::ErrorKind::WriteZero.into())),
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.fail(records, written, error)),
            }
        }
        self.len += records.len() as u64;
        self.born.get_or_insert(now);
        Ok(())
    }

    /// Takes a half-written record back.
    fn fail(&mut self, records: &[u8], written: usize, source: io::Error) -> Failed {
        let whole = memrchr(b'\n', &records[..written]).map_or(0, |end| end + 1);
        let len = self.len + whole as u64;
        if whole != written
            && (self.file.set_len(len).is_err() || self.file.seek(SeekFrom::Start(len)).is_err())
        {
            self.len = u64::MAX;
        } else {
            self.len = len;
        }
        Failed {
            written: whole,
            source,
        }
    }

    fn is_torn(&self) -> bool {
        self.len == u64::MAX
    }
}

fn create_dir(folder: &Folder) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o750);
    builder.create(&folder.dir)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).create(true);
    #[cfg(unix)]
    {
        // Appending leaves a file whole that somebody else truncates (logrotate's copytruncate).
        options.append(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    }
    // An appending handle may not shorten its file on Windows, which a full disk makes necessary.
    #[cfg(not(unix))]
    options.write(true);
    options
}

/// Ends a record that was cut off, and gives the length. Its bytes are kept as a part of a line when
/// its header is whole; else it is taken away.
fn repair(file: &mut File) -> io::Result<u64> {
    let len = file.metadata()?.len();
    let mut start = len;
    let mut tail = Vec::new();
    while start > 0 {
        let from = start.saturating_sub(BACK);
        let mut piece = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        Read::by_ref(file)
            .take(start - from)
            .read_to_end(&mut piece)?;
        if let Some(end) = memrchr(b'\n', &piece) {
            tail.splice(..0, piece.drain(end + 1..));
            start = from + end as u64 + 1;
            break;
        }
        tail.splice(..0, piece);
        start = from;
    }
    if tail.is_empty() {
        return Ok(len);
    }
    let tag = cri::cut_off_tag(&tail);
    file.set_len(start)?;
    let Some(tag) = tag else { return Ok(start) };
    tail[tag] = b'P';
    tail.push(b'\n');
    file.seek(SeekFrom::Start(start))?;
    file.write_all(&tail)?;
    Ok(start + tail.len() as u64)
}

/// The time of the first record; now, if the file does not begin with one.
fn first_time(file: &mut File) -> io::Result<Timestamp> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    Read::by_ref(file).take(40).read_to_end(&mut head)?;
    let now = || Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::MAX);
    Ok(cri::parse(&head).map_or_else(now, |record| record.time))
}

/// Tells whether the file at the path is still the one that was opened.
#[derive(Debug)]
struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Identity {
    #[cfg(unix)]
    fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let meta = file.metadata()?;
        Ok(Self {
            device: meta.dev(),
            inode: meta.ino(),
        })
    }

    #[cfg(unix)]
    fn is_at(&self, folder: &Folder, len: &mut u64) -> bool {
        use std::os::unix::fs::MetadataExt;
        let Ok(meta) = fs::metadata(folder.current()) else {
            return false;
        };
        *len = meta.len();
        meta.dev() == self.device && meta.ino() == self.inode
    }

    // Windows keeps an open file's name from anybody who did not ask to share its deletion.
    #[cfg(not(unix))]
    fn of(_: &File) -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    fn is_at(&self, folder: &Folder, len: &mut u64) -> bool {
        let Ok(meta) = fs::metadata(folder.current()) else {
            return false;
        };
        *len = meta.len();
        true
    }
}
