use proptest::prelude::*;

use super::*;

const THRESHOLDS: Thresholds = Thresholds {
    healthy_after: 3,
    unhealthy_after: 5,
};

fn at(seconds: u64) -> Moment {
    Moment::after_epoch(Duration::from_secs(seconds))
}

/// Results (`+`, `-`) that come so far apart that nothing flaps, from a new check on; after each
/// the state's letter (`U`, `H`, `X` for Unhealthy) and the published word's (`p`, `w`, `c`).
fn run(results: &str, thresholds: Thresholds) -> String {
    let mut health = Health::new();
    let mut seen = Vec::new();
    for (number, result) in (0..).zip(results.chars()) {
        let outcome = match result {
            '+' => Outcome::Success,
            '-' => Outcome::Failure,
            other => panic!("{other:?}"),
        };
        health = observe(&health, thresholds, outcome, at(number * 100));
        seen.push(letters(health.verdict()));
    }
    seen.join(" ")
}

fn letters(verdict: Verdict) -> String {
    let state = match verdict.state {
        Standing::Unknown => 'U',
        Standing::Healthy => 'H',
        Standing::Unhealthy => 'X',
    };
    let published = &verdict.published.to_string()[..1];
    let flapping = if verdict.flapping { "~" } else { "" };
    format!("{state}{published}{flapping}")
}

#[test]
fn streaks_drive_the_state() {
    let table = [
        ("+++", "Uc Uc Hp"),
        ("++-+++", "Uc Uc Uc Uc Uc Hp"),
        ("-----", "Uc Uc Uc Uc Xc"),
        ("----+-----", "Uc Uc Uc Uc Uc Uc Uc Uc Uc Xc"),
        // A failure while Healthy: Unknown, still in answers, until five in a row.
        ("+++-----", "Uc Uc Hp Uw Uw Uw Uw Xc"),
        // A success does not bring it back at once.
        ("+++-+++", "Uc Uc Hp Uw Uw Uw Hp"),
        ("+++-+-", "Uc Uc Hp Uw Uw Uw"),
        // Unhealthy stays until three successes in a row.
        ("-----++-+++", "Uc Uc Uc Uc Xc Xc Xc Xc Xc Xc Hp"),
    ];
    for (results, expected) in table {
        assert_eq!(run(results, THRESHOLDS), expected, "{results}");
    }
    let one = Thresholds {
        healthy_after: 1,
        unhealthy_after: 1,
    };
    assert_eq!(run("+-+", one), "Hp Xc Hp");
    let none = Thresholds {
        healthy_after: 0,
        unhealthy_after: 0,
    };
    assert_eq!(run("+-+", none), run("+-+", one));
}

/// One result a second, each a change: five of them within a minute.
fn flapping() -> Health {
    let quick = Thresholds {
        healthy_after: 1,
        unhealthy_after: 2,
    };
    let mut health = Health::new();
    // Unknown → Healthy → Unknown → Healthy → Unknown → Healthy.
    for (second, outcome) in (0..).zip([true, false, true, false, true]) {
        let outcome = if outcome {
            Outcome::Success
        } else {
            Outcome::Failure
        };
        assert!(!health.is_flapping());
        health = observe(&health, quick, outcome, at(second));
    }
    health
}

#[test]
fn five_changes_in_a_minute_hold_the_worse_state() {
    let health = flapping();
    assert_eq!(letters(health.verdict()), "Uw~");
    assert_eq!(health.undamped(), Standing::Healthy);
    assert_eq!(health.calm_at(), Some(at(4 + 60)));
}

#[test]
fn a_calm_minute_ends_flapping_without_a_result() {
    let health = flapping();
    let almost = settle(&health, at(63));
    assert_eq!(almost, health);
    let calm = settle(&health, at(64));
    assert_eq!(letters(calm.verdict()), "Hp");
    assert_eq!(calm.calm_at(), None);
}

#[test]
fn results_that_change_nothing_do_not_prolong_flapping() {
    let quick = Thresholds {
        healthy_after: 1,
        unhealthy_after: 2,
    };
    let mut health = flapping();
    for second in 5..64 {
        health = observe(&health, quick, Outcome::Success, at(second));
        assert_eq!(letters(health.verdict()), "Uw~", "{second}");
    }
    health = observe(&health, quick, Outcome::Success, at(64));
    assert_eq!(letters(health.verdict()), "Hp");
}

#[test]
fn each_change_prolongs_flapping_and_worse_shows_at_once() {
    let quick = Thresholds {
        healthy_after: 1,
        unhealthy_after: 2,
    };
    let health = observe(&flapping(), quick, Outcome::Failure, at(50));
    assert_eq!(letters(health.verdict()), "Uw~");
    assert_eq!(health.calm_at(), Some(at(110)));
    let health = observe(&health, quick, Outcome::Failure, at(51));
    assert_eq!(letters(health.verdict()), "Xc~");
    let health = observe(&health, quick, Outcome::Success, at(52));
    assert_eq!(letters(health.verdict()), "Xc~", "better is held back");
    assert_eq!(letters(settle(&health, at(112)).verdict()), "Hp");
}

#[test]
fn five_changes_in_more_than_a_minute_are_not_flapping() {
    let quick = Thresholds {
        healthy_after: 1,
        unhealthy_after: 9,
    };
    let mut health = Health::new();
    for number in 0..40 {
        let outcome = if number % 2 == 0 {
            Outcome::Success
        } else {
            Outcome::Failure
        };
        // Five changes span four gaps: 64 seconds.
        health = observe(&health, quick, outcome, at(number * 16));
        assert!(!health.is_flapping());
    }
}

/// A second model of the whole: keeps every result and every change ever, and derives the rest
/// from those alone.
#[derive(Default)]
struct Reference {
    results: Vec<bool>,
    /// Moment in seconds, state before, state after.
    changes: Vec<(u64, char, char)>,
    flapping_since: Option<usize>,
    /// Changes before this one were followed by the end of a flapping.
    counted_from: usize,
}

impl Reference {
    fn state(&self) -> char {
        self.changes.last().map_or('U', |change| change.2)
    }

    fn pass(&mut self, now: u64) {
        if self.flapping_since.is_some()
            && self
                .changes
                .last()
                .is_some_and(|change| now - change.0 >= 60)
        {
            self.flapping_since = None;
            self.counted_from = self.changes.len();
        }
    }

    fn result(&mut self, now: u64, good: bool) {
        self.pass(now);
        self.results.push(good);
        let ends_with = |good: bool, count: usize| {
            self.results.len() >= count
                && self.results[self.results.len() - count..]
                    .iter()
                    .all(|it| *it == good)
        };
        let before = self.state();
        let after = if ends_with(false, 5) {
            'X'
        } else if ends_with(true, 3) {
            'H'
        } else if !good && before == 'H' {
            'U'
        } else {
            before
        };
        if after != before {
            self.changes.push((now, before, after));
            let recent = &self.changes[self.counted_from..];
            if self.flapping_since.is_none()
                && recent.len() >= 5
                && now - recent[recent.len() - 5].0 <= 60
            {
                self.flapping_since = Some(self.changes.len() - 5);
            }
        }
    }

    fn shown(&self) -> String {
        let mut states = vec![self.state()];
        if let Some(since) = self.flapping_since {
            states.extend(
                self.changes[since..]
                    .iter()
                    .flat_map(|change| [change.1, change.2]),
            );
        }
        let state = ['X', 'U', 'H']
            .into_iter()
            .find(|it| states.contains(it))
            .unwrap();
        let was_healthy = self.changes.iter().any(|change| change.2 == 'H');
        let published = match state {
            'H' => 'p',
            'U' if was_healthy => 'w',
            _ => 'c',
        };
        let flapping = if self.flapping_since.is_some() {
            "~"
        } else {
            ""
        };
        format!("{state}{published}{flapping}")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_sequences_follow_the_reference(
        // Runs of equal results, so that Healthy and Unhealthy are reached often; times that make
        // flapping and calm minutes both common.
        runs in prop::collection::vec((any::<bool>(), 1_usize..7), 1..30),
        gaps in prop::collection::vec(prop_oneof![8 => 0_u64..6, 1 => 20_u64..90], 1..20),
    ) {
        let mut health = Health::new();
        let mut reference = Reference::default();
        let mut now = 0;
        let mut gaps = gaps.into_iter().cycle();
        for (good, count) in runs {
            for _ in 0..count {
                now += gaps.next().unwrap_or_default();
                // Looking without a result must change nothing that a result would not.
                reference.pass(now);
                let settled = settle(&health, at(now));
                prop_assert_eq!(letters(settled.verdict()), reference.shown());
                let outcome = if good { Outcome::Success } else { Outcome::Failure };
                health = observe(&health, THRESHOLDS, outcome, at(now));
                reference.result(now, good);
                prop_assert_eq!(letters(health.verdict()), reference.shown());
                prop_assert_eq!(health.calm_at().is_some(), health.is_flapping());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cut_output_is_a_prefix_within_the_bound(output in any::<String>(), repeat in 0_usize..600) {
        let output = output.repeat(repeat);
        let cut = cut_output(&output);
        prop_assert!(output.starts_with(cut));
        prop_assert!(cut.len() <= OUTPUT_MAX);
        prop_assert!(output.len() - cut.len() == 0 || cut.len() + 4 > OUTPUT_MAX);
    }
}

#[test]
fn a_service_is_its_worst_check() {
    let verdict = |state, published| Verdict {
        state,
        published,
        flapping: false,
    };
    let healthy = verdict(Standing::Healthy, Published::Passing);
    let shaky = Verdict {
        flapping: true,
        ..verdict(Standing::Unknown, Published::Warning)
    };
    let new = verdict(Standing::Unknown, Published::Critical);
    let unhealthy = verdict(Standing::Unhealthy, Published::Critical);
    let ready = State::Running(Phase::Ready);
    let worst = |checks: &[Verdict]| letters(of_service(checks.iter().copied(), ready));
    assert_eq!(worst(&[healthy, healthy]), "Hp");
    assert_eq!(worst(&[healthy, shaky]), "Uw~");
    assert_eq!(worst(&[shaky, new]), "Uc~");
    assert_eq!(worst(&[new, unhealthy, healthy]), "Xc");
}

#[test]
fn without_a_check_a_service_is_healthy_while_it_is_ready() {
    let table = [
        (State::Init, "Uc"),
        (State::Running(Phase::Starting), "Uc"),
        (State::Running(Phase::Ready), "Hp"),
        (State::Running(Phase::Reloading), "Uw"),
        (State::Running(Phase::Paused), "Uc"),
        (State::Stopping, "Uc"),
        (State::Error, "Uc"),
        (State::Terminated, "Uc"),
    ];
    for (state, expected) in table {
        assert_eq!(letters(of_service([], state)), expected, "{state:?}");
    }
}

#[test]
fn the_words_are_those_of_the_registry() {
    let json = serde_json::to_string(&of_service([], State::Running(Phase::Ready))).unwrap();
    assert_eq!(
        json,
        r#"{"state":"healthy","published":"passing","flapping":false}"#
    );
}
