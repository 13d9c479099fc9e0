//! What callers ask of the writer, and the bounded queue it waits at.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{CommitOutcome, LeaseId, Revision, StoreError, Txn};

/// Requests that may wait or be in work; further callers wait before they may ask.
pub(super) const QUEUE_BOUND: usize = 1024;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) enum Request {
    Commit(Txn, Reply<CommitOutcome>),
    Grant(Duration, Reply<LeaseId>),
    KeepAlive(LeaseId, Reply<()>),
    Revoke(LeaseId, Reply<()>),
    Compact(Revision, Reply<()>),
}

impl Request {
    /// Rough bytes it adds to a frame.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Commit(txn, _) => txn.size(),
            _ => 0,
        }
    }
}

/// What made the writer wake.
pub(super) enum Wake {
    /// Requests came.
    Requests,
    /// The deadline passed.
    Deadline,
    /// The checkpoint is over.
    Checkpoint,
    /// Nothing more will come.
    Closed,
}

struct Waiting {
    requests: VecDeque<(Request, OwnedSemaphorePermit)>,
    /// While the writer waits: how many requests are worth waking it for. Waking costs a system
    /// call, so nobody does it for a writer that is at work anyway.
    wanted: Option<usize>,
    checkpoint_over: bool,
    closed: bool,
}

pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    ready: Condvar,
    room: std::sync::Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                requests: VecDeque::new(),
                wanted: None,
                checkpoint_over: false,
                closed: false,
            }),
            ready: Condvar::new(),
            room: std::sync::Arc::new(Semaphore::new(QUEUE_BOUND)),
        }
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, StoreError> {
        let closed = |_| StoreError::Closed;
        let permit = std::sync::Arc::clone(&self.room)
            .acquire_owned()
            .await
            .map_err(closed)?;
        let (reply, answer) = oneshot::channel();
        let wake = {
            let mut waiting = self.lock();
            if waiting.closed {
                return Err(StoreError::Closed);
            }
            waiting.requests.push_back((request(reply), permit));
            let count = waiting.requests.len();
            waiting.wanted.take_if(|wanted| count >= *wanted).is_some()
        };
        if wake {
            self.ready.notify_one();
        }
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Waits for something to do, until `deadline` if there is one.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> Wake {
        let mut waiting = self.lock();
        loop {
            if !waiting.requests.is_empty() {
                return Wake::Requests;
            }
            if waiting.checkpoint_over {
                waiting.checkpoint_over = false;
                return Wake::Checkpoint;
            }
            if waiting.closed {
                return Wake::Closed;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Wake::Deadline;
            }
            waiting = self.sleep(waiting, 1, left);
        }
    }

    /// Waits until `count` requests are there, but no longer than `patience`.
    pub(super) fn gather(&self, count: usize, patience: Duration) {
        let until = Instant::now() + patience;
        let mut waiting = self.lock();
        while waiting.requests.len() < count && !waiting.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            waiting = self.sleep(waiting, count, Some(left));
        }
    }

    fn sleep<'a>(
        &self,
        mut waiting: MutexGuard<'a, Waiting>,
        wanted: usize,
        left: Option<Duration>,
    ) -> MutexGuard<'a, Waiting> {
        waiting.wanted = Some(wanted);
        let mut waiting = match left {
            None => self
                .ready
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner),
            Some(left) => {
                self.ready
                    .wait_timeout(waiting, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        waiting.wanted = None;
        waiting
    }

    /// Takes the next group: what waits, up to `weight`, but at least one.
    pub(super) fn take(&self, weight: usize, group: &mut Vec<(Request, OwnedSemaphorePermit)>) {
        let mut waiting = self.lock();
        let mut sum = 0;
        while let Some((request, _)) = waiting.requests.front() {
            sum += request.weight();
            if sum > weight && !group.is_empty() {
                break;
            }
            group.extend(waiting.requests.pop_front());
        }
    }

    pub(super) fn checkpoint_over(&self) {
        self.lock().checkpoint_over = true;
        self.ready.notify_one();
    }

    /// Takes no further requests; those that wait are still answered.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.close();
        self.ready.notify_one();
    }

    /// Drops what waits; its callers read that the store is closed.
    pub(super) fn abandon(&self) {
        self.close();
        self.lock().requests.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
