//! From files to a state: the newest snapshot, then the logs after it, in order.

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::checkpoint::remove_covered;
use super::disk::Disk;
use super::frame::{Damage, FrameFile, Kind, Tail, UNFINISHED};
use super::lease::Leases;
use super::record::Record;
use super::state::{History, State};
use crate::{Revision, StoreError};
use std::sync::Arc;

/// What the files held, and the log that goes on.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) leases: Leases,
    pub(super) log: FrameFile,
    pub(super) number: u64,
    /// Bytes in logs that no snapshot covers.
    pub(super) log_bytes: u64,
    pub(super) snapshot_bytes: u64,
}

enum Failure {
    Io(io::Error),
    Damage(Damage),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Damage> for Failure {
    fn from(damage: Damage) -> Self {
        Self::Damage(damage)
    }
}

/// Reads the folder. Damage moves the whole folder aside: none of it is used.
pub(super) fn recover(disk: &dyn Disk, history: &History) -> Result<Recovered, StoreError> {
    let io = |source| StoreError::Io {
        action: "open",
        source,
    };
    match load(disk, history) {
        Ok(recovered) => Ok(recovered),
        Err(Failure::Io(source)) => Err(io(source)),
        Err(Failure::Damage(damage)) => {
            let suffix = format!(".corrupt-{}", unix_millis());
            Err(StoreError::Corrupt {
                path: disk.path().to_path_buf(),
                kept: disk.keep_aside(&suffix).map_err(io)?,
                source: Box::new(damage),
            })
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

fn load(disk: &dyn Disk, history: &History) -> Result<Recovered, Failure> {
    let names = disk.list()?;
    for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
        disk.remove(name)?;
    }
    let snapshot = names
        .iter()
        .filter_map(|name| Kind::Snapshot.number(name))
        .max();
    let covered = snapshot.unwrap_or(0);
    let mut logs: Vec<u64> = names
        .iter()
        .filter_map(|name| Kind::Log.number(name))
        .filter(|number| *number > covered)
        .collect();
    logs.sort_unstable();

    let mut replay = Replay::default();
    let mut snapshot_bytes = 0;
    if let Some(number) = snapshot {
        snapshot_bytes = replay.snapshot(disk, number)?;
        remove_covered(disk, number)?;
    } else if logs.is_empty() {
        let mut log = FrameFile::create(disk, Kind::Log, 1)?;
        log.finish(disk)?;
        return Ok(replay.over(log, 1, 0, 0, history));
    }
    for (expected, number) in (covered + 1..).zip(&logs) {
        if expected != *number {
            return Err(Damage::Missing(Kind::Log.name(expected)).into());
        }
    }
    let Some(last) = logs.last() else {
        return Err(Damage::Missing(Kind::Log.name(covered + 1)).into());
    };
    let mut log_bytes = 0;
    for number in &logs {
        let mut log = FrameFile::open(disk, Kind::Log, *number)??;
        replay.frames(&mut log)?;
        log_bytes += log.end();
        let tail = log.tail()?;
        if tail == Tail::Damaged || (tail == Tail::Torn && number != last) {
            return Err(Damage::Frame {
                file: log.name().to_owned(),
                at: log.end(),
            }
            .into());
        }
        if tail == Tail::Torn {
            tracing::warn!(
                file = log.name(),
                at = log.end(),
                "cut the remains of a write that was interrupted before it was acknowledged"
            );
            log.cut()?;
        }
        if number == last {
            return Ok(replay.over(log, *number, log_bytes, snapshot_bytes, history));
        }
    }
    // The loop returns at the last log, and there is one.
    Err(Damage::Missing(Kind::Log.name(covered + 1)).into())
}

#[derive(Default)]
struct Replay {
    state: State,
    leases: Leases,
    records: u64,
    complete: bool,
}

impl Replay {
    fn snapshot(&mut self, disk: &dyn Disk, number: u64) -> Result<u64, Failure> {
        let mut file = FrameFile::open(disk, Kind::Snapshot, number)??;
        self.frames(&mut file)?;
        if file.tail()? != Tail::Clean {
            return Err(Damage::Frame {
                file: file.name().to_owned(),
                at: file.end(),
            }
            .into());
        }
        if !self.complete {
            return Err(Damage::Short(file.name().to_owned()).into());
        }
        Ok(file.end())
    }

    fn frames(&mut self, file: &mut FrameFile) -> Result<(), Failure> {
        loop {
            let at = file.end();
            let Some(payload) = file.next()? else {
                return Ok(());
            };
            let records = Record::decode_all(payload).map_err(|source| Damage::Record {
                file: file.name().to_owned(),
                at,
                source,
            })?;
            for record in records {
                let next = self.apply(record);
                next.map_err(|(from, to)| Damage::Gap {
                    file: file.name().to_owned(),
                    from: from.0,
                    to: to.0,
                })?;
            }
        }
    }

    fn apply(&mut self, record: Record) -> Result<(), (Revision, Revision)> {
        let count = self.records;
        self.records += 1;
        match record {
            Record::Commit { commit, at, ended } => {
                let from = self.state.revision;
                if commit.revision.0 != from.0 + 1 {
                    return Err((from, commit.revision));
                }
                self.state.apply(Arc::new(commit), at, |_, _, _| {});
                if let Some(lease) = ended {
                    self.leases.end(lease);
                }
            }
            Record::Grant { lease, ttl } => self.leases.begin(lease, ttl, Instant::now()),
            Record::End { lease } => self.leases.end(lease),
            Record::Compact { revision } => self.state.compact(revision),
            Record::Base {
                floor,
                compacted,
                last_lease,
            } => {
                self.state = State::at_base(floor, compacted);
                self.leases.reserve(last_lease);
            }
            Record::Entry { key, held } => {
                self.state.entries.insert(key, held);
            }
            Record::Complete { records } => self.complete = records == count,
            Record::Closed => {}
        }
        Ok(())
    }

    fn over(
        mut self,
        log: FrameFile,
        number: u64,
        log_bytes: u64,
        snapshot_bytes: u64,
        history: &History,
    ) -> Recovered {
        self.state.trim(history, unix_millis());
        for (key, held) in &self.state.entries {
            if let Some(lease) = held.lease {
                self.leases.attach(lease, key);
            }
        }
        Recovered {
            state: self.state,
            leases: self.leases,
            log,
            number,
            log_bytes,
            snapshot_bytes,
        }
    }
}
