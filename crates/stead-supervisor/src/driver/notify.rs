//! The notify socket a program has of its own (`sd_notify(3)`), and what it says there.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stead_model::name::ServiceName;
use stead_os::notify::{Field, NotifyError, NotifySocket, Received};
use stead_os::process::Process;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::engine::{Report, Reported};
use super::timers::Slot;
use crate::machine::{Event, Notification};

/// A socket that nobody listens to yet.
pub(super) struct Bound(NotifySocket);

/// Ends the listening, and removes the socket, when it is dropped.
pub(super) struct Listening(
    #[expect(dead_code, reason = "held for its drop")] AbortOnDropHandle<()>,
);

/// Makes a socket for one run of a service in `folder`.
pub(super) fn bind(folder: &Path, name: &ServiceName) -> Result<Bound, NotifyError> {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{name}.{}.{run}.notify", std::process::id()));
    // A folder that cannot be made shows when the socket is.
    let _ = std::fs::create_dir_all(folder);
    NotifySocket::bind(path.as_os_str()).map(Bound)
}

impl Bound {
    /// What `NOTIFY_SOCKET` is to say.
    pub(super) fn address(&self) -> OsString {
        self.0.address().to_owned()
    }

    /// Reports what processes of the tree say; what others say is passed over.
    pub(super) fn listen(
        self,
        process: Arc<Process>,
        slot: Slot,
        run: u64,
        report: mpsc::Sender<Report>,
    ) -> Listening {
        let socket = self.0;
        Listening(AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok(Received {
                pid,
                message,
                descriptors,
            }) = socket.recv().await
            {
                if !process.contains(pid) {
                    tracing::warn!(
                        pid,
                        "a notification from outside the service was passed over"
                    );
                    continue;
                }
                for said in message.0.into_iter().filter_map(notification) {
                    let what = Reported::Event(Event::Notified(said));
                    if report.send(Report { slot, run, what }).await.is_err() {
                        return;
                    }
                }
                // Closing these tells a sender that waits on a barrier.
                drop(descriptors);
            }
        })))
    }
}

fn notification(field: Field) -> Option<Notification> {
    Some(match field {
        Field::Ready => Notification::Ready,
        Field::Reloading => Notification::Reloading,
        Field::Stopping => Notification::Stopping,
        Field::Status(text) => Notification::Status(text),
        Field::ExtendTimeout(by) => Notification::ExtendTimeout(by),
        Field::Watchdog => Notification::WatchdogPing,
        Field::WatchdogTrigger => Notification::WatchdogTrigger,
        Field::WatchdogTimeout(interval) => Notification::WatchdogInterval(interval),
        _ => return None,
    })
}
