use std::ops::Add;
use std::time::Duration;

/// A point in time on a clock that never goes back: the time since an epoch the caller chose
/// (usually the start of the process).
///
/// Decisions are made on this rather than on `std::time::Instant`, so that a test can say what
/// time it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The epoch itself.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// The moment `elapsed` after the epoch.
    pub const fn after_epoch(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time since the epoch.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to this moment; zero when `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// The moment that much later; the last moment there is when that is too far away.
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}
