//! Counting the work in flight.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What a service may need after its drain to come to its end.
pub(crate) const DRAIN_MARGIN: Duration = Duration::from_secs(2);

/// How much work is in flight. Clones count the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Work {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicUsize,
    /// Who waits for there to be none.
    waiting: Mutex<Vec<Waker>>,
}

/// A piece of work in flight: counted until it is dropped.
#[derive(Debug)]
#[must_use = "the work counts as done once this is dropped"]
pub struct WorkGuard {
    shared: Arc<Shared>,
}

/// The deadline of a drain passed with work in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{count} in flight were not finished within {deadline:?}")]
pub struct Unfinished {
    /// How many pieces of work.
    pub count: usize,
    /// How long they were waited for.
    pub deadline: Duration,
}

impl Work {
    pub(crate) fn begin(&self) -> WorkGuard {
        self.shared.count.fetch_add(1, Ordering::AcqRel);
        WorkGuard {
            shared: Arc::clone(&self.shared),
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.shared.count.load(Ordering::Acquire)
    }

    /// Ready when no work is in flight.
    pub(crate) fn poll_done(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.in_flight() == 0 {
            return Poll::Ready(());
        }
        {
            let mut waiting = lock(&self.shared.waiting);
            if !waiting.iter().any(|it| it.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
        }
        // The last may have ended before it could see who waits.
        if self.in_flight() == 0 {
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for WorkGuard {
    fn drop(&mut self) {
        if self.shared.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            let waiting = std::mem::take(&mut *lock(&self.shared.waiting));
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

fn lock(waiting: &Mutex<Vec<Waker>>) -> std::sync::MutexGuard<'_, Vec<Waker>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
