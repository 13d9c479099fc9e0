use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use stead_store::Revision;
use tokio::sync::oneshot;

/// Who waits for the view to reach a revision. Each is woken once, and only then.
#[derive(Default)]
pub(crate) struct Progress(Mutex<State>);

#[derive(Default)]
struct State {
    reached: Revision,
    waiting: BTreeMap<Revision, Vec<oneshot::Sender<()>>>,
}

impl Progress {
    /// Wakes those who waited for `revision` or an earlier one.
    pub(crate) fn reach(&self, revision: Revision) {
        let due = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.reached = state.reached.max(revision);
            let later = state.waiting.split_off(&Revision(revision.0 + 1));
            std::mem::replace(&mut state.waiting, later)
        };
        for waiter in due.into_values().flatten() {
            // One who has gone need not be told.
            let _ = waiter.send(());
        }
    }

    /// Returns once `revision` is reached.
    pub(crate) async fn wait(&self, revision: Revision) {
        let reached = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.reached >= revision {
                return;
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.entry(revision).or_default().push(sender);
            receiver
        };
        // The sender lives as long as this, so the only end of the wait is its message.
        let _ = reached.await;
    }
}
