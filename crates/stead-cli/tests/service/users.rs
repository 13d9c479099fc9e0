//! Services of a user's own manager.

use crate::support::{account_of, machine};

#[test]
fn a_user_has_services_of_his_own() {
    let machine = machine();
    let user = machine.add_user("ann");
    let stead = |words: &[&str]| {
        let all = [&["/usr/local/bin/stead", "service", "--user-unit"], words].concat();
        machine.ok_as(&user, &all)
    };
    let words = ["install", "nap", "--now", "--", "/bin/sleep", "1000"];
    assert_eq!(stead(&words), "nap: installed (direct)\n");
    let shown = stead(&["status", "nap", "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["phase"], "ready");
    assert_eq!(account_of(&machine, &shown["pid"]), user.uid());
    assert_eq!(stead(&["stop", "nap"]), "nap: TERMINATED\n");

    // Hosted as well, with its state in her own folders.
    let words = [
        "install",
        "hosted",
        "--hosted",
        "--now",
        "--",
        "/bin/sleep",
        "1000",
    ];
    stead(&words);
    assert!(crate::support::exists(
        &machine,
        "/home/ann/.local/state/stead/logs/hosted"
    ));
    stead(&["uninstall", "hosted"]);
    stead(&["uninstall", "nap"]);
    assert_eq!(stead(&["list", "--output", "json"]).trim(), "[]");
}
