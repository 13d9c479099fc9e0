//! How soon a guardian that was killed is replaced.

use std::time::Duration;

/// Deaths in a row after which the next guardian comes at once. One more, and something ends
/// guardians on purpose or the system is out of memory: then it takes a rest.
const AT_ONCE: u32 = 5;
/// A guardian that has lived so long ends the row.
pub(super) const STEADY: Duration = Duration::from_mins(1);
/// The first rest; each further one is twice as long.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Counts the deaths of guardians.
#[derive(Debug, Default)]
pub(super) struct Pace {
    in_a_row: u32,
}

impl Pace {
    /// A guardian that lived this long has died: how long to wait before the next.
    pub(super) fn rest_after(&mut self, lived: Duration) -> Duration {
        if lived >= STEADY {
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        match self.in_a_row.saturating_sub(AT_ONCE) {
            0 => Duration::ZERO,
            rests => {
                let doubled = 2_u32.saturating_pow(rests - 1);
                FIRST_REST.saturating_mul(doubled).min(LONGEST_REST)
            }
        }
    }

    /// Deaths since one lived long.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{AT_ONCE, LONGEST_REST, Pace, STEADY};

    #[test]
    fn rests_grow_to_their_bound_and_end_with_a_long_life() {
        let mut pace = Pace::default();
        let mut die = |lived| pace.rest_after(lived).as_secs();
        for _ in 0..AT_ONCE {
            assert_eq!(die(Duration::ZERO), 0);
        }
        let rests: Vec<u64> = (0..8).map(|_| die(Duration::from_secs(1))).collect();
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        for _ in 0..100 {
            assert_eq!(die(Duration::ZERO), LONGEST_REST.as_secs());
        }
        assert_eq!(die(STEADY), 0);
        assert_eq!(pace.in_a_row(), 1);
    }
}
