//! Files of frames: a header, then frames, then zeros.
//!
//! A frame is what one sync makes durable together: salt, length, checksum, payload. The salt is
//! the file's own random number. It marks where a frame begins, so that after a bad frame a later
//! good one can be looked for, and no value a user stores can pass for a frame. A bad frame with
//! nothing good after it is what a power cut leaves of the last, unsynced write; a bad frame with
//! a good one after it was synced once, and is damage.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

use super::disk::{Disk, DiskFile};

/// Which file it is; a log renamed to a snapshot's name is no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Log,
    Snapshot,
}

impl Kind {
    fn magic(self) -> [u8; 8] {
        match self {
            Self::Log => *b"STEADLG1",
            Self::Snapshot => *b"STEADSN1",
        }
    }

    pub(super) fn name(self, number: u64) -> String {
        match self {
            Self::Log => format!("log.{number:08}"),
            Self::Snapshot => format!("snapshot.{number:08}"),
        }
    }

    /// The number in a file name of this kind.
    pub(super) fn number(self, name: &str) -> Option<u64> {
        let prefix = match self {
            Self::Log => "log.",
            Self::Snapshot => "snapshot.",
        };
        let digits = name.strip_prefix(prefix)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())?
    }
}

/// Suffix of a file that is not finished.
pub(super) const UNFINISHED: &str = ".new";

/// Magic, number, salt, checksum.
const FILE_HEADER: usize = 28;
/// Salt, length, checksum.
const FRAME_HEADER: usize = 16;
/// Zeros written ahead in one go, so that most syncs change no file length. Tests pass more ends.
const EXTENT: usize = if cfg!(test) { 4 << 10 } else { 64 << 10 };

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("{0} does not begin like a file of the store")]
    Header(String),
    #[error("{file} is damaged at byte {at}")]
    Frame { file: String, at: u64 },
    #[error("{0} ends too early")]
    Short(String),
    #[error("{0} is missing")]
    Missing(String),
    #[error("{file} is damaged in the frame at byte {at}")]
    Record {
        file: String,
        at: u64,
        #[source]
        source: super::record::Malformed,
    },
    #[error("{file} jumps from revision {from} to {to}")]
    Gap { file: String, from: u64, to: u64 },
}

/// An open file of frames.
pub(super) struct FrameFile {
    file: Box<dyn DiskFile>,
    name: String,
    salt: u64,
    /// Where the next frame goes.
    end: u64,
    /// How far zeros (or frames) reach.
    extent: u64,
    buffer: Vec<u8>,
}

impl FrameFile {
    /// Creates the file under its unfinished name, durable except for the name.
    pub(super) fn create(disk: &dyn Disk, kind: Kind, number: u64) -> io::Result<Self> {
        let name = kind.name(number);
        let mut file = disk.create(&format!("{name}{UNFINISHED}"))?;
        // Each RandomState is keyed from the operating system's random numbers.
        let salt = RandomState::new().build_hasher().finish() | 1;
        let mut header = Vec::with_capacity(FILE_HEADER);
        header.extend_from_slice(&kind.magic());
        header.extend_from_slice(&number.to_le_bytes());
        header.extend_from_slice(&salt.to_le_bytes());
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        file.write_at(0, &header)?;
        Ok(Self {
            file,
            name,
            salt,
            end: FILE_HEADER as u64,
            extent: FILE_HEADER as u64,
            buffer: Vec::new(),
        })
    }

    /// Syncs the new file and gives it its name, durably.
    pub(super) fn finish(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.file.sync()?;
        disk.rename(&format!("{}{UNFINISHED}", self.name), &self.name)?;
        disk.sync_names()
    }

    /// Opens an existing file; the inner error is damage.
    pub(super) fn open(
        disk: &dyn Disk,
        kind: Kind,
        number: u64,
    ) -> io::Result<Result<Self, Damage>> {
        let name = kind.name(number);
        let mut file = disk.open(&name)?;
        let mut header = [0; FILE_HEADER];
        let read = file.read_at(0, &mut header)?;
        let (fields, sum) = header.split_at(FILE_HEADER - 4);
        if read < FILE_HEADER
            || fields[..8] != kind.magic()
            || fields[8..16] != number.to_le_bytes()
            || *sum != crc32fast::hash(fields).to_le_bytes()
        {
            return Ok(Err(Damage::Header(name)));
        }
        let mut salt = [0; 8];
        salt.copy_from_slice(&fields[16..24]);
        let extent = file.size()?;
        Ok(Ok(Self {
            file,
            name,
            salt: u64::from_le_bytes(salt),
            end: FILE_HEADER as u64,
            extent,
            buffer: Vec::new(),
        }))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Reads the next frame's payload; `None` where no good frame begins.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let mut header = [0; FRAME_HEADER];
        if self.file.read_at(self.end, &mut header)? < FRAME_HEADER {
            return Ok(None);
        }
        let Some((length, sum)) = self.parse(&header) else {
            return Ok(None);
        };
        if self.end + (FRAME_HEADER + length) as u64 > self.extent {
            return Ok(None);
        }
        self.buffer.resize(length, 0);
        let payload_at = self.end + FRAME_HEADER as u64;
        if self.file.read_at(payload_at, &mut self.buffer)? < length
            || checksum(self.salt, self.end, &self.buffer) != sum
        {
            return Ok(None);
        }
        self.end = payload_at + length as u64;
        Ok(Some(&self.buffer))
    }

    /// Looks at what follows the last good frame.
    pub(super) fn tail(&mut self) -> io::Result<Tail> {
        let length = usize::try_from(self.extent - self.end).unwrap_or(usize::MAX);
        let mut rest = vec![0; length];
        let read = self.file.read_at(self.end, &mut rest)?;
        rest.truncate(read);
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(Tail::Clean);
        }
        let salt = self.salt.to_le_bytes();
        let later_frame = memchr::memmem::find_iter(&rest, &salt).any(|place| {
            let Some(header) = rest.get(place..place + FRAME_HEADER) else {
                return false;
            };
            let mut fields = [0; FRAME_HEADER];
            fields.copy_from_slice(header);
            self.parse(&fields).is_some_and(|(length, sum)| {
                let payload = place + FRAME_HEADER;
                rest.get(payload..payload + length).is_some_and(|payload| {
                    checksum(self.salt, self.end + place as u64, payload) == sum
                })
            })
        });
        Ok(if later_frame {
            Tail::Damaged
        } else {
            Tail::Torn
        })
    }

    /// Cuts the file after the last good frame, durably.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        self.file.set_size(self.end)?;
        self.extent = self.end;
        self.file.sync()
    }

    /// Appends a frame. It counts only once [`FrameFile::sync`] has succeeded; after an error of
    /// either, [`FrameFile::rewind`] and [`FrameFile::cut`] take it back.
    pub(super) fn append(&mut self, payload: &[u8], ahead: Ahead) -> io::Result<()> {
        let length = u32::try_from(payload.len())
            .map_err(|_| io::Error::other("a frame is longer than 4 GiB"))?;
        self.buffer.clear();
        self.buffer.extend_from_slice(&self.salt.to_le_bytes());
        self.buffer.extend_from_slice(&length.to_le_bytes());
        let sum = checksum(self.salt, self.end, payload);
        self.buffer.extend_from_slice(&sum.to_le_bytes());
        self.buffer.extend_from_slice(payload);
        let next = self.end + self.buffer.len() as u64;
        if ahead == Ahead::Zeros && next > self.extent {
            self.buffer.resize(self.buffer.len() + EXTENT, 0);
        }
        self.file.write_at(self.end, &self.buffer)?;
        self.extent = self.extent.max(self.end + self.buffer.len() as u64);
        self.end = next;
        if self.buffer.capacity() > BUFFER_KEPT {
            self.buffer = Vec::new();
        }
        Ok(())
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// Forgets the frames from `end` on; they are in the file until it is cut.
    pub(super) fn rewind(&mut self, end: u64) {
        self.end = end;
    }

    fn parse(&self, header: &[u8; FRAME_HEADER]) -> Option<(usize, u32)> {
        let (salt, rest) = header.split_at(8);
        let (length, sum) = rest.split_at(4);
        let length = u32::from_le_bytes(length.try_into().ok()?);
        let sum = u32::from_le_bytes(sum.try_into().ok()?);
        (salt == self.salt.to_le_bytes()).then_some((usize::try_from(length).ok()?, sum))
    }
}

/// Room for frames that is kept between groups.
const BUFFER_KEPT: usize = 128 << 10;

/// Whether zeros are written ahead of the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    Zeros,
    Nothing,
}

/// What follows the last good frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Zeros or nothing.
    Clean,
    /// The remains of a write that was never synced.
    Torn,
    /// A good frame after a bad one.
    Damaged,
}

/// Covers the place too: a frame is good only where it was written.
fn checksum(salt: u64, at: u64, payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&salt.to_le_bytes());
    sum.update(&at.to_le_bytes());
    sum.update(payload);
    sum.finalize()
}
