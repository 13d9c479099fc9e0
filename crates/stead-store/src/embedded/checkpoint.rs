//! Snapshots: the state of all logs up to a number in one file, so that those logs can go.
//!
//! A snapshot holds the entries as they were at the history's floor, the leases, and the history
//! as commits. Loading one is therefore nothing but replaying records, like a log.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::disk::Disk;
use super::frame::{Ahead, FrameFile, Kind, UNFINISHED};
use super::record::{Record, encode_commit};
use super::state::{self, Entries, Held, Past, State};
use crate::{KeyRange, LeaseId, Revision};

/// Payload of one frame of a snapshot, roughly.
const FRAME: usize = 256 << 10;

/// What goes into a snapshot; taking it shares everything with the state.
pub(super) struct Snapshot {
    floor: Revision,
    compacted: Revision,
    entries: Entries,
    history: Vec<Arc<Past>>,
    last_lease: LeaseId,
    leases: Vec<(LeaseId, Duration)>,
}

impl Snapshot {
    pub(super) fn of(state: &State, last_lease: LeaseId, leases: Vec<(LeaseId, Duration)>) -> Self {
        Self {
            floor: state.floor,
            compacted: state.compacted,
            entries: state.entries.clone(),
            history: state.history.iter().cloned().collect(),
            last_lease,
            leases,
        }
    }

    /// Writes snapshot `number`, makes it durable, then removes the files it stands for.
    /// Answers its size in bytes.
    pub(super) fn write(&self, disk: &dyn Disk, number: u64) -> io::Result<u64> {
        let written = self.write_file(disk, number);
        if written.is_err() {
            // The disk may be full: give back what was taken. Opening removes it otherwise.
            let _ = disk.remove(&format!("{}{UNFINISHED}", Kind::Snapshot.name(number)));
        }
        let size = written?;
        remove_covered(disk, number)?;
        Ok(size)
    }

    fn write_file(&self, disk: &dyn Disk, number: u64) -> io::Result<u64> {
        let mut out = Frames {
            file: FrameFile::create(disk, Kind::Snapshot, number)?,
            payload: Vec::with_capacity(FRAME),
            records: 0,
        };
        out.push(|payload| {
            Record::Base {
                floor: self.floor,
                compacted: self.compacted,
                last_lease: self.last_lease,
            }
            .encode(payload);
        })?;
        for (lease, ttl) in &self.leases {
            let (lease, ttl) = (*lease, *ttl);
            out.push(|payload| Record::Grant { lease, ttl }.encode(payload))?;
        }
        let everything = KeyRange::prefix("");
        let (base, _) = state::read(&self.entries, self.history.iter(), &everything, usize::MAX);
        for entry in base {
            let held = Held::of(&entry);
            let key = entry.key;
            out.push(|payload| Record::Entry { key, held }.encode(payload))?;
        }
        for past in &self.history {
            out.push(|payload| encode_commit(&past.commit, past.at, None, payload))?;
        }
        let records = out.records;
        out.push(|payload| Record::Complete { records }.encode(payload))?;
        out.flush()?;
        out.file.finish(disk)?;
        Ok(out.file.end())
    }
}

/// Removes logs up to `number` and snapshots before it.
pub(super) fn remove_covered(disk: &dyn Disk, number: u64) -> io::Result<()> {
    for name in disk.list()? {
        let log = Kind::Log.number(&name).is_some_and(|log| log <= number);
        let snapshot = Kind::Snapshot
            .number(&name)
            .is_some_and(|snapshot| snapshot < number);
        if log || snapshot {
            disk.remove(&name)?;
        }
    }
    Ok(())
}

struct Frames {
    file: FrameFile,
    payload: Vec<u8>,
    records: u64,
}

impl Frames {
    fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        encode(&mut self.payload);
        self.records += 1;
        if self.payload.len() >= FRAME {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.payload.is_empty() {
            self.file.append(&self.payload, Ahead::Nothing)?;
            self.payload.clear();
        }
        Ok(())
    }
}
