//! What the files hold: records, and their bytes.
//!
//! Integers are LEB128, byte strings carry their length in front. A record begins with its tag.

use std::time::Duration;

use bytes::Bytes;

use super::state::Held;
use crate::{Change, Commit, Key, LeaseId, Revision};

/// One fact of a log or a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// A transaction's effect; it may end a lease in the same step.
    Commit {
        commit: Commit,
        /// Milliseconds since the Unix epoch, for the age of history.
        at: u64,
        ended: Option<LeaseId>,
    },
    /// A lease begins.
    Grant { lease: LeaseId, ttl: Duration },
    /// A lease without keys ends.
    End { lease: LeaseId },
    /// History up to here was forgotten on request.
    Compact { revision: Revision },
    /// First record of a snapshot: the state it starts from.
    Base {
        floor: Revision,
        compacted: Revision,
        last_lease: LeaseId,
    },
    /// A key's state at the base.
    Entry { key: Key, held: Held },
    /// Last record of a snapshot: nothing is missing.
    Complete { records: u64 },
    /// The log was closed in order.
    Closed,
}

const COMMIT: u8 = 1;
const GRANT: u8 = 2;
const END: u8 = 3;
const COMPACT: u8 = 4;
const BASE: u8 = 5;
const ENTRY: u8 = 6;
const COMPLETE: u8 = 7;
const CLOSED: u8 = 8;

const PUT: u8 = 0;
const DELETE: u8 = 1;

/// The bytes are not a record.
#[derive(Debug, thiserror::Error)]
#[error("the record at byte {at} of its frame is malformed")]
pub(super) struct Malformed {
    at: usize,
}

impl Record {
    /// Appends the record's bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Commit { commit, at, ended } => encode_commit(commit, *at, *ended, out),
            Self::Grant { lease, ttl } => {
                out.push(GRANT);
                number(lease.0, out);
                // Rounded up: a lease never ends early.
                let millis = ttl.as_nanos().div_ceil(1_000_000);
                number(u64::try_from(millis).unwrap_or(u64::MAX), out);
            }
            Self::End { lease } => {
                out.push(END);
                number(lease.0, out);
            }
            Self::Compact { revision } => {
                out.push(COMPACT);
                number(revision.0, out);
            }
            Self::Base {
                floor,
                compacted,
                last_lease,
            } => {
                out.push(BASE);
                number(floor.0, out);
                number(compacted.0, out);
                number(last_lease.0, out);
            }
            Self::Entry { key, held } => {
                out.push(ENTRY);
                string(key, out);
                string(&held.value, out);
                number(held.created.0, out);
                number(held.modified.0, out);
                number(held.version, out);
                number(lease_number(held.lease), out);
            }
            Self::Complete { records } => {
                out.push(COMPLETE);
                number(*records, out);
            }
            Self::Closed => out.push(CLOSED),
        }
    }

    /// Reads every record of a frame's payload.
    pub(super) fn decode_all(payload: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut input = Input {
            bytes: payload,
            at: 0,
        };
        let mut records = Vec::new();
        while input.at < payload.len() {
            let at = input.at;
            records.push(input.record().ok_or(Malformed { at })?);
        }
        Ok(records)
    }
}

/// Appends a commit's record without owning the commit.
pub(super) fn encode_commit(commit: &Commit, at: u64, ended: Option<LeaseId>, out: &mut Vec<u8>) {
    out.push(COMMIT);
    number(commit.revision.0, out);
    number(at, out);
    number(lease_number(ended), out);
    number(commit.changes.len() as u64, out);
    for change in &commit.changes {
        match change {
            Change::Put(entry) => {
                out.push(PUT);
                string(&entry.key, out);
                string(&entry.value, out);
                number(entry.created.0, out);
                number(entry.version, out);
                number(lease_number(entry.lease), out);
            }
            Change::Delete(key) => {
                out.push(DELETE);
                string(key, out);
            }
        }
    }
}

/// Leases count from 1, so that 0 can stand for none.
fn lease_number(lease: Option<LeaseId>) -> u64 {
    lease.map_or(0, |lease| lease.0)
}

fn lease_of(number: u64) -> Option<LeaseId> {
    (number != 0).then_some(LeaseId(number))
}

fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn record(&mut self) -> Option<Record> {
        Some(match self.byte()? {
            COMMIT => self.commit()?,
            GRANT => Record::Grant {
                lease: LeaseId(self.number()?),
                ttl: Duration::from_millis(self.number()?),
            },
            END => Record::End {
                lease: LeaseId(self.number()?),
            },
            COMPACT => Record::Compact {
                revision: Revision(self.number()?),
            },
            BASE => Record::Base {
                floor: Revision(self.number()?),
                compacted: Revision(self.number()?),
                last_lease: LeaseId(self.number()?),
            },
            ENTRY => {
                let (key, value) = self.pair()?;
                Record::Entry {
                    key,
                    held: Held {
                        value,
                        created: Revision(self.number()?),
                        modified: Revision(self.number()?),
                        version: self.number()?,
                        lease: lease_of(self.number()?),
                    },
                }
            }
            COMPLETE => Record::Complete {
                records: self.number()?,
            },
            CLOSED => Record::Closed,
            _ => return None,
        })
    }

    fn commit(&mut self) -> Option<Record> {
        let revision = Revision(self.number()?);
        let at = self.number()?;
        let ended = lease_of(self.number()?);
        let count = self.number()?;
        let mut changes = Vec::new();
        for _ in 0..count {
            changes.push(match self.byte()? {
                PUT => {
                    let (key, value) = self.pair()?;
                    Change::Put(crate::Entry {
                        key,
                        value,
                        created: Revision(self.number()?),
                        modified: revision,
                        version: self.number()?,
                        lease: lease_of(self.number()?),
                    })
                }
                DELETE => Change::Delete(Bytes::copy_from_slice(self.string()?)),
                _ => return None,
            });
        }
        changes.shrink_to_fit();
        Some(Record::Commit {
            commit: Commit { revision, changes },
            at,
            ended,
        })
    }

    fn pair(&mut self) -> Option<(Bytes, Bytes)> {
        let key_at = self.string_place()?;
        let value_at = self.string_place()?;
        Some(own_pair(&self.bytes[key_at], &self.bytes[value_at]))
    }

    fn string(&mut self) -> Option<&[u8]> {
        let place = self.string_place()?;
        self.bytes.get(place)
    }

    fn string_place(&mut self) -> Option<std::ops::Range<usize>> {
        let length = usize::try_from(self.number()?).ok()?;
        let end = self.at.checked_add(length)?;
        if end > self.bytes.len() {
            return None;
        }
        let place = self.at..end;
        self.at = end;
        Some(place)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

/// A key and its value in one allocation that belongs to nobody else, so that what the store
/// keeps never pins a caller's larger buffer.
pub(super) fn own_pair(key: &[u8], value: &[u8]) -> (Bytes, Bytes) {
    let mut both = Vec::with_capacity(key.len() + value.len());
    both.extend_from_slice(key);
    both.extend_from_slice(value);
    let both = Bytes::from(both);
    (both.slice(..key.len()), both.slice(key.len()..))
}
