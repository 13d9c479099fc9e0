//! The one thread that writes. It takes what waits as a group, decides it, makes it durable with
//! one sync, shows it to readers and watchers, and only then answers.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::checkpoint::Snapshot;
use super::disk::Disk;
use super::frame::{Ahead, FrameFile, Kind};
use super::lease::Leases;
use super::queue::{Queue, Request, Wake};
use super::record::Record;
use super::recovery::{Recovered, unix_millis};
use super::stage::{Stage, Staged};
use super::{Options, Shared};
use crate::{CommitOutcome, LeaseId, Revision, StoreError};

/// Keys and values of one group, roughly; a single larger transaction is a group of its own.
const GROUP_BYTES: usize = 4 << 20;
/// The longest a group waits for as many requests as the last one had.
const GATHER_MAX: Duration = Duration::from_millis(1);
/// How long an expiry waits after the disk refused it.
const EXPIRY_RETRY: Duration = Duration::from_secs(1);
/// Bytes of log between attempts when a snapshot cannot be written.
const CHECKPOINT_RETRY: u64 = 4 << 20;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// An answer that waits for the sync.
enum Answer {
    Commit(Reply<CommitOutcome>, Result<CommitOutcome, StoreError>),
    Grant(Reply<LeaseId>, LeaseId),
    Renew(Reply<()>, LeaseId),
    Unit(Reply<()>, Result<(), StoreError>),
}

pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    news: watch::Sender<Revision>,
    options: Options,
    leases: Leases,
    log: FrameFile,
    number: u64,
    /// The log may hold something after its last acknowledged frame.
    unclean: bool,
    log_bytes: u64,
    snapshot_bytes: u64,
    /// Size of the logs at which the next snapshot is due.
    checkpoint_at: u64,
    checkpoint: Option<JoinHandle<io::Result<u64>>>,
    expiry_not_before: Option<Instant>,
    /// How long the last sync took.
    sync_time: Duration,
    /// How many requests the last group had.
    group_size: usize,
    group: Vec<(Request, OwnedSemaphorePermit)>,
    payload: Vec<u8>,
}

impl Writer {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        queue: Arc<Queue>,
        shared: Arc<Shared>,
        news: watch::Sender<Revision>,
        options: Options,
        recovered: Recovered,
    ) -> Self {
        let Recovered {
            state: _,
            leases,
            log,
            number,
            log_bytes,
            snapshot_bytes,
        } = recovered;
        Self {
            disk,
            queue,
            shared,
            news,
            options,
            leases,
            log,
            number,
            unclean: false,
            log_bytes,
            snapshot_bytes,
            checkpoint_at: options.checkpoint_bytes.max(snapshot_bytes),
            checkpoint: None,
            expiry_not_before: None,
            sync_time: Duration::ZERO,
            group_size: 0,
            group: Vec::new(),
            payload: Vec::new(),
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _abandon = Abandon(Arc::clone(&self.queue));
        loop {
            match self.queue.wait(self.next_expiry()) {
                Wake::Requests | Wake::Deadline => {
                    self.commit_group();
                    self.checkpoint_if_due();
                }
                Wake::Checkpoint => self.finish_checkpoint(),
                Wake::Closed => break,
            }
        }
        self.finish_checkpoint();
        if !self.unclean {
            // A good frame after the last one, so that damage to that one is seen as damage.
            self.payload.clear();
            Record::Closed.encode(&mut self.payload);
            let _ = self.log.append(&self.payload, Ahead::Nothing);
        }
    }

    fn next_expiry(&self) -> Option<Instant> {
        let deadline = self.leases.next_deadline()?;
        Some(
            self.expiry_not_before
                .map_or(deadline, |at| at.max(deadline)),
        )
    }

    fn commit_group(&mut self) {
        // Whoever was answered just now may ask again at once. Those that come while the sync runs
        // wait for the next one, so a short wait before it spares them a long one.
        let patience = (self.sync_time / 2).min(GATHER_MAX);
        self.queue.gather(self.group_size, patience);
        self.queue.take(GROUP_BYTES, &mut self.group);
        self.group_size = self.group.len();
        let now = Instant::now();
        let at = unix_millis();
        let mut answers = Vec::with_capacity(self.group.len());
        let mut permits = Vec::with_capacity(self.group.len());
        let staged = {
            let seen = self.shared.read();
            let payload = std::mem::take(&mut self.payload);
            let mut stage = Stage::new(&seen.entries, seen.revision, &self.leases, at, payload);
            if self.expiry_not_before.is_none_or(|at| at <= now) {
                // Who asked for renewal in time is not to pay for a slow disk.
                let renewed = |lease: &LeaseId| {
                    self.group.iter().any(|(request, _)| {
                        matches!(request, Request::KeepAlive(renewed, _) if renewed == lease)
                    })
                };
                for lease in self.leases.due(now) {
                    if !renewed(&lease) {
                        // A due lease exists until a group ends it.
                        let _ = stage.end_lease(lease);
                    }
                }
            }
            for (request, permit) in self.group.drain(..) {
                answers.push(decide(&mut stage, request));
                permits.push(permit);
            }
            stage.result
        };
        let durable = if staged.payload.is_empty() {
            Ok(())
        } else {
            self.make_durable(&staged.payload)
        };
        match durable {
            Ok(()) => {
                self.expiry_not_before = None;
                self.apply(staged, at, now);
            }
            Err(ref error) => {
                tracing::error!(%error, "a group of writes was not made durable; it is undone");
                self.expiry_not_before = Some(now + EXPIRY_RETRY);
            }
        }
        // Callers that no longer listen have no use for the answer.
        for answer in answers {
            match answer {
                // In memory only: it holds whatever the disk says.
                Answer::Renew(reply, lease) => drop(reply.send(if self.leases.renew(lease, now) {
                    Ok(())
                } else {
                    Err(StoreError::NoLease(lease))
                })),
                Answer::Commit(reply, result) => drop(reply.send(after(&durable, result))),
                Answer::Grant(reply, lease) => drop(reply.send(after(&durable, Ok(lease)))),
                Answer::Unit(reply, result) => drop(reply.send(after(&durable, result))),
            }
        }
    }

    fn make_durable(&mut self, payload: &[u8]) -> io::Result<()> {
        if self.unclean {
            self.log.cut()?;
            self.unclean = false;
        }
        let start = self.log.end();
        let begun = Instant::now();
        let written = self
            .log
            .append(payload, Ahead::Zeros)
            .and_then(|()| self.log.sync());
        self.sync_time = begun.elapsed();
        if written.is_err() {
            self.log.rewind(start);
            // Take it back now if the disk lets us, else before the next group.
            self.unclean = self.log.cut().is_err();
        } else {
            self.log_bytes += self.log.end() - start;
        }
        written
    }

    fn apply(&mut self, staged: Staged, at: u64, now: Instant) {
        for (lease, ttl) in staged.granted {
            self.leases.begin(lease, ttl, now);
        }
        let news = staged.commits.last().map(|commit| commit.revision);
        if news.is_some() || staged.compacted.is_some() {
            let mut state = self.shared.write();
            for commit in staged.commits {
                state.apply(commit, at, |key, old, new| {
                    if let Some(lease) = old.and_then(|held| held.lease) {
                        self.leases.detach(lease, key);
                    }
                    if let Some(lease) = new.and_then(|held| held.lease) {
                        self.leases.attach(lease, key);
                    }
                });
            }
            if let Some(revision) = staged.compacted {
                state.compact(revision);
            }
            state.trim(&self.options.history, at);
        }
        for lease in staged.ended {
            self.leases.end(lease);
        }
        if let Some(revision) = news {
            self.news.send_replace(revision);
        }
        self.payload = staged.payload;
        self.payload.clear();
        self.payload.shrink_to(GROUP_BUFFER_KEPT);
    }

    fn checkpoint_if_due(&mut self) {
        if self.log_bytes < self.checkpoint_at || self.checkpoint.is_some() || self.unclean {
            return;
        }
        if let Err(error) = self.start_checkpoint() {
            tracing::warn!(%error, "no new log could be begun; the old one grows on");
            self.checkpoint_at = self.log_bytes + CHECKPOINT_RETRY;
        }
    }

    /// Goes on in a new log and writes a snapshot of all before it in the background.
    fn start_checkpoint(&mut self) -> io::Result<()> {
        let covered = self.number;
        let mut next = FrameFile::create(&*self.disk, Kind::Log, covered + 1)?;
        next.finish(&*self.disk)?;
        self.log = next;
        self.number = covered + 1;
        let snapshot = Snapshot::of(
            &self.shared.read(),
            self.leases.last(),
            self.leases.iter().collect(),
        );
        let disk = Arc::clone(&self.disk);
        let over = CheckpointOver(Arc::clone(&self.queue));
        self.checkpoint = Some(
            std::thread::Builder::new()
                .name("store-snapshot".to_owned())
                .spawn(move || {
                    let _over = over;
                    snapshot.write(&*disk, covered)
                })?,
        );
        Ok(())
    }

    fn finish_checkpoint(&mut self) {
        let Some(thread) = self.checkpoint.take() else {
            return;
        };
        let written = thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the snapshot's thread panicked")));
        match written {
            Ok(bytes) => {
                self.snapshot_bytes = bytes;
                self.log_bytes = self.log.end();
                self.checkpoint_at = self.options.checkpoint_bytes.max(bytes);
            }
            Err(error) => {
                tracing::warn!(%error, "no snapshot could be written; the logs grow on");
                self.checkpoint_at = self.log_bytes + CHECKPOINT_RETRY;
            }
        }
    }
}

/// Room for the next group's records that is kept between groups.
const GROUP_BUFFER_KEPT: usize = 64 << 10;

fn decide(stage: &mut Stage<'_>, request: Request) -> Answer {
    match request {
        Request::Commit(txn, reply) => Answer::Commit(reply, stage.commit(&txn)),
        Request::Grant(ttl, reply) => Answer::Grant(reply, stage.grant(ttl)),
        Request::KeepAlive(lease, reply) if stage.has_lease(lease) => Answer::Renew(reply, lease),
        Request::KeepAlive(lease, reply) => Answer::Unit(reply, Err(StoreError::NoLease(lease))),
        Request::Revoke(lease, reply) => Answer::Unit(reply, stage.end_lease(lease)),
        Request::Compact(revision, reply) => Answer::Unit(reply, stage.compact(revision)),
    }
}

/// The result, if its group is durable.
fn after<T>(durable: &io::Result<()>, result: Result<T, StoreError>) -> Result<T, StoreError> {
    match durable {
        Ok(()) => result,
        Err(error) => Err(StoreError::Io {
            action: "write",
            source: match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            },
        }),
    }
}

/// However the writer ends, nobody waits for it forever.
struct Abandon(Arc<Queue>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Tells the writer, even after a panic.
struct CheckpointOver(Arc<Queue>);

impl Drop for CheckpointOver {
    fn drop(&mut self) {
        self.0.checkpoint_over();
    }
}
