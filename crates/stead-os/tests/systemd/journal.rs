//! What is sent to the journal can be read from it.

use stead_os::systemd::Verb;
use stead_os::systemd::unit::UnitFile;

use super::support::{PROBE, WITHIN, install, machine_with_probe, manager};

#[test]
fn fields_arrive_whatever_their_size() {
    let machine = machine_with_probe();
    let systemd = manager(&machine);
    for (name, size) in [("small.service", 30), ("large.service", 2_000_000)] {
        let mut unit = UnitFile::new();
        unit.section("Service")
            .set("Type", "oneshot")
            .exec("ExecStart", "", &[PROBE, "journal", &size.to_string()])
            .unwrap();
        install(&machine, name, &unit);
        systemd.reload().unwrap();
        systemd.perform(Verb::Start, name, WITHIN).unwrap();
        machine.ok(&["journalctl", "--sync"]);
        let lines = machine.ok(&[
            "journalctl",
            "--all",
            "--output",
            "json",
            "PRIORITY=5",
            &format!("PROBE_SIZE={size}"),
        ]);
        let entry: serde_json::Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(entry["MESSAGE"], "sent from true");
        assert_eq!(entry["PROBE_TWICE"], serde_json::json!(["one", "two"]));
        let large = entry["PROBE_LARGE"].as_str().unwrap();
        assert_eq!((large.len(), large.lines().count()), (size, 2));
    }
}
