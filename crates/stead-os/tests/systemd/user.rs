//! A user's own manager, and what an account may not do.

use super::support::{PROBE, install, machine_with_probe, shell};

#[test]
fn a_user_s_unit_is_run_by_his_own_manager() {
    let mut machine = machine_with_probe();
    let ada = machine.add_user("ada");
    let place = "/home/ada/.config/systemd/user/hers.service";
    let mut unit = shell("exec", "sleep 1000");
    unit.section("Install").set("WantedBy", "default.target");
    machine.write(place, &unit.to_string());
    machine.ok(&["chown", "-R", "ada:ada", "/home/ada"]);
    let start = [PROBE, "start", "user", "hers.service"];
    assert_eq!(machine.ok_as(&ada, &start), format!("Active {place}\n"));
    // The bus is found without what a login would set.
    let bare = [&["env", "-i"], &start[..]].concat();
    assert_eq!(machine.ok_as(&ada, &bare), format!("Active {place}\n"));
    let owner = "stat -c %U /proc/$(systemctl --user show -P MainPID hers.service)";
    assert_eq!(machine.ok_as(&ada, &["sh", "-c", owner]), "ada\n");

    machine.reboot();
    machine.await_user(&ada);
    let active = ["systemctl", "--user", "is-active", "hers.service"];
    assert_eq!(machine.ok_as(&ada, &active), "active\n");
}

#[test]
fn an_account_without_rights_is_told_so() {
    let machine = machine_with_probe();
    let ada = machine.add_user("ada");
    install(&machine, "theirs.service", &shell("exec", "sleep 1000"));
    let said = machine.ok_as(&ada, &[PROBE, "start", "system", "theirs.service"]);
    let (text, debug) = said.split_once('\n').unwrap();
    assert_eq!(
        text,
        "systemd refuses to reload the unit files: permission denied"
    );
    assert!(debug.starts_with("Denied {"), "{debug}");
}

#[test]
fn without_a_user_s_manager_there_is_no_bus() {
    let machine = machine_with_probe();
    let said = machine.ok(&[PROBE, "start", "user", "any.service"]);
    assert!(
        said.starts_with("there is no bus at unix:path=/run/user/0/bus\nNoBus {"),
        "{said}"
    );
}
