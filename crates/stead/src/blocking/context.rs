//! What a blocking service knows and can say while it runs.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use stead_os::control::{self, Control};

use crate::inbox::Inbox;
use crate::report::{Report, Reports};
use crate::run::Surroundings;
use crate::work::{DRAIN_MARGIN, Unfinished, Work, WorkGuard};

/// The service's side of its surroundings. Clones are cheap and the same, and
/// may be used by any thread.
#[derive(Clone, Debug)]
pub struct Context {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    arguments: Vec<OsString>,
    /// How often the watchdog is pinged, if there is one.
    ping_every: Option<Duration>,
    inbox: Inbox,
    reports: Arc<Reports>,
    ready: AtomicBool,
    work: Work,
}

impl Context {
    pub(crate) fn new(surroundings: Surroundings) -> Self {
        let patience = surroundings.environment.watchdog;
        Self {
            shared: Arc::new(Shared {
                name: surroundings.name,
                arguments: surroundings.arguments,
                ping_every: patience.map(|patience| patience / 2),
                inbox: surroundings.inbox,
                reports: surroundings.reports,
                ready: AtomicBool::new(false),
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
    /// start. Saying it again changes nothing.
    ///
    /// Until then it is starting, for the service control manager too.
    pub fn ready(&self) {
        if !self.shared.ready.swap(true, Ordering::AcqRel) {
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

    /// Tells the watchdog, if there is one, that the service lives.
    pub fn alive(&self) {
        if self.shared.ping_every.is_some() {
            self.shared.reports.tell(Report::Alive);
        }
    }

    /// Blocks until the service is asked or told something that it
    /// [accepts](super::Service::ACCEPTS); `None` after one that
    /// [ends](Control::ends) it.
    ///
    /// Say when it is done: [`paused`](Self::paused), [`resumed`](Self::resumed),
    /// [`reloaded`](Self::reloaded). In order; of two threads that wait, one
    /// gets it.
    pub fn control(&self) -> Option<Control> {
        self.wait(None, |context| self.poll_control(context))
            .flatten()
    }

    /// As [`control`](Self::control), for a time at most: a rest between two
    /// pieces of work that ends as soon as there is something to do. `None`
    /// means that the time is over, or that the service is to end;
    /// [`is_stopping`](Self::is_stopping) says which.
    pub fn control_within(&self, time: Duration) -> Option<Control> {
        // A time that no clock can tell is for ever.
        let deadline = Instant::now().checked_add(time);
        self.wait(deadline, |context| self.poll_control(context))
            .flatten()
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

    /// Whether the service is to stop, even if it has not yet taken the control
    /// that says so.
    pub fn is_stopping(&self) -> bool {
        self.shared.inbox.ending().is_asked()
    }

    /// Counts a piece of work in flight, until the guard is dropped.
    pub fn work(&self) -> WorkGuard {
        self.shared.work.begin()
    }

    /// How many pieces of work are in flight.
    pub fn in_flight(&self) -> usize {
        self.shared.work.in_flight()
    }

    /// Blocks until no work is in flight, at most until the deadline.
    ///
    /// Stop accepting new work first; work begun meanwhile is waited for too.
    /// The deadline should be shorter than the grace the supervisor gives (10 s
    /// unless the definition says otherwise), or the process is killed first.
    pub fn drain(&self, deadline: Duration) -> Result<(), Unfinished> {
        let work = &self.shared.work;
        let count = work.in_flight();
        if count > 0 {
            self.status(&format!("draining, {count} in flight"));
            self.progress(deadline.saturating_add(DRAIN_MARGIN));
            tracing::info!(count, "draining");
        }
        let until = Instant::now().checked_add(deadline);
        self.wait(until, |context| work.poll_done(context))
            .ok_or_else(|| Unfinished {
                count: work.in_flight(),
                deadline,
            })
    }

    fn poll_control(&self, context: &mut task::Context<'_>) -> Poll<Option<Control>> {
        self.shared.inbox.poll_next(context, &self.shared.reports)
    }

    /// Waits, and pings the watchdog meanwhile.
    fn wait<T>(
        &self,
        deadline: Option<Instant>,
        mut poll: impl FnMut(&mut task::Context<'_>) -> Poll<T>,
    ) -> Option<T> {
        let Some(every) = self.shared.ping_every else {
            return control::wait(deadline, poll);
        };
        loop {
            self.alive();
            let ping = Instant::now() + every;
            let last = deadline.filter(|deadline| *deadline <= ping);
            let item = control::wait(last.or(Some(ping)), &mut poll);
            if item.is_some() || last.is_some() {
                return item;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use stead_os::control::ring::Receiver;
    use stead_os::control::{Accepted, Poster, channel};

    use super::*;
    use crate::environment::Environment;

    fn context(watchdog: Option<Duration>) -> (Context, Poster, Receiver<Report>) {
        let (poster, controls) = channel(Accepted::ENDING | Accepted::PAUSE);
        let (reports, told) = Reports::new();
        let context = Context::new(Surroundings {
            name: "sweeper".into(),
            arguments: Vec::new(),
            environment: Environment {
                watchdog,
                ..Environment::default()
            },
            inbox: Inbox::new(controls),
            reports: Arc::new(reports),
            work: Work::default(),
        });
        (context, poster, told)
    }

    #[test]
    fn a_rest_is_cut_short_by_a_control() {
        let (context, mut poster, mut told) = context(None);
        assert_eq!(context.control_within(Duration::from_millis(1)), None);
        assert!(!context.is_stopping());
        poster.post(Control::Pause).unwrap();
        assert_eq!(context.control_within(Duration::MAX), Some(Control::Pause));
        assert_eq!(told.try_receive(), Some(Report::Pausing));
        poster.post(Control::Stop).unwrap();
        assert!(context.is_stopping(), "before it is taken");
        assert_eq!(context.control(), Some(Control::Stop));
        assert_eq!(context.control(), None);
        assert_eq!(context.control_within(Duration::MAX), None);
        context.alive();
        assert_eq!(told.try_receive(), None, "there is no watchdog");
    }

    #[test]
    fn the_watchdog_hears_of_a_service_that_waits() {
        let patience = Duration::from_millis(20);
        let (context, mut poster, mut told) = context(Some(patience));
        let waiting = std::thread::spawn(move || context.control());
        for _ in 0..4 {
            assert_eq!(told.receive(), Some(Report::Alive));
        }
        poster.post(Control::Stop).unwrap();
        assert_eq!(waiting.join().unwrap(), Some(Control::Stop));
    }

    #[test]
    fn draining_waits_for_threads() {
        let (context, _poster, _told) = context(None);
        let stuck = context.work();
        let deadline = Duration::from_millis(5);
        let unfinished = context.drain(deadline).unwrap_err();
        assert_eq!(unfinished, Unfinished { count: 1, deadline });
        let other = context.work();
        let finishing = std::thread::spawn(move || drop((stuck, other)));
        assert_eq!(context.drain(Duration::from_secs(20)), Ok(()));
        assert_eq!(context.in_flight(), 0);
        finishing.join().unwrap();
    }
}
