use bytes::Bytes;

/// A point in the store's history. Revision 0 is the empty store; each transaction with an
/// effect adds one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Names a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u64);

/// A key: any bytes, compared bytewise.
pub type Key = Bytes;

/// A stored value with its history numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Bytes,
    /// The revision that created the key (after its last deletion).
    pub created: Revision,
    /// The revision of the last write.
    pub modified: Revision,
    /// How often the key was written since it was created, from 1.
    pub version: u64,
    /// The lease it hangs on.
    pub lease: Option<LeaseId>,
}

/// A half-open range of keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyRange {
    /// First key, included.
    pub start: Bytes,
    /// First key that is not included; `None`: no end.
    pub end: Option<Bytes>,
}

impl KeyRange {
    /// Exactly one key.
    pub fn key(key: impl Into<Bytes>) -> Self {
        let start = key.into();
        let mut end = Vec::with_capacity(start.len() + 1);
        end.extend_from_slice(&start);
        end.push(0);
        Self {
            start,
            end: Some(end.into()),
        }
    }

    /// Every key that starts with `prefix`; the empty prefix is every key.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start = prefix.into();
        let mut end = start.to_vec();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                return Self {
                    start,
                    end: Some(end.into()),
                };
            }
        }
        Self { start, end: None }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= &self.start[..] && self.end.as_ref().is_none_or(|end| key < &end[..])
    }
}

/// A condition of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The key does not exist.
    Absent(Key),
    /// The key exists.
    Exists(Key),
    /// The key exists and was last written at this revision.
    Modified(Key, Revision),
    /// No key in the range was written after this revision (deletions do not count).
    Unchanged(KeyRange, Revision),
}

/// A write of a transaction. No key may be written twice in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets a key, attached to a lease or (with `None`) to no lease.
    Put {
        /// The key.
        key: Key,
        /// Its new value.
        value: Bytes,
        /// The lease it hangs on.
        lease: Option<LeaseId>,
    },
    /// Deletes a key; absent is no error.
    Delete(Key),
    /// Deletes every key in the range.
    DeleteRange(KeyRange),
}

/// Guards and writes, applied together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// All must hold.
    pub guards: Vec<Guard>,
    /// What is written if they do.
    pub writes: Vec<Write>,
}

/// What one transaction changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its revision.
    pub revision: Revision,
    /// One change per key, in key order.
    pub changes: Vec<Change>,
}

/// A key that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Written.
    Put(Entry),
    /// Deleted.
    Delete(Key),
}

/// The outcome of [`crate::Store::commit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    /// Applied, durable. The revision is the transaction's own, or the newest if it changed
    /// nothing.
    Done(Revision),
    /// A guard did not hold; nothing changed. `guard` is its place in [`Txn::guards`].
    Conflict {
        /// The first guard that failed.
        guard: usize,
        /// The newest revision.
        revision: Revision,
    },
}

/// When a read looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// Now, linearizable.
    Latest,
    /// As of a revision.
    Revision(Revision),
}

/// The answer of [`crate::Store::range`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeResult {
    /// The revision the read saw.
    pub revision: Revision,
    /// The entries, ascending by key.
    pub entries: Vec<Entry>,
    /// Whether `limit` cut the answer.
    pub more: bool,
}

/// The bounds an engine holds its callers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest key in bytes.
    pub key: usize,
    /// Longest value in bytes.
    pub value: usize,
    /// Guards plus writes of one transaction.
    pub operations: usize,
    /// All keys and values of one transaction in bytes.
    pub transaction: usize,
}

/// What a store cannot do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The history asked for was compacted.
    #[error("history before revision {} was compacted", .oldest.0)]
    Compacted {
        /// The oldest revision still readable.
        oldest: Revision,
    },
    /// A revision that does not exist yet.
    #[error("revision {} is ahead of the newest, {}", .asked.0, .newest.0)]
    Future {
        /// What was asked for.
        asked: Revision,
        /// What there is.
        newest: Revision,
    },
    /// The watcher was too slow for the engine's buffer.
    #[error("the watcher fell behind by more than {buffer} commits")]
    Lagged {
        /// The bound.
        buffer: usize,
    },
    /// The lease is unknown or has expired.
    #[error("no lease {}", .0.0)]
    NoLease(LeaseId),
    /// A bound was exceeded.
    #[error("{what} of {size} is over the limit of {limit}")]
    TooLarge {
        /// Which bound.
        what: &'static str,
        /// What was asked for.
        size: usize,
        /// The bound.
        limit: usize,
    },
    /// A key is written twice in one transaction.
    #[error("key {0:?} is written twice in one transaction")]
    DuplicateKey(Key),
    /// The files are not a store's, or are damaged; they were kept aside and nothing of them used.
    #[error("the store {} is damaged; it was kept as {}", .path.display(), .kept.display())]
    Corrupt {
        /// The folder of the files.
        path: std::path::PathBuf,
        /// Where it was moved.
        kept: std::path::PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process has the store open.
    #[error("the store {} is in use{}", .path.display(), .pid.map(|pid| format!(" by process {pid}")).unwrap_or_default())]
    InUse {
        /// The folder.
        path: std::path::PathBuf,
        /// Who has it, where known.
        pid: Option<u32>,
    },
    /// The medium failed.
    #[error("cannot {action} the store")]
    Io {
        /// `open`, `write`, `read`.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}
