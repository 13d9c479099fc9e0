//! Sockets that systemd opens.

use std::io::Read as _;
use std::os::unix::net::UnixStream;

use stead_os::systemd::unit::UnitFile;
use stead_os::systemd::{ActiveState, Verb};

use super::support::{PROBE, WITHIN, install, machine_with_probe, manager, verify};

#[test]
fn a_service_is_started_by_its_sockets_and_takes_them() {
    let machine = machine_with_probe();
    let mut web = UnitFile::new();
    web.section("Socket")
        .set("ListenStream", "127.0.0.1:7777")
        .set("Service", "web.service");
    install(&machine, "web.socket", &web);
    let mut local = UnitFile::new();
    local
        .section("Socket")
        .set("ListenStream", "/run/local.sock")
        .set("FileDescriptorName", "local")
        .set("Service", "web.service");
    install(&machine, "local.socket", &local);
    let mut service = UnitFile::new();
    service
        .section("Service")
        .set("Sockets", "web.socket local.socket")
        .exec("ExecStart", "", &[PROBE, "listen"])
        .unwrap();
    install(&machine, "web.service", &service);
    for unit in ["web.socket", "local.socket", "web.service"] {
        verify(&machine, unit);
    }

    let systemd = manager(&machine);
    systemd.reload().unwrap();
    for socket in ["web.socket", "local.socket"] {
        systemd.perform(Verb::Start, socket, WITHIN).unwrap();
    }
    let before = systemd.status("web.service").unwrap();
    assert_eq!(before.active, ActiveState::Inactive);
    let relations = systemd.relations("web.service").unwrap();
    assert_eq!(relations.triggered_by, ["local.socket", "web.socket"]);

    let said = machine.ok(&["bash", "-c", "cat </dev/tcp/127.0.0.1/7777"]);
    assert_eq!(
        said,
        "[\"local\", \"web.socket\"]; the socket web.socket from systemd is no listening Unix \
         socket; again 0; inherited false"
    );
    let mut answer = String::new();
    UnixStream::connect(machine.path("/run/local.sock"))
        .and_then(|mut stream| stream.read_to_string(&mut answer))
        .unwrap();
    assert_eq!(answer, "local");
}
