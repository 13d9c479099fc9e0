//! Random transactions against the simplest store there is: one map per revision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use proptest::prelude::*;

use super::disk::Simulated;
use crate::embedded::{Embedded, History, Options};
use crate::{
    Change, CommitOutcome, Entry, Guard, Key, KeyRange, Limits, ReadAt, Revision, Store,
    StoreError, Txn, Write,
};

/// Commits of history, few enough that random runs pass them.
const KEPT: u64 = 12;

#[derive(Clone, Debug)]
enum Step {
    Commit(Txn),
    Read(KeyRange, u64, Option<usize>),
    Compact(u64),
    Reopen,
    PowerCut,
}

#[derive(Default)]
struct Model {
    /// By revision.
    maps: Vec<BTreeMap<Key, Entry>>,
    floor: u64,
}

impl Model {
    fn newest(&self) -> u64 {
        self.maps.len() as u64 - 1
    }

    fn at(&self, revision: u64) -> &BTreeMap<Key, Entry> {
        &self.maps[usize::try_from(revision).unwrap()]
    }

    fn holds(&self, guard: &Guard) -> bool {
        let now = self.at(self.newest());
        match guard {
            Guard::Absent(key) => !now.contains_key(key),
            Guard::Exists(key) => now.contains_key(key),
            Guard::Modified(key, revision) => now
                .get(key)
                .is_some_and(|entry| entry.modified == *revision),
            Guard::Unchanged(range, revision) => now
                .values()
                .all(|entry| !range.contains(&entry.key) || entry.modified <= *revision),
        }
    }

    /// `None`: a key is written twice.
    fn commit(&mut self, txn: &Txn) -> Option<CommitOutcome> {
        let revision = Revision(self.newest() + 1);
        let now = self.at(self.newest());
        let mut next = now.clone();
        let mut points = BTreeSet::new();
        let mut ranges: Vec<&KeyRange> = Vec::new();
        for write in &txn.writes {
            match write {
                Write::Put { key, .. } | Write::Delete(key) => {
                    if !points.insert(key.clone()) {
                        return None;
                    }
                }
                Write::DeleteRange(range) => ranges.push(range),
            }
        }
        // Keys are one or two letters: few enough to try them all.
        for key in all_keys() {
            let times = ranges.iter().filter(|range| range.contains(&key)).count();
            if times + usize::from(points.contains(&key)) > 1 {
                return None;
            }
        }
        if let Some(guard) = txn.guards.iter().position(|guard| !self.holds(guard)) {
            return Some(CommitOutcome::Conflict {
                guard,
                revision: Revision(self.newest()),
            });
        }
        for write in &txn.writes {
            match write {
                Write::Put { key, value, .. } => {
                    let old = now.get(key);
                    let entry = Entry {
                        key: key.clone(),
                        value: value.clone(),
                        created: old.map_or(revision, |old| old.created),
                        modified: revision,
                        version: old.map_or(0, |old| old.version) + 1,
                        lease: None,
                    };
                    next.insert(key.clone(), entry);
                }
                Write::Delete(key) => drop(next.remove(key)),
                Write::DeleteRange(range) => next.retain(|key, _| !range.contains(key)),
            }
        }
        if next != *now {
            self.maps.push(next);
            self.floor = self.floor.max(self.newest().saturating_sub(KEPT));
        }
        Some(CommitOutcome::Done(Revision(self.newest())))
    }

    fn changes(&self, revision: u64) -> Vec<Change> {
        let (old, new) = (self.at(revision - 1), self.at(revision));
        let keys: BTreeSet<&Key> = old.keys().chain(new.keys()).collect();
        keys.into_iter()
            .filter(|key| old.get(*key) != new.get(*key))
            .map(|key| match new.get(key) {
                Some(entry) => Change::Put(entry.clone()),
                None => Change::Delete(key.clone()),
            })
            .collect()
    }
}

fn all_keys() -> Vec<Key> {
    let mut keys = Vec::new();
    for first in b'a'..=b'c' {
        keys.push(Bytes::copy_from_slice(&[first]));
        keys.extend((b'a'..=b'c').map(|second| Bytes::copy_from_slice(&[first, second])));
    }
    keys
}

fn keys() -> impl Strategy<Value = Key> {
    prop::sample::select(all_keys())
}

fn ranges() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        keys().prop_map(KeyRange::key),
        keys().prop_map(KeyRange::prefix),
        Just(KeyRange::prefix("")),
        (keys(), prop::option::of(keys())).prop_map(|(start, end)| KeyRange { start, end }),
    ]
}

fn txns() -> impl Strategy<Value = Txn> {
    let guard = prop_oneof![
        keys().prop_map(Guard::Absent),
        keys().prop_map(Guard::Exists),
        (keys(), 0..30_u64).prop_map(|(key, at)| Guard::Modified(key, Revision(at))),
        (ranges(), 0..30_u64).prop_map(|(range, at)| Guard::Unchanged(range, Revision(at))),
    ];
    let put =
        (keys(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(key, value)| Write::Put {
            key,
            value: value.into(),
            lease: None,
        });
    let write = prop_oneof![
        4 => put,
        2 => keys().prop_map(Write::Delete),
        1 => ranges().prop_map(Write::DeleteRange),
    ];
    // Mostly without guards, else nearly nothing would ever be written.
    let guards = prop_oneof![
        3 => Just(Vec::new()),
        2 => prop::collection::vec(guard, 1..3),
    ];
    (guards, prop::collection::vec(write, 0..4)).prop_map(|(guards, writes)| Txn { guards, writes })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => txns().prop_map(Step::Commit),
        8 => (ranges(), 0..30_u64, prop::option::of(0..6_usize))
            .prop_map(|(range, back, limit)| Step::Read(range, back, limit)),
        1 => (0..20_u64).prop_map(Step::Compact),
        1 => Just(Step::Reopen),
        1 => Just(Step::PowerCut),
    ]
}

fn open(disk: &Simulated) -> Embedded {
    let options = Options {
        history: History {
            commits: usize::try_from(KEPT).unwrap(),
            bytes: usize::MAX,
            age: Duration::MAX,
        },
        limits: Limits::default(),
        checkpoint_bytes: 400,
    };
    Embedded::open_on(Arc::new(disk.clone()), options, None).unwrap()
}

async fn agree(store: &Embedded, model: &Model) {
    for revision in model.floor..=model.newest() {
        let at = ReadAt::Revision(Revision(revision));
        let read = store.range(KeyRange::prefix(""), at, None).await.unwrap();
        let expected: Vec<Entry> = model.at(revision).values().cloned().collect();
        assert_eq!(read.entries, expected, "at revision {revision}");
    }
    let mut watch = store.watch(Revision(model.floor));
    for revision in model.floor + 1..=model.newest() {
        let commit = watch.next().await.unwrap().unwrap();
        assert_eq!(commit.revision, Revision(revision));
        assert_eq!(commit.changes, model.changes(revision));
    }
}

async fn read(store: &Embedded, model: &Model, range: KeyRange, at: u64, limit: Option<usize>) {
    let asked = ReadAt::Revision(Revision(at));
    let read = store.range(range.clone(), asked, limit).await;
    if at > model.newest() {
        assert!(matches!(read, Err(StoreError::Future { .. })), "{read:?}");
    } else if at < model.floor {
        let oldest_is_floor =
            matches!(read, Err(StoreError::Compacted { oldest }) if oldest.0 == model.floor);
        assert!(oldest_is_floor, "{read:?}, the floor is {}", model.floor);
    } else {
        let mut expected: Vec<Entry> = model
            .at(at)
            .values()
            .filter(|entry| range.contains(&entry.key))
            .cloned()
            .collect();
        let limit = limit.unwrap_or(usize::MAX);
        let more = expected.len() > limit;
        expected.truncate(limit);
        let read = read.unwrap();
        assert_eq!((read.entries, read.more), (expected, more));
    }
}

async fn follow(seed: u64, steps: Vec<Step>) {
    let mut disk = Simulated::new(seed);
    let mut store = open(&disk);
    let mut model = Model {
        maps: vec![BTreeMap::new()],
        floor: 0,
    };
    for step in steps {
        match step {
            Step::Commit(txn) => {
                let outcome = store.commit(txn.clone()).await;
                match model.commit(&txn) {
                    Some(expected) => assert_eq!(outcome.unwrap(), expected, "{txn:?}"),
                    None => assert!(matches!(outcome, Err(StoreError::DuplicateKey(_)))),
                }
            }
            Step::Read(range, at, limit) => read(&store, &model, range, at, limit).await,
            Step::Compact(back) => {
                let revision = model.newest().saturating_sub(back);
                store.compact(Revision(revision)).await.unwrap();
                model.floor = model.floor.max(revision);
            }
            Step::Reopen => {
                drop(store);
                store = open(&disk);
                agree(&store, &model).await;
            }
            Step::PowerCut => {
                disk.fail_after(0);
                drop(store);
                disk = disk.power_cycle();
                store = open(&disk);
                agree(&store, &model).await;
            }
        }
    }
    agree(&store, &model).await;
}

proptest! {
    #[test]
    fn a_store_is_a_map_per_revision(
        seed in any::<u64>(),
        steps in prop::collection::vec(steps(), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(follow(seed, steps));
    }
}
