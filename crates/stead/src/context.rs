//! What an asynchronous service knows and can say while it runs.

use std::ffi::OsString;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "registry")]
use stead_client::{RegistryAddress, RegistryClient};
use stead_os::control::{Control, Ending};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::inbox::Inbox;
use crate::report::{Report, Reports};
use crate::run::Surroundings;
use crate::work::{DRAIN_MARGIN, Unfinished, Work, WorkGuard};

/// The service's side of its surroundings. Clones are cheap and the same.
#[derive(Clone, Debug)]
pub struct Context {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    arguments: Vec<OsString>,
    #[cfg(feature = "registry")]
    registry: RegistryAddress,
    inbox: Inbox,
    reports: Arc<Reports>,
    ready: CancellationToken,
    stopping: CancellationToken,
    work: Work,
}

impl Context {
    pub(crate) fn new(surroundings: Surroundings, stopping: CancellationToken) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: surroundings.name,
                arguments: surroundings.arguments,
                #[cfg(feature = "registry")]
                registry: surroundings.environment.registry,
                inbox: surroundings.inbox,
                reports: surroundings.reports,
                ready: CancellationToken::new(),
                stopping,
                work: surroundings.work,
            }),
        }
    }

    /// The name this instance runs under.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What the program was started with, without its own name and without
    /// `run`. Under Windows' service control manager what the service was
    /// started with follows the command line it is installed with.
    pub fn arguments(&self) -> &[OsString] {
        &self.shared.arguments
    }

    /// Says that the service does its work from now on. What depends on it may
    /// start, and heartbeats begin. Saying it again changes nothing.
    ///
    /// Until then it is starting, for the service control manager too.
    pub fn ready(&self) {
        if !self.shared.ready.is_cancelled() {
            self.shared.ready.cancel();
            self.shared.reports.tell(Report::Ready);
            tracing::info!("ready");
        }
    }

    /// Says in a line what the service is doing; `stead status` shows it. Line
    /// breaks become spaces.
    pub fn status(&self, text: &str) {
        self.shared.reports.tell(Report::Status(text.to_owned()));
    }

    /// Says that a start, stop, pause or resumption that takes long goes on,
    /// and that it is over or said again within this time.
    ///
    /// Under the service control manager the checkpoint rises and this is the
    /// wait hint; to systemd it is `EXTEND_TIMEOUT_USEC`. Where nothing is
    /// pending it changes nothing.
    pub fn progress(&self, within: Duration) {
        self.shared.reports.tell(Report::Progress(within));
    }

    /// The next thing that the service is asked or told, of what it
    /// [accepts](crate::Service::ACCEPTS); `None` after one that
    /// [ends](Control::ends) it.
    ///
    /// Say when it is done: [`paused`](Self::paused), [`resumed`](Self::resumed),
    /// [`reloaded`](Self::reloaded). A service that accepts nothing but the end
    /// can do without and wait for [`stopping`](Self::stopping). Cancel safe; in
    /// order; of two who wait, one gets it.
    pub async fn control(&self) -> Option<Control> {
        poll_fn(|context| self.shared.inbox.poll_next(context, &self.shared.reports)).await
    }

    /// Says that the service has paused.
    pub fn paused(&self) {
        self.shared.reports.tell(Report::Paused);
    }

    /// Says that the service does its work again after a pause.
    pub fn resumed(&self) {
        self.shared.reports.tell(Report::Resumed);
    }

    /// Says that the service goes by its new configuration, or had to keep the
    /// old.
    pub fn reloaded(&self) {
        self.shared.reports.tell(Report::Reloaded);
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
        self.shared.work.begin()
    }

    /// How many pieces of work are in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.work.in_flight()
    }

    /// Waits until no work is in flight, at most until the deadline.
    ///
    /// Stop accepting new work first; work begun meanwhile is waited for too.
    /// The deadline should be shorter than the grace the supervisor gives (10 s
    /// unless the definition says otherwise), or the process is killed first.
    pub async fn drain(&self, deadline: Duration) -> Result<(), Unfinished> {
        let work = &self.shared.work;
        let count = work.in_flight();
        if count > 0 {
            self.status(&format!("draining, {count} in flight"));
            self.progress(deadline.saturating_add(DRAIN_MARGIN));
            tracing::info!(count, "draining");
        }
        let done = timeout(deadline, poll_fn(|context| work.poll_done(context)));
        done.await.map_err(|_| Unfinished {
            count: work.in_flight(),
            deadline,
        })
    }

    /// A client of the registry this service belongs to.
    #[cfg(feature = "registry")]
    pub fn registry(&self) -> RegistryClient {
        RegistryClient::new(self.shared.registry.clone())
    }

    #[cfg(feature = "registry")]
    pub(crate) async fn became_ready(&self) {
        self.shared.ready.cancelled().await;
    }

    pub(crate) fn ending(&self) -> &Ending {
        self.shared.inbox.ending()
    }
}

#[cfg(test)]
mod tests {
    use stead_os::control::ring::Receiver;
    use stead_os::control::{Accepted, Poster, channel};

    use super::*;
    use crate::environment::Environment;

    fn context() -> (Context, Poster, Receiver<Report>) {
        let (poster, controls) = channel(Accepted::ENDING | Accepted::PAUSE | Accepted::RELOAD);
        let (reports, told) = Reports::new();
        let surroundings = Surroundings {
            name: "orders".into(),
            arguments: Vec::new(),
            environment: Environment::default(),
            inbox: Inbox::new(controls),
            reports: Arc::new(reports),
            work: Work::default(),
        };
        let context = Context::new(surroundings, CancellationToken::new());
        (context, poster, told)
    }

    #[tokio::test(start_paused = true)]
    async fn draining_waits_for_the_work() {
        let (context, _, _) = context();
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
        let (context, _, _) = context();
        let _stuck = (context.work(), context.work());
        let deadline = Duration::from_secs(5);
        let before = tokio::time::Instant::now();
        let unfinished = context.drain(deadline).await.unwrap_err();
        assert_eq!(unfinished, Unfinished { count: 2, deadline });
        assert_eq!(before.elapsed(), deadline);
    }

    #[tokio::test]
    async fn stopping_is_seen_by_all_clones() {
        let (context, _, _) = context();
        let early = context.clone().stopping();
        assert!(!context.is_stopping());
        context.shared.stopping.cancel();
        early.await;
        context.stopping().await;
        assert!(context.is_stopping());
    }

    #[tokio::test]
    async fn that_a_control_is_noticed_is_reported() {
        let (context, mut poster, mut told) = context();
        for (control, noticed) in [
            (Control::Pause, Report::Pausing),
            (Control::Continue, Report::Resuming),
            (Control::Reload, Report::Reloading),
        ] {
            poster.post(control).unwrap();
            assert_eq!(told.try_receive(), None);
            assert_eq!(context.control().await, Some(control));
            assert_eq!(told.try_receive(), Some(noticed));
        }
    }

    #[tokio::test]
    async fn the_end_is_the_last_control() {
        let (context, mut poster, _told) = context();
        poster.post(Control::Shutdown).unwrap();
        poster.post(Control::Stop).unwrap();
        poster.post(Control::Pause).unwrap();
        assert_eq!(context.control().await, Some(Control::Shutdown));
        assert_eq!(context.control().await, None);
        assert_eq!(context.control().await, None);
    }
}
