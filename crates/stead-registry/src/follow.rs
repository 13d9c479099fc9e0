//! The one task that applies the store's commits to the view.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use stead_store::StoreError;

use crate::registry::{Inner, list};
use crate::view::{Changed, View};

/// Commits applied before the view is published: readers see them together.
const COMMITS_AT_ONCE: usize = 256;
/// Between two attempts to read a store that fails.
const RETRY: Duration = Duration::from_millis(250);

/// Follows the store until the registry closes.
pub(crate) async fn follow(inner: Arc<Inner>) {
    let closing = inner.closing.clone();
    tokio::select! {
        () = follow_store(&inner) => {}
        () = closing.cancelled() => {}
    }
}

async fn follow_store(inner: &Inner) {
    loop {
        let after = inner.view().revision;
        let mut commits = inner.store.watch(after).ready_chunks(COMMITS_AT_ONCE);
        let mut broken = None;
        while let Some(chunk) = commits.next().await {
            let mut view = View::clone(&inner.view());
            let mut changed = Changed::default();
            for commit in chunk {
                match commit {
                    // A store may tell again what a list already had.
                    Ok(commit) if commit.revision <= view.revision => {}
                    Ok(commit) => view.apply(&commit, &mut changed),
                    Err(error) => {
                        broken = Some(error);
                        break;
                    }
                }
            }
            inner.publish(view, &changed);
            if broken.is_some() {
                break;
            }
        }
        match broken {
            None | Some(StoreError::Closed) => {
                tracing::debug!("the store has closed; the view stays as it is");
                return;
            }
            Some(error) => {
                tracing::warn!(%error, "the watch of the store broke; listing it anew");
            }
        }
        relist(inner).await;
    }
}

/// Lists the store anew. Who waits is woken, and sees for itself whether anything changed.
async fn relist(inner: &Inner) {
    loop {
        match list(&*inner.store).await {
            Ok(mut view) => {
                view.outgrow(&inner.view());
                inner.publish(view, &Changed::default());
                inner.groups.ring_all();
                return;
            }
            Err(error) => tracing::warn!(%error, "the store could not be listed; trying again"),
        }
        tokio::time::sleep(RETRY).await;
    }
}

impl Inner {
    /// Lets readers see a view, then wakes watchers, then writers.
    fn publish(&self, view: View, changed: &Changed) {
        let revision = view.revision;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
        self.groups.ring(changed);
        self.progress.reach(revision);
    }
}
