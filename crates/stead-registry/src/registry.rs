use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use stead_store::{CommitOutcome, KeyRange, Limits, ReadAt, Revision, Store, Txn, Write};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::groups::Groups;
use crate::keys::{self, Grave};
use crate::progress::Progress;
use crate::view::View;
use crate::{Query, RegistryError};

/// The layout of the keys; see [`crate::keys`].
const LAYOUT: &str = "1";
/// Attempts of one change against others that change the same. Those of one process take turns
/// after the first, so only other servers can use these up.
const TRIES_MAX: usize = 64;
/// Changes that take turns are told apart by this many places.
const TURNS: usize = 256;
/// Tombstones kept; beyond, the older half is forgotten and the floor raised.
const TOMBSTONES_MAX: usize = 16_384;
/// Tombstones forgotten in one transaction: a guard and a write each, and the floor.
const FORGET_MAX: usize = 60;
/// A node's name, a service's or a check's, in bytes.
const NAME_MAX: usize = 512;

/// What a client compares and waits on: an answer's revision, never 0.
pub type Index = u64;

/// How a registry is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data centre this registry is of. Default `dc1`.
    pub datacenter: String,
    /// Tombstones kept before the older half is forgotten. Default 16,384.
    pub tombstones_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            datacenter: "dc1".to_owned(),
            tombstones_max: TOMBSTONES_MAX,
        }
    }
}

/// An answer. Its bytes are shared by all who asked the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The index to wait on next.
    pub index: Index,
    /// The answer: JSON, except for [`Query::Raw`]. `None`: there is no such key.
    pub bytes: Option<Bytes>,
}

/// Catalogue, health and key-value state over a store. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) view: RwLock<Arc<View>>,
    pub(crate) groups: Groups,
    pub(crate) progress: Progress,
    pub(crate) closing: CancellationToken,
    pub(crate) tasks: TaskTracker,
    options: Options,
    turns: Vec<Semaphore>,
}

impl Registry {
    /// Lists the store and starts to follow it. Must be called within a tokio runtime.
    pub async fn open(store: Arc<dyn Store>, options: Options) -> Result<Self, RegistryError> {
        mark_layout(&*store).await?;
        let view = list(&*store).await?;
        let inner = Arc::new(Inner {
            store,
            view: RwLock::new(Arc::new(view)),
            groups: Groups::default(),
            progress: Progress::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
            options,
            turns: (0..TURNS).map(|_| Semaphore::new(1)).collect(),
        });
        inner.progress.reach(inner.view().revision);
        let registry = Self { inner };
        registry
            .inner
            .tasks
            .spawn(crate::follow::follow(Arc::clone(&registry.inner)));
        Ok(registry)
    }

    /// The data centre.
    pub fn datacenter(&self) -> &str {
        &self.inner.options.datacenter
    }

    /// The revision that reads are served from.
    pub fn revision(&self) -> Revision {
        self.view().revision
    }

    /// How many wait for a change at this moment.
    pub fn waiters(&self) -> usize {
        self.inner.groups.waiters()
    }

    /// Answers a question; with `after` (and not 0) once the answer's index is greater, or with
    /// what there is when `until` has come or the registry closes.
    pub async fn ask(&self, query: Query, after: Option<Index>, until: Instant) -> Answer {
        let after = Revision(after.unwrap_or(0));
        let waits = after.0 > 0;
        // The place is taken before the index is compared: a change in between rings its bell.
        let seat = self.inner.groups.join(query, waits);
        let mut over = !waits;
        loop {
            let bell = seat.bell().notified();
            let view = self.view();
            if over || seat.age(&view).index > after {
                let (age, bytes) = seat.answer(&view);
                // A tombstone that was forgotten must not take the client's index back.
                let index = if after <= view.revision {
                    age.index.max(after)
                } else {
                    age.index
                };
                return Answer {
                    index: index.0,
                    bytes,
                };
            }
            drop(view);
            tokio::select! {
                () = bell => {}
                () = tokio::time::sleep_until(until) => over = true,
                () = self.inner.closing.cancelled() => over = true,
            }
        }
    }

    /// Answers with what there is.
    pub fn ask_now(&self, query: Query) -> Answer {
        let seat = self.inner.groups.join(query, false);
        let (age, bytes) = seat.answer(&self.view());
        Answer {
            index: age.index.0,
            bytes,
        }
    }

    /// Returns once the view holds everything that was durable when this was called.
    pub async fn sync(&self) -> Result<(), RegistryError> {
        let revision = self
            .inner
            .store
            .revision()
            .await
            .map_err(RegistryError::Read)?;
        self.reach(revision).await
    }

    /// Stops following the store, answers everybody who waits, and returns when all is done.
    pub async fn close(&self) {
        self.inner.closing.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.inner.view()
    }

    pub(crate) fn limits(&self) -> Limits {
        self.inner.store.limits()
    }

    /// Returns once the view holds `revision`.
    pub(crate) async fn reach(&self, revision: Revision) -> Result<(), RegistryError> {
        tokio::select! {
            biased;
            () = self.inner.progress.wait(revision) => Ok(()),
            () = self.inner.closing.cancelled() => Err(RegistryError::Closed),
        }
    }

    /// Reads, decides and writes, as if nobody else did in between: `plan` is asked again when
    /// what it saw has changed. Returns once the view holds the result.
    ///
    /// Changes with equal `turn` wait for one another once two of them have met.
    pub(crate) async fn change<T>(
        &self,
        turn: &Bytes,
        mut plan: impl FnMut(&View) -> Result<(Txn, T), RegistryError>,
    ) -> Result<T, RegistryError> {
        let turns = self.inner.turn(turn);
        let mut taken = match turns.available_permits() {
            0 => turns.acquire().await.ok(),
            _ => None,
        };
        for _ in 0..TRIES_MAX {
            let (txn, result) = plan(&self.view())?;
            if txn.guards.is_empty() && txn.writes.is_empty() {
                return Ok(result);
            }
            let writes = !txn.writes.is_empty();
            match self.commit(txn).await? {
                CommitOutcome::Done(revision) => {
                    self.reach(revision).await?;
                    if writes {
                        self.forget_tombstones();
                    }
                    return Ok(result);
                }
                CommitOutcome::Conflict { revision, .. } => {
                    if taken.is_none() {
                        taken = turns.acquire().await.ok();
                    }
                    self.reach(revision).await?;
                }
            }
        }
        Err(RegistryError::Contended { tries: TRIES_MAX })
    }

    async fn commit(&self, txn: Txn) -> Result<CommitOutcome, RegistryError> {
        if self.inner.closing.is_cancelled() {
            return Err(RegistryError::Closed);
        }
        self.inner
            .store
            .commit(txn)
            .await
            .map_err(RegistryError::Store)
    }

    /// Starts to forget the older half of the tombstones when there are too many.
    fn forget_tombstones(&self) {
        let max = self.inner.options.tombstones_max;
        if self.view().graves() <= max {
            return;
        }
        let registry = self.clone();
        self.inner.tasks.spawn(async move {
            // One at a time is enough, and the second finds nothing to do.
            let Ok(_turn) = registry.inner.turns[0].acquire().await else {
                return;
            };
            while registry.view().graves() > max / 2 {
                let txn = forget(&registry.view());
                match registry.commit(txn).await {
                    Ok(CommitOutcome::Done(revision)) => {
                        if registry.reach(revision).await.is_err() {
                            return;
                        }
                    }
                    Ok(CommitOutcome::Conflict { .. }) => return,
                    Err(error) => {
                        tracing::warn!(%error, "old tombstones could not be forgotten");
                        return;
                    }
                }
            }
        });
    }
}

impl Inner {
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn turn(&self, subject: &Bytes) -> &Semaphore {
        let mut hasher = DefaultHasher::new();
        subject.hash(&mut hasher);
        // The first place is the tombstones'.
        let place = hasher.finish() % (TURNS as u64 - 1) + 1;
        &self.turns[usize::try_from(place).unwrap_or(1)]
    }
}

/// Lists everything.
pub(crate) async fn list(store: &dyn Store) -> Result<View, RegistryError> {
    let everything = KeyRange::prefix(Bytes::new());
    let listed = store
        .range(everything, ReadAt::Latest, None)
        .await
        .map_err(RegistryError::Read)?;
    Ok(View::load(listed.entries, listed.revision))
}

/// Writes the layout's version into an empty store. So the first revision is never a client's,
/// and the index 1 can mean "never there".
async fn mark_layout(store: &dyn Store) -> Result<(), RegistryError> {
    let key = keys::format();
    let txn = Txn {
        guards: vec![stead_store::Guard::Absent(key.clone())],
        writes: vec![Write::Put {
            key: key.clone(),
            value: Bytes::from_static(LAYOUT.as_bytes()),
            lease: None,
        }],
    };
    if let CommitOutcome::Done(_) = store.commit(txn).await.map_err(RegistryError::Store)? {
        return Ok(());
    }
    let found = store
        .range(KeyRange::key(key), ReadAt::Latest, Some(1))
        .await
        .map_err(RegistryError::Read)?;
    match found.entries.first() {
        Some(entry) if entry.value == LAYOUT.as_bytes() => Ok(()),
        other => Err(RegistryError::Layout {
            found: other
                .map(|entry| String::from_utf8_lossy(&entry.value).into_owned())
                .unwrap_or_default(),
            known: LAYOUT,
        }),
    }
}

/// The transaction that forgets the oldest tombstones and raises the floor to the newest of them.
fn forget(view: &View) -> Txn {
    let keys = view
        .dead_keys
        .iter()
        .map(|(k, at)| (*at, Grave::Key(k.clone())));
    let trees = view
        .dead_trees
        .iter()
        .map(|(k, at)| (*at, Grave::Tree(k.clone())));
    let others = view.graves.iter().map(|(grave, at)| (*at, grave.clone()));
    let mut all: Vec<(Revision, Grave)> = keys.chain(trees).chain(others).collect();
    all.sort_unstable();
    all.truncate(FORGET_MAX);
    let floor = all.last().map_or(view.floor, |(at, _)| *at).max(view.floor);
    let mut writes = vec![Write::Put {
        key: keys::floor(),
        value: Bytes::copy_from_slice(&floor.0.to_be_bytes()),
        lease: None,
    }];
    let mut guards = Vec::new();
    for (at, grave) in all {
        let key = keys::grave(&grave);
        guards.push(stead_store::Guard::Modified(key.clone(), at));
        writes.push(Write::Delete(key));
    }
    Txn { guards, writes }
}

/// Refuses a name that the layout of the keys cannot hold.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), RegistryError> {
    let why = if name.contains('\0') {
        "contains a NUL byte"
    } else if name.len() > NAME_MAX {
        "is longer than 512 bytes"
    } else {
        return Ok(());
    };
    Err(RegistryError::InvalidName {
        what,
        name: name.chars().take(64).collect(),
        why,
    })
}
