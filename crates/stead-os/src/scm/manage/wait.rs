//! Waiting for a service by notification.

use std::time::{Duration, Instant};

use super::calls::{Calls, Notified};
use super::error::{Operation, Reason, ScmError};
use super::numbers::access::SERVICE_QUERY_STATUS;
use super::numbers::error::{ERROR_SERVICE_MARKED_FOR_DELETE, ERROR_SERVICE_NOTIFY_CLIENT_LAGGING};
use super::status::ServiceStatus;
use super::{Called, Failing as _, Scm, Win32Error};

/// The bounds within which a tenth of the wait hint is the time between two looks at a
/// checkpoint: the documentation of `StartService` has them.
const LOOK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// The time between two looks at a service that is marked for deletion: nobody is notified of
/// those.
const LOOK_AT_MARKED: Duration = Duration::from_millis(250);

impl<C: Calls> Scm<C> {
    /// Waits until the service is as asked for, and gives its status then. `progress` hears of
    /// every change, of how it stands first.
    ///
    /// The system notifies of new states. It does not of checkpoints, so that a service is looked
    /// at now and then as long as its state is a pending one. A state that passes quickly may be
    /// missed: let `until` take what can follow, too (when it is to run, stopped).
    ///
    /// Fails with [`Reason::Deadline`] when the deadline passes. The work is done, and the
    /// closures are called, on a thread of its own, whose waiting is alertable.
    pub fn wait(
        &self,
        name: &str,
        until: impl Fn(&ServiceStatus) -> bool + Send,
        deadline: Instant,
        progress: impl FnMut(&ServiceStatus) + Send,
    ) -> Result<ServiceStatus, ScmError> {
        let watched = std::thread::scope(|scope| {
            let watching = std::thread::Builder::new().name("scm-wait".to_owned());
            match watching.spawn_scoped(scope, || self.watch(name, until, deadline, progress)) {
                Ok(thread) => thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(error) => {
                    let code = error.raw_os_error().unwrap_or_default();
                    Err(Reason::Other(Win32Error(code.cast_unsigned())))
                }
            }
        });
        watched.failing(Operation::Wait, name)
    }

    fn watch(
        &self,
        name: &str,
        until: impl Fn(&ServiceStatus) -> bool,
        deadline: Instant,
        mut progress: impl FnMut(&ServiceStatus),
    ) -> Result<ServiceStatus, Reason> {
        let mut service = self.open(name, SERVICE_QUERY_STATUS).map_err(Reason::of)?;
        let mut told = None;
        let mut status = self.calls.query_status(&service).map_err(Reason::of)?;
        loop {
            if told.replace(status) != Some(status) {
                progress(&status);
            }
            if until(&status) {
                return Ok(status);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Reason::Deadline { last: status });
            }
            let next = self.next(name, &mut service, left.min(look(&status)));
            status = next.map_err(Reason::of)?;
        }
    }

    /// The next status, or the same one again after that time.
    fn next(
        &self,
        name: &str,
        service: &mut C::Service,
        at_most: Duration,
    ) -> Called<ServiceStatus> {
        match self.calls.wait_status_change(service, at_most) {
            Ok(Notified::Status(status)) => return Ok(status),
            Ok(Notified::TimedOut) => {}
            Ok(Notified::DeletePending) => pause(at_most.min(LOOK_AT_MARKED)),
            Err(error) if error.0 == ERROR_SERVICE_MARKED_FOR_DELETE => {
                pause(at_most.min(LOOK_AT_MARKED));
            }
            // Changes came faster than they were taken; only a new handle gets more.
            Err(error) if error.0 == ERROR_SERVICE_NOTIFY_CLIENT_LAGGING => {
                *service = self.open(name, SERVICE_QUERY_STATUS)?;
            }
            Err(error) => return Err(error),
        }
        self.calls.query_status(service)
    }
}

fn look(status: &ServiceStatus) -> Duration {
    if status.is_pending() {
        (status.wait_hint / 10).clamp(LOOK.0, LOOK.1)
    } else {
        Duration::MAX
    }
}

/// Nobody wakes this thread, which is the wait's own.
fn pause(time: Duration) {
    std::thread::park_timeout(time);
}
