//! Tells the manager that runs Stead (systemd, by `NOTIFY_SOCKET`) what becomes of the service it
//! hosts.

use std::sync::Arc;

use stead_supervisor::Status;
use tokio::sync::watch;

/// Passes a service's readiness, reloads, stop and status text on until the supervisor ends.
#[cfg(unix)]
pub(super) async fn pass_on(mut status: watch::Receiver<Arc<Status>>) {
    use stead_model::lifecycle::{Phase, State};
    use stead_os::notify::Field;

    let mut told: (Option<State>, Option<String>) = (None, None);
    loop {
        let now = status.borrow_and_update().clone();
        let mut fields = Vec::new();
        if told.0 != Some(now.state) {
            fields.extend(match now.state {
                State::Running(Phase::Ready) => Some(Field::Ready),
                State::Running(Phase::Reloading) => Some(Field::Reloading),
                State::Stopping => Some(Field::Stopping),
                _ => None,
            });
            if matches!(now.state, State::Running(Phase::Reloading)) {
                fields.push(Field::monotonic_now());
            }
        }
        if told.1 != now.text {
            fields.extend(now.text.clone().map(Field::Status));
        }
        if !fields.is_empty() {
            tell(&fields);
        }
        told = (Some(now.state), now.text.clone());
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Elsewhere the manager is told through its own interface.
#[cfg(not(unix))]
pub(super) async fn pass_on(_status: watch::Receiver<Arc<Status>>) {}

/// Says that Stead itself is ready, to a manager that waits for it.
pub(super) fn ready() {
    #[cfg(unix)]
    tell(&[stead_os::notify::Field::Ready]);
}

/// Says that Stead itself ends.
pub(super) fn stopping() {
    #[cfg(unix)]
    tell(&[stead_os::notify::Field::Stopping]);
}

#[cfg(unix)]
fn tell(fields: &[stead_os::notify::Field]) {
    if let Err(error) = stead_os::notify::send(fields) {
        tracing::warn!(%error, "cannot tell the service manager");
    }
}
