use std::fs;
use std::thread;

use super::*;
use crate::{DEADLINE, processes};

#[test]
fn is_a_systemd_of_its_own() {
    let outside = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let machine = Machine::with().bind("/bin/sh", "/opt/there").boot();
    let version = machine.ok(&["systemctl", "--version"]);
    assert!(version.starts_with("systemd "), "{version}");
    assert_eq!(machine.ok(&["cat", "/proc/1/comm"]), "systemd\n");
    assert_eq!(machine.ok(&["hostname"]), "machine\n");
    assert_eq!(machine.ok(&["/opt/there", "-c", "echo bound"]), "bound\n");
    assert!(
        !machine
            .run(&["sh", "-c", ": >> /opt/there"])
            .status
            .success()
    );
    assert!(
        !machine
            .run(&["sh", "-c", "echo 1 > /proc/sys/vm/swappiness"])
            .status
            .success()
    );
    assert_eq!(
        fs::read_to_string("/proc/sys/kernel/hostname").unwrap(),
        outside
    );
}

#[test]
fn machines_are_apart_and_leave_nothing() {
    let threads = [0, 1].map(|number| {
        thread::spawn(move || {
            let machine = Machine::boot();
            machine.write("/etc/number", &number.to_string());
            machine.ok(&["systemd-run", "--unit", "stays", "sleep", "1000"]);
            assert_eq!(machine.ok(&["cat", "/etc/number"]), number.to_string());
            machine
        })
    });
    let machines = threads.map(|thread| thread.join().unwrap());
    let pids = machines.each_ref().map(Machine::pid);
    let family = |pid| processes::descendants(pid).into_iter().map(|it| it.pid);
    let all: Vec<u32> = pids.into_iter().flat_map(family).chain(pids).collect();
    let holders = machines.each_ref().map(|machine| machine.holder.id());
    drop(machines);
    for pid in all.into_iter().chain(holders) {
        assert!(!processes::runs(pid), "{pid} is left");
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains("/machine/view"), "{mounts}");
    let tree = root::tree();
    assert!(!tree.store.join(tree.name).join("etc/number").exists());
}

#[test]
fn a_reboot_keeps_the_disk_and_ends_the_rest() {
    let mut machine = Machine::boot();
    machine.write("/etc/kept", "kept");
    machine.write("/run/gone", "gone");
    let user = machine.add_user("ada");
    let script = "touch /home/ada/stopped";
    machine.ok(&[
        "systemd-run",
        "-p",
        &format!("ExecStop={script}"),
        "-r",
        "true",
    ]);
    machine.reboot();
    assert_eq!(machine.ok(&["cat", "/etc/kept"]), "kept");
    assert!(
        machine.path("/home/ada/stopped").exists(),
        "no orderly shutdown"
    );
    assert!(!machine.path("/run/gone").exists());
    machine.await_user(&user);
    assert_eq!(machine.ok_as(&user, &["id", "-un"]), "ada\n");
    assert_eq!(
        machine.ok_as(
            &user,
            &["systemd-run", "--user", "--pipe", "--quiet", "pwd"]
        ),
        "/home/ada\n"
    );
}

#[test]
fn a_killed_test_leaves_nothing() {
    let mut machine = Machine::boot();
    let pid = machine.pid();
    // All that a killed test does: its end of the pipe goes.
    drop(machine.orders.take());
    eventually(DEADLINE, "the machine ends with its owner", || {
        !processes::runs(pid)
    });
    eventually(DEADLINE, "so does the holder", || {
        !processes::runs(machine.holder.id())
    });
}

#[test]
fn the_journal_is_read_by_unit() {
    let machine = Machine::boot();
    machine.ok(&["systemd-run", "--wait", "--unit", "says", "echo", "a word"]);
    let journal = machine.journal("says.service");
    assert!(journal.lines().any(|line| line == "a word"), "{journal}");
}
