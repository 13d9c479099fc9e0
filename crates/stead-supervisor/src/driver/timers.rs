//! All timers of a supervisor: each service has one of each kind at most.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use stead_model::Moment;

use crate::machine::Timer;

/// A service's place in the supervisor's list.
pub(super) type Slot = usize;

#[derive(Debug)]
pub(super) struct Timers {
    epoch: Instant,
    due: BTreeSet<(Moment, Slot, Timer)>,
    armed: HashMap<(Slot, Timer), Moment>,
}

impl Timers {
    pub(super) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            due: BTreeSet::new(),
            armed: HashMap::new(),
        }
    }

    pub(super) fn arm(&mut self, slot: Slot, timer: Timer, at: Moment) {
        self.disarm(slot, timer);
        self.armed.insert((slot, timer), at);
        self.due.insert((at, slot, timer));
    }

    pub(super) fn disarm(&mut self, slot: Slot, timer: Timer) {
        if let Some(at) = self.armed.remove(&(slot, timer)) {
            self.due.remove(&(at, slot, timer));
        }
    }

    /// When the next timer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due
            .first()
            .and_then(|(at, ..)| self.epoch.checked_add(at.since_epoch()))
    }

    /// The time on the clock of all timers.
    pub(super) fn now(&self) -> Moment {
        Moment::after_epoch(self.epoch.elapsed())
    }

    /// Takes out one timer that is due.
    pub(super) fn pop(&mut self, now: Moment) -> Option<(Slot, Timer)> {
        let &(at, slot, timer) = self.due.first()?;
        if at > now {
            return None;
        }
        self.disarm(slot, timer);
        Some((slot, timer))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn a_timer_armed_again_is_due_once_and_at_the_new_time() {
        let epoch = Instant::now();
        let mut timers = Timers::new(epoch);
        timers.arm(1, Timer::Ready, at(1));
        timers.arm(1, Timer::Ready, at(3));
        timers.arm(2, Timer::Ready, at(2));
        assert_eq!(timers.next(), Some(epoch + Duration::from_secs(2)));
        assert_eq!(timers.pop(at(9)), Some((2, Timer::Ready)));
        assert_eq!(timers.pop(at(9)), Some((1, Timer::Ready)));
        assert_eq!(timers.pop(at(9)), None);
    }

    #[test]
    fn a_timer_is_not_due_early() {
        let mut timers = Timers::new(Instant::now());
        timers.arm(0, Timer::Restart, at(5));
        assert_eq!(timers.pop(at(4)), None);
        assert_eq!(timers.pop(at(5)), Some((0, Timer::Restart)));
    }

    #[test]
    fn a_disarmed_timer_is_never_due() {
        let mut timers = Timers::new(Instant::now());
        timers.arm(0, Timer::Grace, at(0));
        timers.disarm(0, Timer::Grace);
        assert_eq!(timers.next(), None);
        assert_eq!(timers.pop(at(1)), None);
    }
}
