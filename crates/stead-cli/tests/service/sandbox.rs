//! The sandbox profiles: how far they shut off, and what lives under them.

use crate::support::{
    account_of, define, eventually_status, fails, machine, ok, running, service, status,
};

/// What `systemd-analyze security` gives a service: 0 is shut off, 10 is open.
fn score(machine: &stead_testkit::Machine, name: &str) -> f64 {
    let unit = format!("{name}.service");
    let words = ["systemd-analyze", "security", "--no-pager", &unit];
    let said = machine.ok(&words);
    let line = said.lines().last().unwrap();
    let number = line.split(": ").nth(1).unwrap();
    number.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn the_profiles_score_as_they_promise() {
    let machine = machine();
    let file = define(
        &machine,
        r#"
[services.standard]
command = ["redis-server", "--port", "7102", "--save", "", "--supervised", "systemd"]
ready = "notify"
[services.strict]
command = ["redis-server", "--port", "7103", "--save", "", "--supervised", "systemd"]
ready = "notify"
sandbox = { profile = "strict" }
"#,
    );
    for name in ["standard", "strict"] {
        ok(&machine, &["install", name, "--file", file, "--now"]);
        assert_eq!(status(&machine, name)["phase"], "ready");
    }
    let (standard, strict) = (score(&machine, "standard"), score(&machine, "strict"));
    assert!(standard <= 2.5, "standard: {standard}");
    assert!(strict <= 2.0, "strict: {strict}");
    assert!(strict < standard, "{strict} and {standard}");
    for port in ["7102", "7103"] {
        assert_eq!(machine.ok(&["redis-cli", "-p", port, "ping"]), "PONG\n");
    }
}

#[test]
fn a_host_works_within_the_strict_profile() {
    let machine = machine();
    let file = define(
        &machine,
        r#"
[services.strict]
command = ["redis-server", "--port", "7104", "--save", ""]
sandbox = { profile = "strict" }
ready = "healthy"
checks = [{ tcp = "127.0.0.1:7104", interval = "100ms" }]
"#,
    );
    ok(&machine, &["install", "strict", "--file", file, "--now"]);
    assert_eq!(status(&machine, "strict")["mode"], "hosted");
    assert_eq!(machine.ok(&["redis-cli", "-p", "7104", "ping"]), "PONG\n");
    ok(&machine, &["stop", "strict"]);
    assert_eq!(running(&machine, "redis-server"), [0; 0]);
}

#[test]
fn a_low_port_brings_the_right_to_listen_there() {
    let machine = machine();
    let file = define(
        &machine,
        r#"
[services.low]
command = ["redis-server", "--port", "80", "--save", ""]
ready = "healthy"
checks = [{ tcp = "127.0.0.1:80", interval = "100ms" }]
publish = { port = 80 }
"#,
    );
    let output = service(&machine, &["install", "low", "--file", file, "--now"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("not published"),
        "{said}"
    );
    assert_eq!(machine.ok(&["redis-cli", "-p", "80", "ping"]), "PONG\n");
    assert_ne!(account_of(&machine, &status(&machine, "low")["pid"]), 0);
}

#[test]
fn a_program_that_compiles_as_it_runs_lives_under_standard_alone() {
    let machine = machine();
    machine.write(
        "/opt/shop/server.js",
        "require('http').createServer((_, answer) => answer.end('served')).listen(7105, '127.0.0.1')",
    );
    let file = define(
        &machine,
        "[services.web]\ncommand = [\"node\", \"server.js\"]\n",
    );
    ok(&machine, &["install", "web", "--file", file, "--now"]);
    let ask = "require('http').get('http://127.0.0.1:7105', it => it.pipe(process.stdout))";
    let served = stead_testkit::eventually_some(stead_testkit::DEADLINE, "it serves", || {
        let output = machine.run(&["node", "-e", ask]);
        output.status.success().then_some(output.stdout)
    });
    assert_eq!(served, b"served");
    let refused = fails(&machine, 1, &["set", "web", "sandbox.profile=strict"]);
    assert!(refused.contains("compiles code while it runs"), "{refused}");
    assert_eq!(status(&machine, "web")["phase"], "ready");

    // Under a name that says nothing the preflight lets it pass, and the profile does not.
    machine.ok(&["cp", "/usr/bin/node", "/opt/shop/engine"]);
    let strict = [
        "install",
        "engine",
        "--sandbox",
        "strict",
        "--set",
        "restart.policy=never",
    ];
    let program = [
        "--now",
        "--",
        "/opt/shop/engine",
        "-e",
        "setInterval(() => {}, 1000)",
    ];
    let _ = service(&machine, &[&strict[..], &program].concat());
    eventually_status(&machine, "engine", "is ended", |status| {
        status["state"] == "ERROR"
    });
}

#[test]
fn what_a_profile_would_hide_is_refused_before_anything_is_changed() {
    let machine = machine();
    machine.write_program("/home/ann/bin/tool", "#!/bin/sh\nexec sleep 1000\n");
    machine.write_program("/tmp/tool", "#!/bin/sh\nexec sleep 1000\n");
    for (program, hidden) in [("/home/ann/bin/tool", "/home"), ("/tmp/tool", "/tmp")] {
        let words = ["install", "tool", "--", program];
        let refused = fails(&machine, 1, &words);
        assert!(
            refused.contains(program) && refused.contains(hidden) && refused.contains("hint:"),
            "{refused}"
        );
        assert!(!crate::support::exists(
            &machine,
            "/etc/systemd/system/tool.service"
        ));
        let shown = ok(&machine, &["install", "tool", "--dry-run", "--", program]);
        assert!(shown.contains("would be refused"), "{shown}");
    }
    let words = [
        "install",
        "tool",
        "--sandbox",
        "off",
        "--now",
        "--",
        "/home/ann/bin/tool",
    ];
    ok(&machine, &words);
    assert_eq!(status(&machine, "tool")["phase"], "ready");
}
