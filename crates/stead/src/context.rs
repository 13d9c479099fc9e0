//! What a service knows and can say while it runs.

use std::sync::Arc;
use std::time::Duration;

use stead_client::{RegistryAddress, RegistryClient};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::notify::Notifier;

/// The service's side of its surroundings. Clones are cheap and the same.
#[derive(Clone, Debug)]
pub struct Context {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    registry: RegistryAddress,
    notifier: Arc<Notifier>,
    ready: CancellationToken,
    stopping: CancellationToken,
    work: TaskTracker,
}

/// A piece of work in flight: counted until it is dropped.
#[derive(Debug)]
#[must_use = "the work counts as done once this is dropped"]
pub struct WorkGuard {
    _token: TaskTrackerToken,
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

impl Context {
    pub(crate) fn new(
        name: String,
        registry: RegistryAddress,
        notifier: Arc<Notifier>,
        stopping: CancellationToken,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                name,
                registry,
                notifier,
                ready: CancellationToken::new(),
                stopping,
                work: TaskTracker::new(),
            }),
        }
    }

    /// The name this instance runs under.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Says that the service does its work from now on. What depends on it may
    /// start, and heartbeats begin. Saying it again changes nothing.
    pub fn ready(&self) {
        if !self.shared.ready.is_cancelled() {
            self.shared.ready.cancel();
            self.shared.notifier.send("READY=1");
            tracing::info!("ready");
        }
    }

    /// Says in a line what the service is doing; `stead status` shows it. Line
    /// breaks become spaces.
    pub fn status(&self, text: &str) {
        self.shared.notifier.status(text);
    }

    /// Resolves once the service is to stop, at once if it is already. The
    /// future owns what it needs: it fits where a server wants a shutdown
    /// signal.
    pub fn stopping(&self) -> WaitForCancellationFutureOwned {
        self.shared.stopping.clone().cancelled_owned()
    }

    /// Whether the service is to stop.
    pub fn is_stopping(&self) -> bool {
        self.shared.stopping.is_cancelled()
    }

    /// Counts a piece of work in flight, until the guard is dropped.
    pub fn work(&self) -> WorkGuard {
        WorkGuard {
            _token: self.shared.work.token(),
        }
    }

    /// How many pieces of work are in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.work.len()
    }

    /// Waits until no work is in flight, at most until the deadline.
    ///
    /// Stop accepting new work first; work begun meanwhile is waited for too.
    /// The deadline should be shorter than the grace the supervisor gives (10 s
    /// unless the definition says otherwise), or the process is killed first.
    pub async fn drain(&self, deadline: Duration) -> Result<(), Unfinished> {
        let work = &self.shared.work;
        if !work.is_empty() {
            let count = work.len();
            self.status(&format!("draining, {count} in flight"));
            tracing::info!(count, "draining");
        }
        work.close();
        let outcome = timeout(deadline, work.wait()).await;
        work.reopen();
        outcome.map_err(|_| Unfinished {
            count: work.len(),
            deadline,
        })
    }

    /// A client of the registry this service belongs to.
    pub fn registry(&self) -> RegistryClient {
        RegistryClient::new(self.shared.registry.clone())
    }

    pub(crate) async fn became_ready(&self) {
        self.shared.ready.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context::new(
            "orders".into(),
            RegistryAddress::default(),
            Arc::new(Notifier::new(None)),
            CancellationToken::new(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn draining_waits_for_the_work() {
        let context = context();
        let (first, second) = (context.work(), context.work());
        assert_eq!(context.in_flight(), 2);
        drop(first);
        let finishing = async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(second);
        };
        let (drained, ()) = tokio::join!(context.drain(Duration::from_secs(5)), finishing);
        assert_eq!(drained, Ok(()));
        assert_eq!(context.drain(Duration::ZERO).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn draining_gives_up_at_the_deadline() {
        let context = context();
        let _stuck = (context.work(), context.work());
        let deadline = Duration::from_secs(5);
        let before = tokio::time::Instant::now();
        let unfinished = context.drain(deadline).await.unwrap_err();
        assert_eq!(unfinished, Unfinished { count: 2, deadline });
        assert_eq!(before.elapsed(), deadline);
    }

    #[tokio::test]
    async fn stopping_is_seen_by_all_clones() {
        let context = context();
        let early = context.clone().stopping();
        assert!(!context.is_stopping());
        context.shared.stopping.cancel();
        early.await;
        context.stopping().await;
        assert!(context.is_stopping());
    }
}
