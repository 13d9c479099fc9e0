//! Leases: who hangs on them and when they end. Owned by the writer alone.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::{Key, LeaseId};

#[derive(Debug)]
struct Lease {
    ttl: Duration,
    /// `None`: further away than the clock reaches.
    deadline: Option<Instant>,
    keys: BTreeSet<Key>,
}

#[derive(Debug, Default)]
pub(super) struct Leases {
    all: HashMap<LeaseId, Lease>,
    deadlines: BTreeSet<(Instant, LeaseId)>,
    /// 0: none was granted yet.
    last: u64,
}

impl Leases {
    /// The newest id ever granted.
    pub(super) fn last(&self) -> LeaseId {
        LeaseId(self.last)
    }

    pub(super) fn reserve(&mut self, lease: LeaseId) {
        self.last = self.last.max(lease.0);
    }

    pub(super) fn contains(&self, lease: LeaseId) -> bool {
        self.all.contains_key(&lease)
    }

    pub(super) fn begin(&mut self, lease: LeaseId, ttl: Duration, now: Instant) {
        self.reserve(lease);
        let deadline = now.checked_add(ttl);
        self.deadlines.extend(deadline.map(|at| (at, lease)));
        self.all.insert(
            lease,
            Lease {
                ttl,
                deadline,
                keys: BTreeSet::new(),
            },
        );
    }

    /// Starts the time to live anew; `false` if there is no such lease.
    pub(super) fn renew(&mut self, id: LeaseId, now: Instant) -> bool {
        let Some(lease) = self.all.get_mut(&id) else {
            return false;
        };
        if let Some(at) = lease.deadline {
            self.deadlines.remove(&(at, id));
        }
        lease.deadline = now.checked_add(lease.ttl);
        self.deadlines.extend(lease.deadline.map(|at| (at, id)));
        true
    }

    pub(super) fn end(&mut self, id: LeaseId) {
        if let Some(at) = self.all.remove(&id).and_then(|lease| lease.deadline) {
            self.deadlines.remove(&(at, id));
        }
    }

    pub(super) fn attach(&mut self, id: LeaseId, key: &Key) {
        if let Some(lease) = self.all.get_mut(&id) {
            lease.keys.insert(key.clone());
        }
    }

    pub(super) fn detach(&mut self, id: LeaseId, key: &Key) {
        if let Some(lease) = self.all.get_mut(&id) {
            lease.keys.remove(key);
        }
    }

    pub(super) fn keys(&self, id: LeaseId) -> impl Iterator<Item = &Key> {
        self.all.get(&id).into_iter().flat_map(|lease| &lease.keys)
    }

    /// When the first lease ends.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The leases whose time is over, the longest over first.
    pub(super) fn due(&self, now: Instant) -> Vec<LeaseId> {
        self.deadlines
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, id)| *id)
            .collect()
    }

    /// Every lease with its time to live.
    pub(super) fn iter(&self) -> impl Iterator<Item = (LeaseId, Duration)> {
        self.all.iter().map(|(id, lease)| (*id, lease.ttl))
    }
}
