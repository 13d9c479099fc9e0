//! Deadlines by name, in one queue that sleeps until the next.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Name;

/// What happens at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Due {
    /// The check's time to live is over.
    Expire,
    /// The check's service was critical for too long.
    Reap,
}

/// The deadlines of checks.
#[derive(Default)]
pub(crate) struct Deadlines {
    state: Mutex<State>,
    earlier: Notify,
}

#[derive(Default)]
struct State {
    order: BTreeSet<(Instant, Due, Name)>,
    at: HashMap<(Due, Name), Instant>,
}

impl Deadlines {
    /// Sets a deadline, in place of the one there was.
    pub(crate) fn set(&self, due: Due, check: &Name, at: Instant) {
        let first = {
            let mut state = self.lock();
            state.remove(due, check);
            state.at.insert((due, check.clone()), at);
            state.order.insert((at, due, check.clone()));
            state.order.first().is_some_and(|(first, ..)| *first == at)
        };
        if first {
            self.earlier.notify_one();
        }
    }

    /// Whether there is such a deadline.
    pub(crate) fn is_set(&self, due: Due, check: &Name) -> bool {
        self.lock().at.contains_key(&(due, check.clone()))
    }

    /// Forgets a deadline.
    pub(crate) fn clear(&self, due: Due, check: &Name) {
        self.lock().remove(due, check);
    }

    /// Waits for the next deadline, takes it out and says whose it was.
    pub(crate) async fn next(&self) -> (Due, Name) {
        loop {
            let earlier = self.earlier.notified();
            let next = {
                let mut state = self.lock();
                match state.order.first() {
                    Some((at, due, check)) if *at <= Instant::now() => {
                        let (due, check) = (*due, check.clone());
                        state.remove(due, &check);
                        return (due, check);
                    }
                    first => first.map(|(at, ..)| *at),
                }
            };
            match next {
                Some(at) => tokio::select! {
                    () = tokio::time::sleep_until(at) => {}
                    () = earlier => {}
                },
                None => earlier.await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn remove(&mut self, due: Due, check: &Name) {
        let key = (due, check.clone());
        if let Some(at) = self.at.remove(&key) {
            self.order.remove(&(at, key.0, key.1));
        }
    }
}
