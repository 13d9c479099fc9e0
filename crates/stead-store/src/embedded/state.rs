//! The store in memory: what every key holds now, and the history that leads back.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use imbl::OrdMap;

use crate::{Change, Commit, Entry, Key, KeyRange, LeaseId, Revision};

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) value: Bytes,
    pub(super) created: Revision,
    pub(super) modified: Revision,
    pub(super) version: u64,
    pub(super) lease: Option<LeaseId>,
}

impl Held {
    pub(super) fn entry(&self, key: Key) -> Entry {
        Entry {
            key,
            value: self.value.clone(),
            created: self.created,
            modified: self.modified,
            version: self.version,
            lease: self.lease,
        }
    }

    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            value: entry.value.clone(),
            created: entry.created,
            modified: entry.modified,
            version: entry.version,
            lease: entry.lease,
        }
    }
}

/// Every key in order. Copies share their nodes, so a reader takes one and keeps no writer waiting.
pub(super) type Entries = OrdMap<Key, Held>;

/// A commit of the history with what is needed to undo it.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) commit: Arc<Commit>,
    /// What each changed key held before, in the order of the changes.
    before: Box<[Option<Held>]>,
    /// Milliseconds since the Unix epoch.
    pub(super) at: u64,
    size: usize,
}

/// How much history is kept. A commit is forgotten as soon as one of the bounds is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Commits at most.
    pub commits: usize,
    /// Bytes of memory at most, roughly.
    pub bytes: usize,
    /// Age at most; looked at with each commit, so an idle store keeps what it has.
    pub age: Duration,
}

impl Default for History {
    /// 10,000 commits, 8 MiB, one hour.
    fn default() -> Self {
        Self {
            commits: 10_000,
            bytes: 8 << 20,
            age: Duration::from_hours(1),
        }
    }
}

/// Memory of a kept commit or change beside its keys and values.
const OVERHEAD: usize = 200;

/// Everything readers see. Only durable commits are ever applied.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) revision: Revision,
    pub(super) entries: Entries,
    pub(super) history: VecDeque<Arc<Past>>,
    history_bytes: usize,
    /// The oldest readable revision; the history holds every commit after it.
    pub(super) floor: Revision,
    /// The newest revision that was compacted on request.
    pub(super) compacted: Revision,
}

impl State {
    /// A state that starts from a snapshot's base.
    pub(super) fn at_base(floor: Revision, compacted: Revision) -> Self {
        Self {
            revision: floor,
            floor,
            compacted,
            ..Self::default()
        }
    }

    /// Applies a durable commit; `before` answers what its keys held.
    pub(super) fn apply(
        &mut self,
        commit: Arc<Commit>,
        at: u64,
        mut replaced: impl FnMut(&Key, Option<&Held>, Option<&Held>),
    ) {
        let mut size = OVERHEAD;
        let before = commit
            .changes
            .iter()
            .map(|change| {
                let (key, old) = match change {
                    Change::Put(entry) => {
                        let held = Held::of(entry);
                        size += entry.value.len();
                        let old = self.entries.insert(entry.key.clone(), held.clone());
                        replaced(&entry.key, old.as_ref(), Some(&held));
                        (&entry.key, old)
                    }
                    Change::Delete(key) => {
                        let old = self.entries.remove(key);
                        replaced(key, old.as_ref(), None);
                        (key, old)
                    }
                };
                size += OVERHEAD + key.len() + old.as_ref().map_or(0, |old| old.value.len());
                old
            })
            .collect();
        self.revision = commit.revision;
        self.history_bytes += size;
        self.history.push_back(Arc::new(Past {
            commit,
            before,
            at,
            size,
        }));
    }

    /// Forgets what is beyond the bounds.
    pub(super) fn trim(&mut self, bounds: &History, now: u64) {
        let age = u64::try_from(bounds.age.as_millis()).unwrap_or(u64::MAX);
        while let Some(oldest) = self.history.front()
            && (self.history.len() > bounds.commits
                || self.history_bytes > bounds.bytes
                || oldest.at.saturating_add(age) < now)
        {
            self.forget_oldest();
        }
    }

    /// Forgets the commits up to `revision`.
    pub(super) fn compact(&mut self, revision: Revision) {
        self.compacted = self.compacted.max(revision);
        while let Some(oldest) = self.history.front()
            && oldest.commit.revision <= revision
        {
            self.forget_oldest();
        }
    }

    /// The commits after a revision that is not below the floor, oldest first.
    pub(super) fn after(&self, revision: Revision) -> impl Iterator<Item = &Arc<Past>> {
        // Revisions are consecutive, so a commit's place follows from its revision.
        let skip = revision.0.saturating_sub(self.floor.0);
        self.history
            .iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.history.pop_front() {
            self.history_bytes -= oldest.size;
            self.floor = oldest.commit.revision;
        }
    }
}

/// Reads a range as it was before the commits in `undo` (oldest first), at most `limit` entries
/// and whether there are more.
pub(super) fn read<'a>(
    entries: &Entries,
    undo: impl DoubleEndedIterator<Item = &'a Arc<Past>>,
    range: &KeyRange,
    limit: usize,
) -> (Vec<Entry>, bool) {
    let mut undone: BTreeMap<&Key, Option<&Held>> = BTreeMap::new();
    for past in undo.rev() {
        for (change, before) in past.commit.changes.iter().zip(&past.before) {
            let key = match change {
                Change::Put(entry) => &entry.key,
                Change::Delete(key) => key,
            };
            if range.contains(key) {
                undone.insert(key, before.as_ref());
            }
        }
    }
    let mut undone = undone.into_iter().peekable();
    let mut current = within(entries, range).peekable();
    let mut found = Vec::new();
    loop {
        let current_is_next = match (current.peek(), undone.peek()) {
            (None, None) => return (found, false),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((key, _)), Some((undone, _))) => key < undone,
        };
        let next = if current_is_next {
            current.next()
        } else {
            let next = undone.next();
            if let (Some((key, _)), Some((newer, _))) = (next, current.peek())
                && key == *newer
            {
                current.next();
            }
            next.and_then(|(key, held)| held.map(|held| (key, held)))
        };
        if let Some((key, held)) = next {
            if found.len() == limit {
                return (found, true);
            }
            found.push(held.entry(key.clone()));
        }
    }
}

/// The entries of a range, ascending.
pub(super) fn within<'a>(
    entries: &'a Entries,
    range: &KeyRange,
) -> impl Iterator<Item = (&'a Key, &'a Held)> + use<'a> {
    let end = range.end.clone();
    entries
        .range((Bound::Included(range.start.clone()), Bound::Unbounded))
        .take_while(move |(key, _)| end.as_ref().is_none_or(|end| *key < end))
}
