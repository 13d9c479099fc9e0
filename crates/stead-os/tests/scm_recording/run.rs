//! Starting, controls, stopping, waiting and deleting.

use std::time::{Duration, Instant};

use stead_model::lifecycle::native::ScmState;
use stead_os::scm::manage::recording::{Call, Cause};
use stead_os::scm::manage::{Accepted, Control, CustomCode, Deleted, Reason, ServiceStatus};

use crate::support::{orders, recording, scm, soon, status, steps};

#[test]
fn controls_are_sent_with_the_right_they_need() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.start("orders", &["--once".to_owned()]).unwrap();
    scm.calls().taken();
    let custom = Control::Custom(CustomCode::new(200).unwrap());
    for (control, number, right) in [
        (Control::Pause, 2, 0x40),
        (Control::Continue, 3, 0x40),
        (Control::ParamChange, 6, 0x40),
        (Control::Interrogate, 4, 0x80),
        (custom, 200, 0x100),
    ] {
        scm.control("orders", control).unwrap();
        assert_eq!(
            scm.calls().taken()[1..],
            [
                Call::OpenService {
                    name: "orders".to_owned(),
                    access: right
                },
                Call::Control {
                    name: "orders".to_owned(),
                    control: number
                },
            ]
        );
    }
}

#[test]
fn dependents_stop_first_and_in_their_order() {
    let scm = recording(&[
        ("payments", &[]),
        ("orders", &["payments"]),
        ("gateway", &["orders"]),
        ("idle", &["payments"]),
    ]);
    for name in ["payments", "orders", "gateway"] {
        scm.start(name, &[]).unwrap();
    }
    let names = |list: Vec<stead_os::scm::manage::Listed>| {
        list.into_iter().map(|it| it.name).collect::<Vec<_>>()
    };
    let all = names(scm.dependents("payments").unwrap());
    assert_eq!(all.len(), 3);
    let place = |name: &str| all.iter().position(|it| it == name).unwrap();
    assert!(place("gateway") < place("orders"));
    scm.calls().taken();
    let mut stopped = Vec::new();
    let status = scm
        .stop("payments", soon(), |name, status| {
            if status.state == ScmState::Stopped {
                stopped.push(name.to_owned());
            }
        })
        .unwrap();
    assert_eq!(status.state, ScmState::Stopped);
    assert_eq!(stopped, ["gateway", "orders", "payments"]);
    let told = scm.calls().taken().into_iter().filter_map(|it| match it {
        Call::Control { name, control: 1 } => Some(name),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), stopped);
}

#[test]
fn a_service_that_is_stopping_is_not_told_again() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.start("orders", &[]).unwrap();
    let pending = steps(ScmState::StopPending, 3);
    scm.calls().script("orders", Cause::Control(1), pending);
    // Somebody else's stop.
    let error = scm
        .stop(
            "orders",
            Instant::now() + Duration::from_millis(50),
            |_, _| {},
        )
        .unwrap_err();
    assert!(matches!(error.reason, Reason::Deadline { .. }), "{error:?}");
    scm.calls().taken();
    let recording = scm.calls().clone();
    let stopped = scm.stop("orders", soon(), move |name, now| {
        if now.checkpoint == 3 {
            recording.report(name, status(ScmState::Stopped));
        }
    });
    assert_eq!(stopped.unwrap().state, ScmState::Stopped);
    let told = |it: &Call| matches!(it, Call::Control { .. });
    assert!(!scm.calls().made().iter().any(told));
}

#[test]
fn a_stop_during_the_start_waits_for_it() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    let mut starting = steps(ScmState::StartPending, 3);
    starting.push(ServiceStatus {
        accepted: Accepted::STOP,
        ..status(ScmState::Running)
    });
    scm.calls().script("orders", Cause::Start, starting);
    scm.start("orders", &[]).unwrap();
    let mut seen = Vec::new();
    scm.stop("orders", soon(), |_, it| {
        seen.push((it.state, it.checkpoint));
    })
    .unwrap();
    assert_eq!(seen.last(), Some(&(ScmState::Stopped, 0)));
    assert!(seen.contains(&(ScmState::StartPending, 3)), "{seen:?}");
}

#[test]
fn a_client_that_lags_opens_the_service_anew() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.calls().script(
        "orders",
        Cause::Start,
        steps(ScmState::StartPending, 2)
            .into_iter()
            .chain([status(ScmState::Running)])
            .collect(),
    );
    scm.start("orders", &[]).unwrap();
    scm.calls().taken();
    let waits = |it: &Call| matches!(it, Call::WaitStatusChange { .. });
    scm.calls().fail(1294, waits);
    let runs = |it: &ServiceStatus| it.state == ScmState::Running;
    scm.wait("orders", runs, soon(), |_| {}).unwrap();
    let opened = |it: &&Call| matches!(it, Call::OpenService { .. });
    assert_eq!(scm.calls().made().iter().filter(opened).count(), 2);
}

#[test]
fn a_deleted_service_goes_when_it_has_stopped() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.start("orders", &[]).unwrap();
    assert_eq!(scm.delete("orders").unwrap(), Deleted::Pending);
    let error = scm.install(&orders()).unwrap_err();
    assert_eq!(error.reason, Reason::MarkedForDelete);
    assert_eq!(
        scm.delete("orders").unwrap_err().reason,
        Reason::MarkedForDelete
    );
    // It is no longer notified of, and waited for all the same.
    scm.stop("orders", soon(), |_, _| {}).unwrap();
    assert!(!scm.calls().has("orders"));

    scm.install(&orders()).unwrap();
    scm.start("orders", &[]).unwrap();
    let gone = scm.stop_and_delete("orders", soon(), |_, _| {}).unwrap();
    assert_eq!(gone, Deleted::Gone);
}

#[test]
fn a_deleted_service_that_stops_slowly_is_looked_at() {
    let scm = scm();
    scm.install(&orders()).unwrap();
    scm.start("orders", &[]).unwrap();
    scm.delete("orders").unwrap();
    let mut pending = steps(ScmState::StopPending, 2);
    let second = pending.pop().unwrap();
    scm.calls().script("orders", Cause::Control(1), pending);
    // Nobody is notified any more: each step is seen by looking at it.
    let recording = scm.calls().clone();
    let stopped = scm.stop("orders", soon(), move |name, now| match now.checkpoint {
        1 => recording.report(name, second),
        2 => recording.report(name, status(ScmState::Stopped)),
        _ => {}
    });
    assert_eq!(stopped.unwrap().state, ScmState::Stopped);
    let waits = |it: &&Call| matches!(it, Call::WaitStatusChange { .. });
    assert_eq!(scm.calls().made().iter().filter(waits).count(), 2);
}

#[test]
fn codes_have_plain_words() {
    for (code, words) in [
        (
            5,
            "access is denied; an administrator's elevated console is needed",
        ),
        (1052, "it does not take this control"),
        (
            1053,
            "it did not answer the service control manager in time",
        ),
        (
            1055,
            "the database of services is locked; try again in a moment",
        ),
        (1056, "it is running already"),
        (1057, "its account does not exist, or the password is wrong"),
        (1058, "it is disabled, or a device it needs is"),
        (1059, "its dependencies lead back to it"),
        (1060, "no service of that name is installed"),
        (1061, "it takes no controls in its present state"),
        (1062, "it is not running"),
        (1068, "a service that it depends on could not be started"),
        (
            1072,
            "it is marked for deletion and goes once it has stopped and nothing has it open",
        ),
        (1073, "a service of that name is installed already"),
        (124, "this system does not support it"),
    ] {
        let scm = scm();
        scm.install(&orders()).unwrap();
        scm.calls()
            .fail(code, |it| matches!(it, Call::Start { .. }));
        let error = scm.start("orders", &[]).unwrap_err();
        assert_eq!(error.to_string(), "cannot start orders");
        assert_eq!(error.reason.to_string(), words);
    }
}
