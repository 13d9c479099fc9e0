//! Watching: a place in the shared history, and a wait for news.
//!
//! A watcher has no buffer of its own. It reads the history that is kept anyway, a batch at a
//! time, so ten thousand slow watchers cost no more memory than one, and none holds a writer back.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::watch;

use super::Shared;
use crate::{Commit, Revision, StoreError};

/// Commits taken from the history at a time.
const BATCH: usize = 256;

struct Watcher {
    shared: Arc<Shared>,
    news: watch::Receiver<Revision>,
    /// The last revision handed out or skipped.
    seen: Revision,
    batch: VecDeque<Arc<Commit>>,
    started: bool,
    closed: bool,
    failed: bool,
}

pub(super) fn watch(
    shared: Arc<Shared>,
    after: Revision,
) -> BoxStream<'static, Result<Arc<Commit>, StoreError>> {
    let watcher = Watcher {
        news: shared.news.clone(),
        shared,
        seen: after,
        batch: VecDeque::new(),
        started: false,
        closed: false,
        failed: false,
    };
    stream::unfold(watcher, |mut watcher| async move {
        let next = watcher.next().await?;
        Some((next, watcher))
    })
    .boxed()
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Arc<Commit>, StoreError>> {
        loop {
            if self.failed {
                return None;
            }
            if let Some(commit) = self.batch.pop_front() {
                self.seen = commit.revision;
                return Some(Ok(commit));
            }
            // Marks the news as seen before looking, so that none in between is slept through.
            self.news.borrow_and_update();
            if let Err(error) = self.look() {
                self.failed = true;
                return Some(Err(error));
            }
            if self.batch.is_empty() {
                if self.closed {
                    return None;
                }
                self.closed = self.news.changed().await.is_err();
            }
        }
    }

    fn look(&mut self) -> Result<(), StoreError> {
        let state = self.shared.read();
        if self.seen < state.floor {
            let asked_for = !self.started || self.seen < state.compacted;
            return Err(if asked_for {
                StoreError::Compacted {
                    oldest: state.floor,
                }
            } else {
                StoreError::Lagged {
                    buffer: state.history.len(),
                }
            });
        }
        if !self.started && self.seen > state.revision {
            return Err(StoreError::Future {
                asked: self.seen,
                newest: state.revision,
            });
        }
        self.started = true;
        self.batch.extend(
            state
                .after(self.seen)
                .take(BATCH)
                .map(|past| Arc::clone(&past.commit)),
        );
        Ok(())
    }
}
