//! Waiting for a condition with a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that works on a busy machine of two cores, short enough to wait for.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How long to leave the machine to others between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until `condition` holds; panics with `what` once `within` has passed.
#[track_caller]
pub fn eventually(within: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    eventually_some(within, what, || condition().then_some(()));
}

/// Looks until `probe` has an answer and gives it; panics with `what` once `within` has passed.
#[track_caller]
pub fn eventually_some<T>(within: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        // One look always comes after the deadline, however late this thread was scheduled.
        let late = begun.elapsed() >= within;
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(!late, "not within {within:?}: {what}");
        pause();
    }
}

/// Like [`eventually_some`], for a condition that must be awaited.
pub async fn eventually_async<T, F>(within: Duration, what: &str, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let begun = Instant::now();
    loop {
        let late = begun.elapsed() >= within;
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(!late, "not within {within:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one pause between two looks at another process, which notifies nobody"
)]
fn pause() {
    thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_the_probe_found() {
        let mut looks = 0;
        let found = eventually_some(DEADLINE, "three looks", || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "not within 0ns: the impossible")]
    fn says_what_did_not_happen() {
        eventually(Duration::ZERO, "the impossible", || false);
    }

    #[tokio::test]
    async fn awaits_too() {
        let mut looks = 0;
        let found = eventually_async(DEADLINE, "two looks", || {
            looks += 1;
            let answer = (looks == 2).then_some(looks);
            async move { answer }
        })
        .await;
        assert_eq!(found, 2);
    }
}
