use proptest::prelude::*;

use super::*;
use crate::definition::Period;

fn at(millis: u64) -> Moment {
    Moment::after_epoch(Duration::from_millis(millis))
}

/// Runs that last so many milliseconds and end so, each started once the delay before it is over.
fn run(policy: &RestartPolicy, runs: &[(u64, Ended)]) -> Vec<String> {
    let mut starts = Starts::default();
    let mut now = Duration::ZERO;
    let mut decisions = Vec::new();
    for (lasted, ended) in runs {
        starts.started(Moment::after_epoch(now));
        now += Duration::from_millis(*lasted);
        let (decision, after) = next_restart(policy, &starts, *ended, Moment::after_epoch(now));
        starts = after;
        decisions.push(match decision {
            Restart::After(delay) => {
                now += delay;
                format!("{}ms", delay.as_millis())
            }
            Restart::GiveUp(why) => why.to_string(),
            Restart::No => "no".to_owned(),
        });
    }
    decisions
}

fn unlimited() -> RestartPolicy {
    RestartPolicy {
        limit: 0,
        ..RestartPolicy::default()
    }
}

#[test]
fn the_policy_says_after_which_end() {
    let table = [
        (RestartWhen::Always, ["1000ms", "1000ms", "no", "no"]),
        (RestartWhen::OnFailure, ["no", "1000ms", "no", "no"]),
        (RestartWhen::Never, ["no", "no", "no", "no"]),
    ];
    let ends = [
        Ended::Success,
        Ended::Failure,
        Ended::Unhealthy,
        Ended::Asked,
    ];
    for (when, expected) in table {
        let policy = RestartPolicy {
            policy: when,
            ..RestartPolicy::default()
        };
        for (ended, expected) in ends.into_iter().zip(expected) {
            assert_eq!(run(&policy, &[(5, ended)]), [expected], "{when} {ended:?}");
        }
    }
    let policy = RestartPolicy {
        on_unhealthy: true,
        ..RestartPolicy::default()
    };
    assert_eq!(run(&policy, &[(5, Ended::Unhealthy)]), ["1000ms"]);
}

#[test]
fn the_delay_doubles_up_to_the_longest_and_a_long_run_resets_it() {
    let short = (5, Ended::Failure);
    let policy = RestartPolicy {
        max_delay: Period::from_secs(10),
        ..unlimited()
    };
    let mut runs = vec![short; 6];
    runs.push((10_000, Ended::Failure));
    runs.push(short);
    runs.push((9_999, Ended::Failure));
    assert_eq!(
        run(&policy, &runs),
        [
            "1000ms", "2000ms", "4000ms", "8000ms", "10000ms", "10000ms", "1000ms", "2000ms",
            "4000ms"
        ]
    );
}

#[test]
fn no_delay_stays_none() {
    let policy = RestartPolicy {
        delay: Period::ZERO,
        ..unlimited()
    };
    assert_eq!(run(&policy, &[(1, Ended::Failure); 4]), ["0ms"; 4]);
}

#[test]
fn the_limit_of_failures_within_the_window_gives_up_until_cleared() {
    let policy = RestartPolicy::default();
    let decisions = run(&policy, &[(5, Ended::Failure); 6]);
    assert_eq!(decisions[3], "8000ms");
    assert_eq!(decisions[4], "failed 5 times within 5m");
    assert_eq!(
        decisions[5], "failed 6 times within 5m",
        "it stays given up"
    );
    let mut starts = Starts::default();
    for number in 0..5 {
        starts.started(at(number));
        starts = next_restart(&policy, &starts, Ended::Failure, at(number)).1;
    }
    starts.clear();
    let (decision, _) = next_restart(&policy, &starts, Ended::Failure, at(10));
    assert_eq!(decision, Restart::After(Duration::from_secs(1)));
}

#[test]
fn failures_outside_the_window_do_not_count() {
    let policy = RestartPolicy {
        limit: 2,
        window: Period::from_secs(100),
        ..RestartPolicy::default()
    };
    assert_eq!(
        run(&policy, &[(60_000, Ended::Failure); 2])[1],
        "failed 2 times within 100s"
    );
    assert_eq!(run(&policy, &[(100_000, Ended::Failure); 4]), ["1000ms"; 4]);
}

#[test]
fn success_is_no_failure_but_a_short_run() {
    let policy = RestartPolicy {
        policy: RestartWhen::Always,
        limit: 1,
        ..RestartPolicy::default()
    };
    assert_eq!(
        run(&policy, &[(5, Ended::Success); 3]),
        ["1000ms", "2000ms", "4000ms"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model that keeps every run there ever was.
    #[test]
    fn random_runs_follow_the_reference(
        delay in 0_u64..3_000,
        extra in 0_u64..60_000,
        limit in 0_u32..8,
        window in 1_u64..400_000,
        always in any::<bool>(),
        runs in prop::collection::vec((0_u64..100_000, any::<bool>()), 1..40),
    ) {
        let policy = RestartPolicy {
            policy: if always { RestartWhen::Always } else { RestartWhen::OnFailure },
            delay: Period::from_millis(delay),
            max_delay: Period::from_millis(delay + extra),
            limit,
            window: Period::from_millis(window),
            on_unhealthy: false,
        };
        let mut starts = Starts::default();
        let mut now = 0;
        let mut failures: Vec<u64> = Vec::new();
        let mut streak: u32 = 0;
        for (lasted, failed) in runs {
            starts.started(at(now));
            now += lasted;
            let ended = if failed { Ended::Failure } else { Ended::Success };
            let (decision, after) = next_restart(&policy, &starts, ended, at(now));
            starts = after;
            if lasted >= delay + extra {
                streak = 0;
            }
            if failed {
                failures.push(now);
            }
            let counted = failures.iter().filter(|it| now - **it <= window).count();
            let expected = if !failed && !always {
                Restart::No
            } else if failed && limit > 0 && counted >= limit as usize {
                Restart::GiveUp(GaveUp {
                    failures: u32::try_from(counted).unwrap(),
                    window: Duration::from_millis(window),
                })
            } else {
                let wait = (u128::from(delay) << streak.min(60)).min(u128::from(delay + extra));
                let wait = u64::try_from(wait).unwrap();
                streak += 1;
                now += wait;
                Restart::After(Duration::from_millis(wait))
            };
            prop_assert_eq!(decision, expected);
        }
    }
}

#[test]
fn memory_is_bounded() {
    let mut starts = Starts::default();
    for number in 0..3 * u64::from(RESTART_LIMIT_MAX) {
        starts = next_restart(&unlimited(), &starts, Ended::Failure, at(number / 50)).1;
    }
    assert_eq!(starts.failures(), RESTART_LIMIT_MAX as usize);
}
