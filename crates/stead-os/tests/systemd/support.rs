use std::time::Duration;

use stead_os::systemd::blocking::Systemd;
use stead_os::systemd::unit::UnitFile;
use stead_testkit::Machine;

/// Long enough for any job on a busy machine.
pub(crate) const WITHIN: Duration = Duration::from_mins(1);

/// Where the probe is in a machine.
pub(crate) const PROBE: &str = "/opt/probe";

/// A machine with the probe in it.
pub(crate) fn machine_with_probe() -> Machine {
    Machine::with().example("systemd_probe", PROBE).boot()
}

/// The machine's manager, over its bus. Its socket is a file, so it can be reached from outside.
pub(crate) fn manager(machine: &Machine) -> Systemd {
    let socket = machine.path("/run/dbus/system_bus_socket");
    Systemd::connect_to(&format!("unix:path={}", socket.display())).unwrap()
}

/// Writes a unit of the system.
pub(crate) fn install(machine: &Machine, name: &str, unit: &UnitFile) {
    machine.write(&place(name), &unit.to_string());
}

/// Has `systemd-analyze verify` read a unit, which must have nothing to say about it.
#[track_caller]
pub(crate) fn verify(machine: &Machine, name: &str) {
    let output = machine.run(&["systemd-analyze", "verify", &place(name)]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{name}: {said}");
}

fn place(name: &str) -> String {
    format!("/etc/systemd/system/{name}")
}

/// A service that runs a shell script.
pub(crate) fn shell(kind: &str, script: &str) -> UnitFile {
    let mut unit = UnitFile::new();
    unit.section("Unit").text("Description", "A test's");
    unit.section("Service")
        .set("Type", kind)
        .exec("ExecStart", "", &["/bin/sh", "-c", script])
        .unwrap();
    unit
}
