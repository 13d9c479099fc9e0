//! From files to a state: the newest snapshot, then the logs after it, in order.

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::checkpoint::remove_covered;
use super::disk::Disk;
use super::frame::{Damage, FrameFile, Kind, Tail, UNFINISHED};
use super::lease::Leases;
use super::record::Record;
use super::state::{History, State};
use crate::{Revision, StoreError};

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
    let numbers = |kind: Kind| names.iter().filter_map(move |name| kind.number(name));
    let mut replay = Replay::default();
    let mut covered = 0;
    let mut snapshot_bytes = 0;
    if let Some(number) = numbers(Kind::Snapshot).max() {
        covered = number;
        snapshot_bytes = replay.snapshot(disk, number)?;
        // Its name may still be the only thing of it that is not durable.
        disk.sync_names()?;
        remove_covered(disk, number)?;
    } else if numbers(Kind::Log).next().is_none() {
        let mut log = FrameFile::create(disk, Kind::Log, 1)?;
        log.finish(disk)?;
        return Ok(replay.over(log, 1, 0, 0, history));
    }
    let mut logs: Vec<u64> = numbers(Kind::Log).filter(|log| *log > covered).collect();
    logs.sort_unstable();
    drop_unused(disk, &mut logs)?;
    let missing = |number| Damage::Missing(Kind::Log.name(number));
    let (last, earlier) = logs.split_last().ok_or(missing(covered + 1))?;
    for (expected, number) in (covered + 1..).zip(&logs) {
        if expected != *number {
            return Err(missing(expected).into());
        }
    }
    let mut log_bytes = 0;
    for number in earlier {
        log_bytes += replay.log(disk, *number, false)?.end();
    }
    let log = replay.log(disk, *last, true)?;
    log_bytes += log.end();
    Ok(replay.over(log, *last, log_bytes, snapshot_bytes, history))
}

/// Removes logs at the end that hold nothing: each was begun, and then the old one went on after
/// all, because of an error or because the process ended between the two.
fn drop_unused(disk: &dyn Disk, logs: &mut Vec<u64>) -> Result<(), Failure> {
    while let [.., _, last] = logs[..] {
        let mut log = FrameFile::open(disk, Kind::Log, last)??;
        if log.next()?.is_some() || log.tail()? != Tail::Clean {
            break;
        }
        drop(log);
        disk.remove(&Kind::Log.name(last))?;
        logs.pop();
    }
    Ok(())
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

    /// Replays a log and makes sure that what was read is durable: the process before may have
    /// died between a write and its sync, and what readers see now must not vanish later.
    fn log(&mut self, disk: &dyn Disk, number: u64, is_last: bool) -> Result<FrameFile, Failure> {
        let mut log = FrameFile::open(disk, Kind::Log, number)??;
        self.frames(&mut log)?;
        match log.tail()? {
            Tail::Clean if is_last => log.sync()?,
            Tail::Clean => {}
            Tail::Torn if is_last => {
                tracing::warn!(
                    file = log.name(),
                    at = log.end(),
                    "cut the remains of a write that was interrupted before it was acknowledged"
                );
                log.cut()?;
            }
            Tail::Torn | Tail::Damaged => {
                return Err(Damage::Frame {
                    file: log.name().to_owned(),
                    at: log.end(),
                }
                .into());
            }
        }
        Ok(log)
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
