//! What is enabled runs after a boot.

use stead_os::systemd::{ActiveState, Verb};
use stead_testkit::Machine;

use super::support::{WITHIN, install, manager, shell};

#[test]
fn an_enabled_service_runs_after_a_boot_and_no_other() {
    let mut machine = Machine::boot();
    for name in ["on.service", "off.service"] {
        let mut unit = shell("exec", "sleep 1000");
        unit.section("Install").set("WantedBy", "multi-user.target");
        install(&machine, name, &unit);
    }
    {
        let systemd = manager(&machine);
        systemd.reload().unwrap();
        systemd.enable(&["on.service"]).unwrap();
        systemd.perform(Verb::Start, "off.service", WITHIN).unwrap();
        let before = systemd.status("on.service").unwrap();
        assert_eq!(before.active, ActiveState::Inactive);
    }
    machine.reboot();
    let systemd = manager(&machine);
    assert_eq!(
        systemd.status("on.service").unwrap().active,
        ActiveState::Active
    );
    assert_eq!(
        systemd.status("off.service").unwrap().active,
        ActiveState::Inactive
    );
}
