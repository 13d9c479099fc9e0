//! A group in the making: transactions are decided one after the other, each seeing those before
//! it, and nothing is visible to anybody until the whole group is durable.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::lease::Leases;
use super::record::{Record, encode_commit, own_pair};
use super::state::{Entries, Held, within};
use crate::{
    Change, Commit, CommitOutcome, Guard, Key, KeyRange, LeaseId, Revision, StoreError, Txn, Write,
};

pub(super) struct Stage<'a> {
    entries: &'a Entries,
    leases: &'a Leases,
    /// What the group wrote so far; `None`: deleted.
    written: BTreeMap<Key, Option<Held>>,
    /// Milliseconds since the Unix epoch.
    now: u64,
    last_lease: LeaseId,
    ended: HashSet<LeaseId>,
    pub(super) revision: Revision,
    pub(super) result: Staged,
}

/// What the group does once it is durable.
#[derive(Default)]
pub(super) struct Staged {
    /// The records, as they go into the frame.
    pub(super) payload: Vec<u8>,
    pub(super) commits: Vec<Arc<Commit>>,
    pub(super) granted: Vec<(LeaseId, Duration)>,
    pub(super) ended: Vec<LeaseId>,
    pub(super) compacted: Option<Revision>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        entries: &'a Entries,
        revision: Revision,
        leases: &'a Leases,
        now: u64,
        payload: Vec<u8>,
    ) -> Self {
        Self {
            entries,
            leases,
            written: BTreeMap::new(),
            now,
            last_lease: leases.last(),
            ended: HashSet::new(),
            revision,
            result: Staged {
                payload,
                ..Staged::default()
            },
        }
    }

    /// Decides a transaction that is within the limits.
    pub(super) fn commit(&mut self, txn: &Txn) -> Result<CommitOutcome, StoreError> {
        if let Some(guard) = txn.guards.iter().position(|guard| !self.holds(guard)) {
            return Ok(CommitOutcome::Conflict {
                guard,
                revision: self.revision,
            });
        }
        for write in &txn.writes {
            if let Write::Put {
                lease: Some(lease), ..
            } = write
                && !self.has_lease(*lease)
            {
                return Err(StoreError::NoLease(*lease));
            }
        }
        let revision = Revision(self.revision.0 + 1);
        let mut changes = BTreeMap::new();
        for write in &txn.writes {
            match write {
                Write::Put { key, value, lease } => {
                    let (key, value) = own_pair(key, value);
                    let old = self.get(&key);
                    let held = Held {
                        value,
                        created: old.map_or(revision, |old| old.created),
                        modified: revision,
                        version: old.map_or(1, |old| old.version + 1),
                        lease: *lease,
                    };
                    changes.insert(key, Some(held));
                }
                Write::Delete(key) => {
                    if let Some(key) = self.stored_key(key) {
                        changes.insert(key, None);
                    }
                }
                Write::DeleteRange(range) => {
                    changes.extend(self.keys_within(range).into_iter().map(|key| (key, None)));
                }
            }
        }
        self.push(changes, None);
        Ok(CommitOutcome::Done(self.revision))
    }

    pub(super) fn grant(&mut self, ttl: Duration) -> LeaseId {
        self.last_lease.0 += 1;
        let lease = self.last_lease;
        Record::Grant { lease, ttl }.encode(&mut self.result.payload);
        self.result.granted.push((lease, ttl));
        lease
    }

    /// Ends a lease and deletes its keys under one revision, if it has any.
    pub(super) fn end_lease(&mut self, lease: LeaseId) -> Result<(), StoreError> {
        if !self.has_lease(lease) {
            return Err(StoreError::NoLease(lease));
        }
        let hangs_on_it = |held: Option<&Held>| held.is_some_and(|held| held.lease == Some(lease));
        let mut changes = BTreeMap::new();
        for key in self.leases.keys(lease).chain(self.written.keys()) {
            if hangs_on_it(self.get(key)) {
                changes.insert(key.clone(), None);
            }
        }
        if changes.is_empty() {
            Record::End { lease }.encode(&mut self.result.payload);
        } else {
            self.push(changes, Some(lease));
        }
        self.ended.insert(lease);
        self.result.ended.push(lease);
        Ok(())
    }

    pub(super) fn has_lease(&self, lease: LeaseId) -> bool {
        let granted = || self.result.granted.iter().any(|(id, _)| *id == lease);
        (self.leases.contains(lease) || granted()) && !self.ended.contains(&lease)
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), StoreError> {
        if revision > self.revision {
            return Err(StoreError::Future {
                asked: revision,
                newest: self.revision,
            });
        }
        Record::Compact { revision }.encode(&mut self.result.payload);
        self.result.compacted = self.result.compacted.max(Some(revision));
        Ok(())
    }

    fn push(&mut self, changes: BTreeMap<Key, Option<Held>>, ended: Option<LeaseId>) {
        if changes.is_empty() {
            return;
        }
        self.revision.0 += 1;
        let commit = Commit {
            revision: self.revision,
            changes: changes
                .iter()
                .map(|(key, held)| match held {
                    Some(held) => Change::Put(held.entry(key.clone())),
                    None => Change::Delete(key.clone()),
                })
                .collect(),
        };
        encode_commit(&commit, self.now, ended, &mut self.result.payload);
        self.result.commits.push(Arc::new(commit));
        self.written.extend(changes);
    }

    fn get(&self, key: &[u8]) -> Option<&Held> {
        match self.written.get(key) {
            Some(written) => written.as_ref(),
            None => self.entries.get(key),
        }
    }

    /// The key as the store holds it (its own bytes, not the caller's), if it exists.
    fn stored_key(&self, key: &[u8]) -> Option<Key> {
        match self.written.get_key_value(key) {
            Some((key, held)) => held.as_ref().map(|_| key.clone()),
            None => self.entries.get_key_value(key).map(|(key, _)| key.clone()),
        }
    }

    fn keys_within(&self, range: &KeyRange) -> Vec<Key> {
        let written = self
            .written_within(range)
            .filter_map(|(key, held)| held.as_ref().map(|_| key.clone()));
        within(self.entries, range)
            .filter(|(key, _)| !self.written.contains_key(*key))
            .map(|(key, _)| key.clone())
            .chain(written)
            .collect()
    }

    fn written_within<'b>(
        &'b self,
        range: &'b KeyRange,
    ) -> impl Iterator<Item = (&'b Key, &'b Option<Held>)> {
        self.written
            .range::<Key, _>(&range.start..)
            .take_while(|(key, _)| range.contains(key))
    }

    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Absent(key) => self.get(key).is_none(),
            Guard::Exists(key) => self.get(key).is_some(),
            Guard::Modified(key, revision) => {
                self.get(key).is_some_and(|held| held.modified == *revision)
            }
            Guard::Unchanged(range, revision) => {
                let newer = |held: &Held| held.modified > *revision;
                !self
                    .written_within(range)
                    .any(|(_, held)| held.as_ref().is_some_and(newer))
                    && !within(self.entries, range)
                        .any(|(key, held)| newer(held) && !self.written.contains_key(key))
            }
        }
    }
}
