//! Whether a service is to end, known at once to whoever looks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;

/// Says that the service was asked to end, however much of its queue is still unread. Clones are
/// the same.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    level: AtomicU8,
    platform: AtomicWaker,
    service: AtomicWaker,
}

const ASKED: u8 = 1;
const INSISTED: u8 = 2;

/// Who waits. Each of the two has one waker, that of the last to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// Who tells the platform that the stop has begun.
    Platform,
    /// The service itself.
    Service,
}

impl Ending {
    /// Whether the service was asked to end.
    pub fn is_asked(&self) -> bool {
        self.shared.level.load(Ordering::Acquire) >= ASKED
    }

    /// Whether somebody wants it to end at once, whatever it is doing: a second Ctrl+C.
    pub fn is_insisted(&self) -> bool {
        self.shared.level.load(Ordering::Acquire) >= INSISTED
    }

    /// Ready once the service was asked to end.
    pub fn poll_asked(&self, context: &mut Context<'_>, watcher: Watcher) -> Poll<()> {
        self.poll(ASKED, context, watcher)
    }

    /// Ready once somebody insists.
    pub fn poll_insisted(&self, context: &mut Context<'_>, watcher: Watcher) -> Poll<()> {
        self.poll(INSISTED, context, watcher)
    }

    /// Insists.
    pub fn insist(&self) {
        self.raise(INSISTED);
    }

    pub(super) fn ask(&self) {
        self.raise(ASKED);
    }

    fn raise(&self, level: u8) {
        if self.shared.level.fetch_max(level, Ordering::AcqRel) < level {
            self.shared.platform.wake();
            self.shared.service.wake();
        }
    }

    fn poll(&self, level: u8, context: &mut Context<'_>, watcher: Watcher) -> Poll<()> {
        let waker = match watcher {
            Watcher::Platform => &self.shared.platform,
            Watcher::Service => &self.shared.service,
        };
        waker.register(context.waker());
        if self.shared.level.load(Ordering::Acquire) >= level {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
