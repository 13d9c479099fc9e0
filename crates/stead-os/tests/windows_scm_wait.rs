//! Waiting for services under a real service control manager: by notification, with checkpoints,
//! deadlines, and a stop in between.
#![cfg(windows)]

mod scm;

use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use scm::{Fixture, soon};
use stead_model::lifecycle::native::ScmState;
use stead_os::scm::manage::{Control, Operation, Reason, ServiceStatus};

fn runs(status: &ServiceStatus) -> bool {
    matches!(status.state, ScmState::Running | ScmState::Stopped)
}

#[test]
fn checkpoints_are_seen_while_it_starts() {
    let fixture = Fixture::installed("checkpoints", &["--checkpoints", "5", "--step", "300"]);
    fixture.start(&[]);
    let mut seen = Vec::new();
    let status = fixture
        .scm
        .wait(&fixture.name, runs, soon(), |it| seen.push(*it))
        .unwrap();
    assert_eq!(status.state, ScmState::Running);
    assert_eq!(seen.last(), Some(&status));
    let checkpoints: Vec<_> = seen
        .iter()
        .filter(|it| it.state == ScmState::StartPending && it.checkpoint > 0)
        .collect();
    assert!(checkpoints.len() >= 2, "{seen:?}");
    assert!(checkpoints.is_sorted_by_key(|it| it.checkpoint), "{seen:?}");
    for one in checkpoints {
        assert_eq!(one.wait_hint, Duration::from_secs(3));
    }
}

#[test]
fn a_change_wakes_whoever_waits() {
    let fixture = Fixture::running("notified", &["--pause"]);
    let (told, tells) = sync_channel(16);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            fixture.scm.wait(
                &fixture.name,
                |it| it.state == ScmState::Stopped,
                soon(),
                |it| told.send((it.state, Instant::now())).unwrap(),
            )
        });
        let next = || tells.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(next().0, ScmState::Running);
        for (control, state) in [
            (Control::Pause, ScmState::Paused),
            (Control::Continue, ScmState::Running),
        ] {
            let sent = Instant::now();
            fixture.scm.control(&fixture.name, control).unwrap();
            let (seen, at) = next();
            assert_eq!(seen, state);
            // Not pending, it is not looked at now and then: only a notification brings this.
            let took = at.saturating_duration_since(sent);
            assert!(took < Duration::from_secs(5), "{took:?}");
        }
        fixture.stop().unwrap();
        let status = waiting.join().unwrap().unwrap();
        assert_eq!(status.state, ScmState::Stopped);
    });
}

#[test]
fn a_deadline_ends_the_wait_and_says_how_it_stood() {
    let fixture = Fixture::running("deadline", &[]);
    let began = Instant::now();
    let deadline = began + Duration::from_millis(400);
    let error = fixture
        .scm
        .wait(
            &fixture.name,
            |it| it.state == ScmState::Stopped,
            deadline,
            |_| {},
        )
        .unwrap_err();
    assert!(began.elapsed() >= Duration::from_millis(400));
    assert_eq!(error.operation, Operation::Wait);
    let Reason::Deadline { last } = error.reason else {
        panic!("{error:?}");
    };
    assert_eq!(last.state, ScmState::Running);
    // What was left behind by the wait does no harm to the next one.
    fixture.stop().unwrap();
}

#[test]
fn a_stop_while_it_starts_waits_until_it_takes_it() {
    let fixture = Fixture::installed("stop-in-start", &["--checkpoints", "4", "--step", "250"]);
    fixture.start(&[]);
    let mut states = Vec::new();
    let stopped = fixture
        .scm
        .stop(&fixture.name, soon(), |name, it| {
            assert_eq!(name, fixture.name);
            states.push(it.state);
        })
        .unwrap();
    assert_eq!((stopped.state, stopped.win32_exit), (ScmState::Stopped, 0));
    assert_eq!(states.first(), Some(&ScmState::StartPending));
    assert!(fixture.logged("running") && fixture.logged("stopped"));
    // One stop, and no second one.
    let stops = fixture.log().iter().filter(|it| *it == "control 1").count();
    assert_eq!(stops, 1);
}

#[test]
fn a_slow_stop_is_waited_for_and_not_told_twice() {
    let fixture = Fixture::running("slow-stop", &["--slow-stop", "4", "--step", "250"]);
    std::thread::scope(|scope| {
        let both = [
            scope.spawn(|| fixture.stop()),
            scope.spawn(|| {
                // Once the other has told it.
                let stopping = |it: &ServiceStatus| it.state == ScmState::StopPending;
                fixture
                    .scm
                    .wait(&fixture.name, stopping, soon(), |_| {})
                    .unwrap();
                fixture.stop()
            }),
        ];
        for stopping in both {
            let status = stopping.join().unwrap().unwrap();
            assert_eq!(status.state, ScmState::Stopped);
        }
    });
    let stops = fixture.log().iter().filter(|it| *it == "control 1").count();
    assert_eq!(stops, 1);
}

#[test]
fn a_stop_that_takes_too_long_is_given_up() {
    let fixture = Fixture::running("never-stops", &["--slow-stop", "20", "--step", "250"]);
    let deadline = Instant::now() + Duration::from_millis(500);
    let error = fixture
        .scm
        .stop(&fixture.name, deadline, |_, _| {})
        .unwrap_err();
    assert_eq!(error.operation, Operation::Stop);
    assert!(matches!(
        error.reason,
        Reason::Deadline {
            last: ServiceStatus {
                state: ScmState::StopPending,
                ..
            }
        }
    ));
    fixture.reaches(ScmState::Stopped);
}

#[test]
fn a_service_that_is_marked_for_deletion_is_waited_for() {
    let fixture = Fixture::running("marked", &[]);
    let (told, tells) = sync_channel(16);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            fixture.scm.wait(
                &fixture.name,
                |it| it.state == ScmState::Stopped,
                soon(),
                |it| told.send(it.state).unwrap(),
            )
        });
        let first = tells.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(first, ScmState::Running);
        fixture.scm.delete(&fixture.name).unwrap();
        fixture.stop().unwrap();
        let status = waiting.join().unwrap().unwrap();
        assert_eq!(status.state, ScmState::Stopped);
    });
}
