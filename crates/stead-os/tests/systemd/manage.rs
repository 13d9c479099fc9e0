//! The manager: jobs and how they end, status, changes, lists, errors.

use std::time::{Duration, SystemTime};

use stead_os::systemd::blocking::Systemd;
use stead_os::systemd::unit::UnitFile;
use stead_os::systemd::{
    ActiveState, Enabled, Exit, FileChange, JobResult, LoadState, Status, SystemdError, Verb, Whom,
};
use stead_testkit::Machine;

use super::support::{PROBE, WITHIN, install, machine_with_probe, manager, shell, verify};

#[test]
fn a_service_is_installed_run_and_taken_away() {
    let machine = Machine::boot();
    let systemd = manager(&machine);
    assert!(systemd.version().unwrap().starts_with("25"));
    let absent = systemd.status("orders.service").unwrap_err();
    assert!(matches!(absent, SystemdError::NoSuchUnit { ref unit } if unit == "orders.service"));

    let mut unit = shell(
        "exec",
        "trap 'echo again' HUP; while :; do sleep 1000 & wait; done",
    );
    unit.section("Unit").text("Description", "Takes orders");
    let service = unit.section("Service");
    service.set("ExecReload", "/bin/kill -HUP $MAINPID");
    service.set("WatchdogSec", "0");
    unit.section("Install").set("WantedBy", "multi-user.target");
    install(&machine, "orders.service", &unit);
    verify(&machine, "orders.service");
    systemd.reload().unwrap();
    let status = systemd.status("orders.service").unwrap();
    assert_eq!(
        (status.active, status.sub.as_str()),
        (ActiveState::Inactive, "dead")
    );
    assert_eq!((status.main_pid, status.exit), (None, None));
    assert_eq!(status.enabled, Some(Enabled::No));

    let changes = systemd.enable(&["orders.service"]).unwrap();
    let link = "/etc/systemd/system/multi-user.target.wants/orders.service";
    let linked = FileChange::Linked {
        link: link.into(),
        target: "/etc/systemd/system/orders.service".into(),
    };
    assert_eq!(changes, [linked]);
    systemd.reload().unwrap();

    let mut seen = Vec::new();
    systemd
        .perform_with(Verb::Start, "orders.service", WITHIN, |status| {
            seen.push(status.active.clone());
        })
        .unwrap();
    let first = systemd.status("orders.service").unwrap();
    assert_eq!(
        (&first.active, first.sub.as_str()),
        (&ActiveState::Active, "running")
    );
    assert_eq!(first.description, "Takes orders");
    assert_eq!(first.load, LoadState::Loaded);
    assert_eq!(first.enabled, Some(Enabled::Yes));
    assert_eq!(
        first.fragment.as_deref(),
        Some("/etc/systemd/system/orders.service".as_ref())
    );
    assert!(first.main_pid.is_some() && first.can_reload && !first.needs_reload);
    let age = SystemTime::now()
        .duration_since(first.started.unwrap())
        .unwrap();
    assert!(age < WITHIN, "{age:?}");

    systemd
        .perform(Verb::Reload, "orders.service", WITHIN)
        .unwrap();
    stead_testkit::eventually(WITHIN, "the service was told to reload", || {
        machine.journal("orders.service").contains("again")
    });
    systemd
        .perform(Verb::Restart, "orders.service", WITHIN)
        .unwrap();
    let second = systemd.status("orders.service").unwrap();
    assert_ne!(second.main_pid, first.main_pid);

    let relations = systemd.relations("orders.service").unwrap();
    assert_eq!(relations.wanted_by, ["multi-user.target"]);
    let units = systemd.units(&["orders.*"]).unwrap();
    assert_eq!(units.len(), 1);
    assert_eq!(
        (units[0].name.as_str(), &units[0].active),
        ("orders.service", &ActiveState::Active)
    );
    let files = systemd.unit_files(&["ord*.service"]).unwrap();
    assert_eq!(
        (files[0].name(), &files[0].enabled),
        ("orders.service", &Enabled::Yes)
    );

    systemd
        .perform(Verb::Stop, "orders.service", WITHIN)
        .unwrap();
    let stopped = systemd.status("orders.service").unwrap();
    assert_eq!(stopped.active, ActiveState::Inactive);
    assert_eq!(stopped.exit, Some(Exit::Signal(15)));
    assert_eq!(stopped.result, "success");
    let changes = systemd.disable(&["orders.service"]).unwrap();
    assert_eq!(changes, [FileChange::Unlinked { link: link.into() }]);
    machine.ok(&["rm", "/etc/systemd/system/orders.service"]);
    systemd.reload().unwrap();
    assert!(systemd.status("orders.service").is_err());
}

#[test]
fn the_end_of_a_job_is_told() {
    let machine = Machine::boot();
    let systemd = manager(&machine);
    install(&machine, "fails.service", &shell("oneshot", "exit 7"));
    let mut needs = shell("oneshot", "true");
    needs
        .section("Unit")
        .set("Requires", "fails.service")
        .set("After", "fails.service");
    install(&machine, "needs.service", &needs);
    let mut slow = shell("notify", "sleep 1000");
    slow.section("Service").set("TimeoutStartSec", "200ms");
    install(&machine, "slow.service", &slow);
    install(&machine, "waits.service", &shell("notify", "sleep 1000"));
    let mut late = shell("notify", "sleep 1000");
    late.section("Unit").set("JobTimeoutSec", "200ms");
    install(&machine, "late.service", &late);
    let mut asserts = shell("oneshot", "true");
    asserts
        .section("Unit")
        .set("AssertPathExists", "/not/there");
    install(&machine, "asserts.service", &asserts);
    let mut bad = shell("oneshot", "true");
    bad.section("Service").remove("ExecStart");
    install(&machine, "bad.service", &bad);
    systemd.reload().unwrap();

    let result = |unit: &str| match systemd.perform(Verb::Start, unit, WITHIN).unwrap_err() {
        SystemdError::Job {
            verb: Verb::Start,
            unit: of,
            result,
        } if of == unit => result,
        other => panic!("{other:?}"),
    };
    assert_eq!(result("fails.service"), JobResult::Failed);
    let status = systemd.status("fails.service").unwrap();
    assert_eq!(
        (status.active, status.exit),
        (ActiveState::Failed, Some(Exit::Status(7)))
    );
    assert_eq!(status.result, "exit-code");
    systemd.reset_failed("fails.service").unwrap();
    assert_eq!(
        systemd.status("fails.service").unwrap().active,
        ActiveState::Inactive
    );
    assert_eq!(result("needs.service"), JobResult::Dependency);
    assert_eq!(result("slow.service"), JobResult::Failed);
    assert_eq!(systemd.status("slow.service").unwrap().result, "timeout");
    assert_eq!(result("late.service"), JobResult::Timeout);
    assert_eq!(result("asserts.service"), JobResult::Assert);

    let short = Duration::from_millis(100);
    let late = systemd
        .perform(Verb::Start, "waits.service", short)
        .unwrap_err();
    assert!(matches!(late, SystemdError::Timeout { within, .. } if within == short));
    assert_eq!(late.to_string(), "cannot start waits.service within 100ms");
    assert_eq!(
        systemd.status("waits.service").unwrap().active,
        ActiveState::Activating
    );

    assert_eq!(
        systemd.status("bad.service").unwrap().load,
        LoadState::BadSetting
    );
    let error = systemd
        .perform(Verb::Start, "bad.service", WITHIN)
        .unwrap_err();
    assert!(matches!(error, SystemdError::Refused { .. }), "{error:?}");
    machine.ok(&["systemctl", "mask", "masked.service"]);
    let error = systemd.perform(Verb::Start, "masked.service", WITHIN);
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "the unit masked.service is masked");
    let error = systemd
        .perform(Verb::Start, "none.service", WITHIN)
        .unwrap_err();
    assert_eq!(error.to_string(), "there is no unit none.service");
    let error = systemd
        .perform(Verb::Reload, "fails.service", WITHIN)
        .unwrap_err();
    assert!(
        matches!(
            error,
            SystemdError::Job { .. } | SystemdError::Refused { .. }
        ),
        "{error:?}"
    );
}

#[test]
fn readiness_status_and_the_watchdog_are_seen() {
    let machine = Machine::boot();
    let systemd = manager(&machine);
    let mut unit = shell(
        "notify",
        "systemd-notify STATUS='warming up'; while ! [ -e /run/go ]; do sleep 0.02; done; \
         systemd-notify --ready --status=open; sleep 1000",
    );
    unit.section("Service")
        .set("NotifyAccess", "all")
        .set("WatchdogSec", "1500ms")
        .set("Restart", "on-watchdog")
        .set("RestartSec", "50ms")
        .set("WatchdogSignal", "SIGKILL");
    install(&machine, "ready.service", &unit);
    verify(&machine, "ready.service");
    systemd.reload().unwrap();

    let mut texts = Vec::new();
    systemd
        .perform_with(Verb::Start, "ready.service", WITHIN, |status| {
            if status.status_text.as_deref() == Some("warming up") {
                assert_eq!(status.active, ActiveState::Activating);
                machine.write("/run/go", "");
            }
            texts.extend(status.status_text.clone());
        })
        .unwrap();
    assert!(texts.contains(&"warming up".to_owned()), "{texts:?}");
    let first = systemd.status("ready.service").unwrap();
    assert_eq!(first.active, ActiveState::Active);
    assert_eq!(first.status_text.as_deref(), Some("open"));
    assert_eq!(first.watchdog, Some(Duration::from_millis(1500)));
    assert_eq!(first.kind.as_deref(), Some("notify"));

    // It never pings: systemd kills it and starts it again.
    let again = systemd.wait_until("ready.service", WITHIN, |status| {
        status.restarts > 0 && status.active == ActiveState::Active
    });
    let again = again.unwrap().expect("the watchdog fires");
    assert_ne!(again.main_pid, first.main_pid);
    let journal = machine.ok(&["journalctl", "--unit", "ready.service"]);
    assert!(journal.contains("Watchdog timeout"), "{journal}");
}

#[test]
fn what_this_crate_tells_is_understood() {
    let machine = machine_with_probe();
    let systemd = manager(&machine);
    let mut unit = UnitFile::new();
    unit.section("Service")
        .set("Type", "notify")
        .set("TimeoutStartSec", "2s")
        .exec("ExecStart", "", &[PROBE, "notify"])
        .unwrap();
    install(&machine, "tells.service", &unit);
    systemd.reload().unwrap();
    let mut texts = Vec::new();
    // It takes longer than its unit allows, and asked for that.
    systemd
        .perform_with(Verb::Start, "tells.service", WITHIN, |status| {
            texts.extend(status.status_text.clone());
        })
        .unwrap();
    assert!(texts.contains(&"slow but coming".to_owned()), "{texts:?}");
    let await_status = |what: &str, wanted: fn(&Status) -> bool| {
        let status = systemd.wait_until("tells.service", WITHIN, wanted).unwrap();
        status.unwrap_or_else(|| panic!("{what}"))
    };
    let reloading = await_status("it reloads", |it| it.active == ActiveState::Reloading);
    assert_eq!(reloading.status_text.as_deref(), Some("open"));
    machine.write("/run/go", "");
    let ended = await_status("it ends", |it| it.active == ActiveState::Failed);
    assert_eq!(ended.exit, Some(Exit::Status(3)));
    assert_eq!(ended.status_text.as_deref(), Some("leaving"));
}

#[test]
fn a_killed_service_is_restarted_until_the_limit() {
    let machine = Machine::boot();
    let systemd = manager(&machine);
    let mut unit = shell("exec", "sleep 1000");
    unit.section("Unit")
        .set("StartLimitBurst", 2)
        .set("StartLimitIntervalSec", "10min");
    unit.section("Service")
        .set("Restart", "on-failure")
        .set("RestartSec", "10ms");
    install(&machine, "frail.service", &unit);
    systemd.reload().unwrap();
    systemd
        .perform(Verb::Start, "frail.service", WITHIN)
        .unwrap();
    let first = systemd.status("frail.service").unwrap();
    systemd.kill("frail.service", Whom::Main, 9).unwrap();
    let second = systemd
        .wait_until("frail.service", WITHIN, |status| {
            status.restarts == 1 && status.active == ActiveState::Active
        })
        .unwrap()
        .expect("it is restarted");
    assert_ne!(first.main_pid, second.main_pid);
    systemd.kill("frail.service", Whom::All, 9).unwrap();
    let failed = systemd
        .wait_until("frail.service", WITHIN, |status| {
            status.active == ActiveState::Failed
        })
        .unwrap()
        .expect("it is given up");
    assert!(
        ["start-limit-hit", "signal"].contains(&&*failed.result),
        "{}",
        failed.result
    );
    assert_eq!(failed.exit, Some(Exit::Signal(9)));
}

#[test]
fn nobody_at_the_bus_is_told() {
    let folder = stead_testkit::folder();
    let address = format!("unix:path={}", folder.path().join("bus").display());
    let error = Systemd::connect_to(&address).unwrap_err();
    assert!(matches!(error, SystemdError::NoBus { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("there is no bus at {address}"));
}

#[test]
fn a_status_is_one_quick_question() {
    let machine = Machine::boot();
    let socket = machine.path("/run/dbus/system_bus_socket");
    let address = format!("unix:path={}", socket.display());
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begun = std::time::Instant::now();
        let status = Systemd::connect_to(&address)
            .unwrap()
            .status("systemd-journald.service")
            .unwrap();
        best = best.min(begun.elapsed());
        assert_eq!(status.active, ActiveState::Active);
    }
    // What is so already is not waited for.
    let systemd = manager(&machine);
    let active = systemd.wait_until("systemd-journald.service", WITHIN, |status| {
        status.active == ActiveState::Active
    });
    assert!(active.unwrap().is_some());
    // What `stead service status` may take in all.
    println!("connected and answered in {best:?}");
    assert!(best < Duration::from_millis(30), "{best:?}");
}
