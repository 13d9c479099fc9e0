//! What cannot be done is said, and nothing is half-done.

use crate::support::{define, exists, fails, machine, ok, running, service, status};

const SLEEP: &str = "[services.nap]\ncommand = [\"sleep\", \"1000\"]\n";

#[test]
fn a_taken_name_an_absent_one_and_the_same_again() {
    let machine = machine();
    let file = define(&machine, SLEEP);
    machine.write(
        "/etc/systemd/system/nap.service",
        "[Service]\nExecStart=/bin/true\n",
    );
    machine.ok(&["systemctl", "daemon-reload"]);
    let taken = fails(&machine, 1, &["install", "nap", "--file", file]);
    assert!(
        taken.contains("the name nap is taken by /etc/systemd/system/nap.service"),
        "{taken}"
    );
    assert!(!exists(&machine, "/etc/stead/services/nap.toml"));
    let theirs = fails(&machine, 1, &["uninstall", "nap"]);
    assert!(theirs.contains("the name nap is taken"), "{theirs}");
    assert!(exists(&machine, "/etc/systemd/system/nap.service"));
    fails(&machine, 3, &["uninstall", "../system/nap"]);
    machine.ok(&["rm", "/etc/systemd/system/nap.service"]);
    machine.ok(&["systemctl", "daemon-reload"]);

    for verb in [
        "start",
        "stop",
        "restart",
        "reload",
        "status",
        "show",
        "uninstall",
        "logs",
    ] {
        let absent = fails(&machine, 3, &[verb, "nap"]);
        assert!(absent.contains("no service nap is installed"), "{absent}");
    }

    ok(&machine, &["install", "nap", "--file", file]);
    let again = ok(&machine, &["install", "nap", "--file", file]);
    assert_eq!(again, "nap: installed already, nothing changed (direct)\n");
    let differs = fails(
        &machine,
        1,
        &["install", "nap", "--file", file, "--description", "Sleeps"],
    );
    assert!(
        differs.contains("nap is installed already, and differs"),
        "{differs}"
    );
    let words = [
        "install",
        "nap",
        "--file",
        file,
        "--description",
        "Sleeps",
        "--replace",
    ];
    ok(&machine, &words);
    assert!(ok(&machine, &["show", "nap"]).contains("Description=Sleeps"));
}

#[test]
fn what_cannot_run_is_not_installed() {
    let machine = machine();
    machine.write_program("/opt/shop/closed/tool", "#!/bin/sh\nexec sleep 1000\n");
    machine.ok(&["chmod", "700", "/opt/shop/closed"]);
    machine.write_program("/opt/shop/open", "#!/bin/sh\nexec sleep 1000\n");
    machine.ok(&["chmod", "777", "/opt/shop/open"]);
    for (words, said) in [
        (
            &["--", "/opt/shop/absent"][..],
            "there is no program /opt/shop/absent",
        ),
        (
            &["--", "no-such-program"],
            "no program `no-such-program` in PATH",
        ),
        (
            &["--", "/opt/shop/closed/tool"],
            "/opt/shop/closed is closed to it",
        ),
        (
            &["--user", "nobody-here", "--", "/bin/sleep", "9"],
            "there is no account nobody-here",
        ),
        (
            &["--user", "root", "--", "/opt/shop/open"],
            "others than root can change /opt/shop/open",
        ),
        (
            &[
                "--set",
                "sandbox.write=[\"/srv/absent\"]",
                "--",
                "/bin/sleep",
                "9",
            ],
            "/srv/absent, is not there",
        ),
    ] {
        let refused = fails(&machine, 1, &[&["install", "tool"], words].concat());
        assert!(refused.contains(said), "{said} in\n{refused}");
        assert!(!exists(&machine, "/etc/stead/services/tool.toml"));
        assert!(!exists(&machine, "/etc/systemd/system/tool.service"));
    }
    let account = fails(&machine, 1, &["install", "backup", "--", "/bin/sleep", "9"]);
    assert!(
        account.contains("there is an account backup already"),
        "{account}"
    );
    for (words, said) in [
        (
            &["--set", "systemd.properties.User=root"][..],
            "systemd.properties.User",
        ),
        (&["--set", "start=sometimes"], "sometimes"),
        (&["--set", "no.such=1"], "no"),
        (&["--start", "delayed"], "start = \"delayed\""),
        (&["--direct", "--set", "logs.keep=9"], "logs.keep"),
    ] {
        let all = [&["install", "tool"], words, &["--", "/bin/sleep", "9"]].concat();
        let refused = fails(&machine, 2, &all);
        assert!(refused.contains(said), "{said} in\n{refused}");
    }
}

#[test]
fn an_installation_that_fails_on_the_way_leaves_what_was_before() {
    let machine = machine();
    let file = define(&machine, SLEEP);
    // systemd takes the unit, and cannot have it started by what is no unit.
    let nonsense = "systemd.wanted_by=[\"nonsense\"]";
    fails(
        &machine,
        1,
        &["install", "nap", "--file", file, "--set", nonsense],
    );
    for left in [
        "/etc/stead/services/nap.toml",
        "/etc/systemd/system/nap.service",
        "/etc/systemd/system/multi-user.target.wants/nap.service",
    ] {
        assert!(!exists(&machine, left), "{left}");
    }
    assert!(
        !machine
            .run(&["systemctl", "cat", "nap.service"])
            .status
            .success()
    );

    ok(&machine, &["install", "nap", "--file", file]);
    let before = ok(&machine, &["show", "nap"]);
    fails(&machine, 1, &["set", "nap", nonsense]);
    assert_eq!(ok(&machine, &["show", "nap"]), before);
    let enabled = ["systemctl", "is-enabled", "nap.service"];
    assert_eq!(machine.ok(&enabled), "enabled\n");

    // What somebody else has taken away is put back by installing the same again.
    machine.ok(&["systemctl", "disable", "nap.service"]);
    ok(&machine, &["install", "nap", "--file", file, "--replace"]);
    assert_eq!(machine.ok(&enabled), "enabled\n");
}

#[test]
fn the_mask_of_whoever_installs_closes_nothing_to_the_service() {
    let machine = machine();
    let install = "umask 077; exec /usr/local/bin/stead service install nap --hosted --now -- /bin/sleep 1000";
    machine.ok(&["sh", "-c", install]);
    assert_eq!(status(&machine, "nap")["phase"], "ready");
}

#[test]
fn another_tools_file_becomes_a_definition_or_a_clear_error() {
    let machine = machine();
    machine.write(
        "/opt/shop/nap.service",
        "[Service]\nExecStart=/bin/sleep 1000\nNice=5\n[Install]\nWantedBy=multi-user.target\n",
    );
    let definition = ok(&machine, &["import", "/opt/shop/nap.service"]);
    let file = define(&machine, &definition);
    ok(&machine, &["install", "nap", "--file", file, "--now"]);
    assert_eq!(status(&machine, "nap")["phase"], "ready");
    machine.write("/opt/shop/notes.txt", "nothing of the kind\n");
    let refused = fails(&machine, 2, &["import", "/opt/shop/notes.txt"]);
    assert!(
        refused.contains("cannot import /opt/shop/notes.txt") && refused.contains("hint:"),
        "{refused}"
    );
    fails(&machine, 2, &["import", "/opt/shop/absent.xml"]);
}

#[test]
fn a_path_with_spaces_and_quotes_is_run_as_it_is() {
    let machine = machine();
    let program = "/opt/my shop/run %n $HOME now";
    machine.write_program(
        program,
        "#!/bin/sh\necho \"<$1>\" \"<$2>\"\nexec sleep 1000\n",
    );
    let words = ["a \"b\" \\ 'c'", "%h $PATH;"];
    ok(
        &machine,
        &[&["install", "odd", "--now", "--", program], &words[..]].concat(),
    );
    let logs = stead_testkit::eventually_some(stead_testkit::DEADLINE, "it wrote", || {
        Some(ok(&machine, &["logs", "odd"])).filter(|logs| !logs.is_empty())
    });
    assert_eq!(logs, "<a \"b\" \\ 'c'> <%h $PATH;>\n");
}

#[test]
fn a_program_that_never_is_ready_or_never_stops_is_dealt_with() {
    let machine = machine();
    machine.write_program(
        "/opt/shop/stubborn",
        "#!/bin/sh\ntrap '' TERM\necho here\nwhile :; do sleep 1; done\n",
    );
    let file = define(
        &machine,
        r#"
[services.never]
command = ["sleep", "1000"]
ready = "notify"
ready_timeout = "1500ms"
restart = { policy = "never" }
[services.stubborn]
command = ["./stubborn"]
stop = { grace = "0s" }
"#,
    );
    ok(&machine, &["install", "never", "--file", file]);
    let late = fails(&machine, 1, &["start", "never"]);
    assert!(late.contains("it was not ready in time"), "{late}");
    let progress = "never.service: RUNNING/starting\n";
    assert!(late.starts_with(progress), "a second is long: {late}");
    let failed = status(&machine, "never");
    assert_eq!(failed["state"], "ERROR");
    assert_eq!(running(&machine, "sleep 1000"), [0; 0]);

    ok(&machine, &["install", "stubborn", "--file", file, "--now"]);
    assert_eq!(running(&machine, "/opt/shop/stubborn").len(), 1);
    ok(&machine, &["stop", "stubborn"]);
    assert_eq!(running(&machine, "/opt/shop/stubborn"), [0; 0]);
    ok(&machine, &["start", "stubborn"]);
    ok(&machine, &["uninstall", "stubborn"]);
    assert_eq!(running(&machine, "/opt/shop/stubborn"), [0; 0]);
}

#[test]
fn a_failed_start_says_how_and_a_disabled_one_that_it_is() {
    let machine = machine();
    ok(
        &machine,
        &[
            "install",
            "bad",
            "--set",
            "restart.policy=never",
            "--set",
            "ready=notify",
            "--",
            "/bin/sh",
            "-c",
            "exit 3",
        ],
    );
    let failed = fails(&machine, 1, &["start", "bad"]);
    assert!(
        failed.contains("code 3") || failed.contains("without saying"),
        "{failed}"
    );
    ok(&machine, &["set", "bad", "start=disabled"]);
    let disabled = fails(&machine, 1, &["start", "bad"]);
    assert!(disabled.contains("start = \"disabled\""), "{disabled}");
}

#[test]
fn nobody_but_root_installs_for_the_system() {
    let machine = machine();
    let user = machine.add_user("ann");
    let words = [
        "/usr/local/bin/stead",
        "service",
        "install",
        "nap",
        "--",
        "/bin/sleep",
        "9",
    ];
    let output = machine.run_as(&user, &words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("permission denied") && said.contains("--user-unit"),
        "{said}"
    );
    assert!(!exists(&machine, "/etc/systemd/system/nap.service"));
}

#[test]
fn without_systemd_a_plan_can_be_made_and_nothing_else() {
    let machine = machine();
    machine.ok(&["systemctl", "stop", "dbus.socket", "dbus.service"]);
    let shown = ok(
        &machine,
        &["install", "nap", "--dry-run", "--", "/bin/sleep", "9"],
    );
    assert!(shown.contains("ExecStart="), "{shown}");
    let output = service(&machine, &["install", "nap", "--", "/bin/sleep", "9"]);
    assert_eq!(output.status.code(), Some(5));
    assert!(!exists(&machine, "/etc/systemd/system/nap.service"));
}
