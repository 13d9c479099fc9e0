use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

const STATES: [State; 8] = [
    State::Init,
    State::Running(Phase::Starting),
    State::Running(Phase::Ready),
    State::Running(Phase::Reloading),
    State::Running(Phase::Paused),
    State::Stopping,
    State::Error,
    State::Terminated,
];

const EVENTS: [Event; 11] = [
    Event::Control(Control::Start),
    Event::Control(Control::Stop),
    Event::Control(Control::Restart),
    Event::Ended(Ending::Success),
    Event::Ended(Ending::Failure),
    Event::Failed,
    Event::Ready,
    Event::Paused,
    Event::Resumed,
    Event::Reloading,
    Event::Reloaded,
];

/// The specification's table, written down independently of [`step`]: state, event, what follows.
/// What is not in it changes nothing.
const TABLE: &str = "
    INIT        START     RUNNING/starting   spawn
    INIT        STOP      TERMINATED         cancel
    INIT        failed    ERROR              -

    RUNNING/*   STOP      STOPPING           stop
    RUNNING/*   failed    ERROR              end-remains
    RUNNING/*   exit-bad  ERROR              end-remains
    RUNNING/*   exit-good TERMINATED         -
    RUNNING/starting   ready      RUNNING/ready      -
    RUNNING/reloading  ready      RUNNING/ready      -
    RUNNING/reloading  reloaded   RUNNING/ready      -
    RUNNING/ready      reloading  RUNNING/reloading  -
    RUNNING/ready      paused     RUNNING/paused     -
    RUNNING/paused     resumed    RUNNING/ready      -

    STOPPING    exit-good TERMINATED         -
    STOPPING    exit-bad  TERMINATED         -
    STOPPING    START     RUNNING/starting   spawn-after-end

    ERROR       RESTART   RUNNING/starting   spawn
    ERROR       START     RUNNING/starting   spawn
    ERROR       STOP      TERMINATED         cancel
    TERMINATED  START     RUNNING/starting   spawn
";

fn state_words(state: State) -> String {
    match state {
        State::Running(phase) => format!("RUNNING/{phase}"),
        other => other.to_string(),
    }
}

const fn event_word(event: Event) -> &'static str {
    match event {
        Event::Control(Control::Start) => "START",
        Event::Control(Control::Stop) => "STOP",
        Event::Control(Control::Restart) => "RESTART",
        Event::Ended(Ending::Success) => "exit-good",
        Event::Ended(Ending::Failure) => "exit-bad",
        Event::Failed => "failed",
        Event::Ready => "ready",
        Event::Paused => "paused",
        Event::Resumed => "resumed",
        Event::Reloading => "reloading",
        Event::Reloaded => "reloaded",
    }
}

const fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Nothing => "-",
        Effect::Spawn => "spawn",
        Effect::SpawnAfterEnd => "spawn-after-end",
        Effect::Stop => "stop",
        Effect::EndRemains => "end-remains",
        Effect::CancelRestart => "cancel",
    }
}

static ROWS: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| {
    TABLE
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|row| !row.is_empty())
        .collect()
});

/// What the table says, as the words of the new state and the effect.
fn by_table(state: &str, event: &str) -> Option<(&'static str, &'static str)> {
    ROWS.iter()
        .find(|row| {
            let fits = row[0] == state || (row[0] == "RUNNING/*" && state.starts_with("RUNNING/"));
            fits && row[1] == event
        })
        .map(|row| (row[2], row[3]))
}

#[test]
fn every_state_meets_every_event_as_the_table_says() {
    assert_eq!(ROWS.len(), 20);
    assert!(ROWS.iter().all(|row| row.len() == 4));
    for state in STATES {
        for event in EVENTS {
            let words = (state_words(state), event_word(event));
            let expected = by_table(&words.0, words.1);
            match step(state, event) {
                Transition::Changed { from, to, effect } => {
                    assert_eq!(from, state);
                    let found = (state_words(to), effect_word(effect));
                    assert_eq!(expected, Some((found.0.as_str(), found.1)), "{words:?}");
                }
                Transition::Ignored { why } => {
                    assert_eq!(expected, None, "{words:?}: {why}");
                    assert!(!why.to_string().is_empty());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_sequences_follow_the_table(events in prop::collection::vec(prop::sample::select(&EVENTS[..]), 1..60)) {
        let mut state = State::Init;
        let mut words = state_words(state);
        for event in events {
            if let Some((to, _)) = by_table(&words, event_word(event)) {
                words = to.to_owned();
            }
            state = step(state, event).state_after(state);
            prop_assert_eq!(state_words(state), words.clone());
        }
    }
}

#[test]
fn what_is_ignored_says_why() {
    let why = |state, event| match step(state, event) {
        Transition::Ignored { why } => why.to_string(),
        changed @ Transition::Changed { .. } => panic!("{changed:?}"),
    };
    let running = State::Running(Phase::Ready);
    assert_eq!(
        why(running, Event::Control(Control::Start)),
        "it is already running"
    );
    assert_eq!(
        why(State::Stopping, Event::Control(Control::Stop)),
        "it is already stopping"
    );
    assert_eq!(
        why(State::Terminated, Event::Control(Control::Stop)),
        "it is not running"
    );
    assert_eq!(
        why(State::Running(Phase::Starting), Event::Paused),
        "it is starting"
    );
    assert!(why(State::Init, Event::Control(Control::Restart)).contains("in ERROR"));
}

#[test]
fn words_and_codes_go_both_ways() {
    for state in STATES {
        let phase = state.phase().map(Phase::word);
        assert_eq!(State::from_words(state.word(), phase), Ok(state));
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(json, format!("{:?}", state_words(state)));
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
    }
    assert!(State::from_words("ready", None).is_err());
    for code in 0..=u8::MAX {
        match Control::from_code(code) {
            Some(control) => assert_eq!(control.code(), code),
            None => assert!(!(1..=3).contains(&code)),
        }
    }
    assert_eq!(Control::Start.code(), 1);
    assert_eq!(Control::Stop.code(), 2);
    assert_eq!(Control::Restart.code(), 3);
}

#[test]
fn history_is_bounded_and_keeps_the_newest() {
    let mut history = History::default();
    for number in 0..HISTORY_MAX + 10 {
        history.push(Record {
            at: jiff::Timestamp::UNIX_EPOCH,
            from: State::Init,
            to: State::Running(Phase::Starting),
            cause: number.to_string(),
            by: Asker::User("root".to_owned()),
        });
    }
    assert_eq!(history.iter().len(), HISTORY_MAX);
    assert_eq!(history.iter().next().unwrap().cause, "10");
    assert_eq!(history.last().unwrap().cause, (HISTORY_MAX + 9).to_string());
    let json = serde_json::to_string(&history).unwrap();
    assert_eq!(serde_json::from_str::<History>(&json).unwrap(), history);
}

mod native {
    use super::super::native::*;
    use super::*;

    #[test]
    fn scm_states_map_as_specified() {
        let table = [
            (1, 0, "TERMINATED"),
            (1, SCM_NEVER_STARTED, "INIT"),
            (1, 1, "ERROR"),
            (1, SCM_SERVICE_SPECIFIC_ERROR, "ERROR"),
            (2, 0, "RUNNING/starting"),
            (3, 0, "STOPPING"),
            (4, 0, "RUNNING/ready"),
            (5, 0, "RUNNING/paused"),
            (6, 0, "RUNNING/ready"),
            (7, 0, "RUNNING/paused"),
        ];
        for (number, exit_code, expected) in table {
            let state = ScmState::from_number(number).unwrap();
            assert_eq!(state as u32, number);
            let found = State::from(ScmStatus { state, exit_code });
            assert_eq!(state_words(found), expected, "{number} with {exit_code}");
        }
        assert_eq!(ScmState::from_number(0), None);
        assert_eq!(ScmState::from_number(8), None);
    }

    #[test]
    fn systemd_states_map_as_specified() {
        let table = [
            ("inactive", "dead", "success", false, "INIT"),
            ("inactive", "dead", "success", true, "TERMINATED"),
            (
                "activating",
                "start-pre",
                "success",
                true,
                "RUNNING/starting",
            ),
            ("activating", "auto-restart", "exit-code", true, "ERROR"),
            ("active", "running", "success", true, "RUNNING/ready"),
            ("active", "exited", "success", true, "TERMINATED"),
            (
                "reloading",
                "reload-notify",
                "success",
                true,
                "RUNNING/reloading",
            ),
            ("deactivating", "stop-sigterm", "success", true, "STOPPING"),
            ("failed", "failed", "signal", true, "ERROR"),
            ("maintenance", "", "", true, "ERROR"),
        ];
        for (active, sub, result, started, expected) in table {
            let status = SystemdStatus {
                active,
                sub,
                result,
                started,
            };
            assert_eq!(state_words(State::from(status)), expected, "{status:?}");
        }
    }

    #[test]
    fn launchd_states_map_as_specified() {
        let table = [
            (false, 0, None, "INIT"),
            (true, 1, None, "RUNNING/ready"),
            (true, 2, Some(1), "RUNNING/ready"),
            (false, 1, Some(0), "TERMINATED"),
            (false, 1, Some(78), "ERROR"),
        ];
        for (alive, runs, last_exit, expected) in table {
            let status = LaunchdStatus {
                alive,
                runs,
                last_exit,
            };
            assert_eq!(state_words(State::from(status)), expected, "{status:?}");
        }
    }

    /// There and back again gives the same state, but for what a manager has no word for.
    #[test]
    fn states_survive_the_way_to_a_manager_and_back() {
        let ready = State::Running(Phase::Ready);
        for state in STATES {
            let expected = match state {
                State::Running(Phase::Reloading) => ready,
                other => other,
            };
            assert_eq!(State::from(ScmStatus::from(state)), expected);
            let expected = match state {
                State::Running(Phase::Paused) => ready,
                other => other,
            };
            assert_eq!(State::from(SystemdStatus::from(state)), expected);
            let expected = match state {
                State::Running(_) | State::Stopping => ready,
                other => other,
            };
            assert_eq!(State::from(LaunchdStatus::from(state)), expected);
        }
    }
}
