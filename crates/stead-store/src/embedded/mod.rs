//! The embedded engine: durable before it answers, nothing to set up.
//!
//! One writer thread turns what waits into a group, appends the group to a log as one checksummed
//! frame, syncs once, and then shows it. Reads come from memory. A snapshot now and then replaces
//! the logs before it. `docs/store.md` has the files, the recovery rules and the measurements.

mod checkpoint;
mod disk;
mod frame;
mod lease;
mod lock;
mod queue;
mod record;
mod recovery;
mod stage;
mod state;
#[cfg(test)]
mod tests;
mod watcher;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use futures::stream::BoxStream;
use tokio::sync::watch;

use self::disk::{Disk, Folder};
use self::lock::FolderLock;
use self::queue::{Queue, Request};
pub use self::state::History;
use self::state::State;
use self::writer::Writer;
use crate::{
    Commit, CommitOutcome, KeyRange, LeaseId, Limits, RangeResult, ReadAt, Revision, Store,
    StoreError, Txn,
};

/// How an [`Embedded`] store behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How much history is kept for watches and reads of the past.
    pub history: History,
    /// The bounds of keys, values and transactions.
    pub limits: Limits,
    /// The logs are replaced by a snapshot when they are longer than this many bytes and longer
    /// than the last snapshot (= 8 MiB).
    pub checkpoint_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history: History::default(),
            limits: Limits::default(),
            checkpoint_bytes: 8 << 20,
        }
    }
}

/// A store in a folder of this machine, for one process at a time.
///
/// Dropping it answers what was asked before, syncs and joins its threads, which takes about as
/// long as one write (or the snapshot being written); streams of [`Store::watch`] end.
pub struct Embedded {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    limits: Limits,
    writer: Mutex<Option<JoinHandle<()>>>,
    // Dropped last: the folder is ours until the writer is gone.
    _lock: Option<FolderLock>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("revision", &*self.shared.news.borrow())
            .finish_non_exhaustive()
    }
}

/// What readers share with the writer.
struct Shared {
    state: RwLock<State>,
    /// The newest durable revision. Its sender lives as long as the writer.
    news: watch::Receiver<Revision>,
}

impl Shared {
    // A panic while the lock is held would end the writer, which closes the store; readers may
    // still look at the last state.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder inside the store's folder that holds its files, and is moved aside when damaged.
const DATA: &str = "data";

impl Embedded {
    /// Opens the store in `folder`, creating both if they are missing. Blocks for as long as it
    /// takes to read the store's files; needs no async runtime.
    ///
    /// Fails with [`StoreError::InUse`] while another process (or another `Embedded`) has it,
    /// with [`StoreError::Corrupt`] when the files are damaged: they are then moved to
    /// `data.corrupt-TIMESTAMP` beside it, and the next `open` begins an empty store.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Io {
            action: "open",
            source,
        };
        let folder = folder.as_ref();
        Folder::open(folder.to_path_buf()).map_err(failed)?;
        let lock = FolderLock::acquire(folder)?;
        let disk = Folder::open(folder.join(DATA)).map_err(failed)?;
        Self::open_on(Arc::new(disk), options, Some(lock))
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        options: Options,
        lock: Option<FolderLock>,
    ) -> Result<Self, StoreError> {
        let mut recovered = recovery::recover(&*disk, &options.history)?;
        let state = std::mem::take(&mut recovered.state);
        let (sender, news) = watch::channel(state.revision);
        let shared = Arc::new(Shared {
            state: RwLock::new(state),
            news,
        });
        let queue = Arc::new(Queue::new());
        let writer = Writer::new(
            disk,
            Arc::clone(&queue),
            Arc::clone(&shared),
            sender,
            options,
            recovered,
        );
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| StoreError::Io {
                action: "open",
                source,
            })?;
        Ok(Self {
            shared,
            queue,
            limits: options.limits,
            writer: Mutex::new(Some(thread)),
            _lock: lock,
        })
    }

    /// Answers what was asked before, then ends the writer and every watch. Later requests are
    /// answered with [`StoreError::Closed`]; reads go on.
    pub fn close(&self) {
        self.queue.close();
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait::async_trait]
impl Store for Embedded {
    async fn commit(&self, txn: Txn) -> Result<CommitOutcome, StoreError> {
        self.limits.check(&txn)?;
        self.queue.ask(|reply| Request::Commit(txn, reply)).await
    }

    async fn range(
        &self,
        range: KeyRange,
        at: ReadAt,
        limit: Option<usize>,
    ) -> Result<RangeResult, StoreError> {
        // Under the lock only what is shared is taken; the reading comes after it.
        let (revision, entries, undo) = {
            let state = self.shared.read();
            let revision = match at {
                ReadAt::Latest => state.revision,
                ReadAt::Revision(asked) if asked > state.revision => {
                    return Err(StoreError::Future {
                        asked,
                        newest: state.revision,
                    });
                }
                ReadAt::Revision(asked) if asked < state.floor => {
                    return Err(StoreError::Compacted {
                        oldest: state.floor,
                    });
                }
                ReadAt::Revision(asked) => asked,
            };
            let undo: Vec<_> = state.after(revision).cloned().collect();
            (revision, state.entries.clone(), undo)
        };
        let limit = limit.unwrap_or(usize::MAX);
        let (entries, more) = state::read(&entries, undo.iter(), &range, limit);
        Ok(RangeResult {
            revision,
            entries,
            more,
        })
    }

    fn watch(&self, after: Revision) -> BoxStream<'static, Result<Arc<Commit>, StoreError>> {
        watcher::watch(Arc::clone(&self.shared), after)
    }

    async fn revision(&self) -> Result<Revision, StoreError> {
        Ok(self.shared.read().revision)
    }

    async fn grant(&self, ttl: Duration) -> Result<LeaseId, StoreError> {
        self.queue.ask(|reply| Request::Grant(ttl, reply)).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.queue
            .ask(|reply| Request::KeepAlive(lease, reply))
            .await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), StoreError> {
        self.queue.ask(|reply| Request::Revoke(lease, reply)).await
    }

    async fn compact(&self, revision: Revision) -> Result<(), StoreError> {
        self.queue
            .ask(|reply| Request::Compact(revision, reply))
            .await
    }

    fn limits(&self) -> Limits {
        self.limits
    }
}
