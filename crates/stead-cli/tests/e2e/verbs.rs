//! Commands that ask: their shapes, their statuses.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use stead_testkit::{Stack, processes};

use crate::support::{assert_fails, in_health, stack, stdout, until_passing};

fn json(stack: &Stack, arguments: &[&str]) -> Value {
    let all: Vec<_> = arguments
        .iter()
        .chain(&["--output", "json"])
        .copied()
        .collect();
    serde_json::from_str(&stdout(&stack.stead(&all))).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

/// The documented fields of a service.
const FIELDS: [&str; 8] = [
    "name", "state", "phase", "health", "pid", "restarts", "since", "exit",
];

fn shop() -> Stack {
    let stack = stack().up(
        "[services.orders]\ncommand = [\"sleep\", \"1000\"]\npublish = { port = 7001, tags = [\"v1\"] }\n\
         checks = [{ exec = [\"true\"], interval = \"20ms\" }]\n\
         [services.idle]\ncommand = [\"true\"]\nstart = \"manual\"\n",
    );
    in_health(&stack, "orders", "Healthy");
    stack
}

#[test]
fn ps_and_status_have_their_documented_shapes() {
    let stack = shop();
    let ps = json(&stack, &["ps"]);
    let ps = ps.as_array().unwrap();
    assert_eq!(ps.len(), 2);
    for service in ps {
        let keys = keys(service);
        assert!(FIELDS.iter().all(|field| keys.contains(field)), "{service}");
        assert!(!keys.contains("history"), "{service}");
    }
    let (idle, orders) = (&ps[0], &ps[1]);
    assert_eq!(
        (&idle["name"], &idle["state"]),
        (&"idle".into(), &"INIT".into())
    );
    for absent in ["phase", "health", "pid", "exit"] {
        assert!(idle[absent].is_null(), "{absent}: {idle}");
    }
    assert_eq!(orders["state"], "RUNNING");
    assert_eq!(orders["phase"], "ready");
    assert_eq!(orders["health"], "Healthy");
    assert_eq!(orders["restarts"], 0);
    assert!(processes::runs(
        orders["pid"].as_u64().unwrap().try_into().unwrap()
    ));
    assert!(orders["since"].as_str().unwrap().ends_with('Z'), "{orders}");

    let status = json(&stack, &["status", "orders"]);
    assert!(FIELDS.iter().all(|field| keys(&status).contains(field)));
    let newest = status["history"].as_array().unwrap().last().unwrap();
    assert_eq!(
        keys(newest),
        BTreeSet::from(["at", "by", "cause", "from", "to"])
    );
    assert_eq!(newest["to"], "RUNNING/ready");

    let agent = json(&stack, &["status"]);
    assert_eq!(agent["pid"], stack.pid());
    assert_eq!(agent["http"], stack.http().to_string());
    assert_eq!(
        keys(&agent),
        BTreeSet::from(["data", "definition", "http", "pid", "version"])
    );

    let table = stdout(&stack.stead(&["ps"]));
    let mut rows = table.lines();
    assert_eq!(
        rows.next().unwrap().split_whitespace().collect::<Vec<_>>(),
        [
            "NAME", "STATE", "HEALTH", "PID", "SINCE", "RESTARTS", "DETAIL"
        ]
    );
    assert!(rows.next().unwrap().starts_with("idle"), "{table}");
    assert!(!table.contains('\x1b'));
    assert_fails(&stack.stead(&["status", "idle"]), 3, &[]);
    stack.stop();
}

#[test]
fn the_agent_is_found_from_its_folder_and_by_its_path() {
    let stack = shop();
    let socket = stack.data().join("agent.sock");
    for (folder, variable, argument) in [
        (stack.folder(), None, None),
        (Path::new("/"), Some(&socket), None),
        (Path::new("/"), None, Some(&socket)),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
        command
            .arg("ps")
            .current_dir(folder)
            .env_remove("STEAD_AGENT")
            .envs(variable.map(|socket| ("STEAD_AGENT", socket)));
        if let Some(socket) = argument {
            command.arg("--agent").arg(socket);
        }
        assert!(stdout(&command.output().unwrap()).contains("orders"));
    }
    stack.stop();
}

#[test]
fn keys_are_put_got_listed_watched_and_deleted() {
    let stack = stack().up("[services.a]\ncommand = [\"sleep\", \"1000\"]\n");
    assert_eq!(stdout(&stack.stead(&["kv", "put", "app/limit", "10"])), "");
    stdout(&stack.stead(&["kv", "put", "app/name", "a b\nc"]));
    assert_eq!(stdout(&stack.stead(&["kv", "get", "app/limit"])), "10\n");
    assert_eq!(stack.get("/v1/kv/app/limit?raw").body, "10");
    let entry = json(&stack, &["kv", "get", "app/limit"]);
    let index = entry["ModifyIndex"].as_u64().unwrap().to_string();

    assert_fails(
        &stack.stead(&["kv", "put", "--cas", "0", "app/limit", "11"]),
        1,
        &["error: app/limit was not set", "hint:"],
    );
    stdout(&stack.stead(&["kv", "put", "--cas", &index, "app/limit", "12"]));
    assert_eq!(
        stdout(&stack.stead(&["kv", "list", "--keys", "app/"])),
        "app/limit\napp/name\n"
    );
    let listed = json(&stack, &["kv", "list", "app/"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(stdout(&stack.stead(&["kv", "list", "app/"])).contains("a b⏎c"));
    assert_fails(
        &stack.stead(&["kv", "get", "app/none"]),
        3,
        &["error: no key app/none"],
    );

    watches(&stack);

    stdout(&stack.stead(&["kv", "delete", "app/name"]));
    stdout(&stack.stead(&["kv", "delete", "--recurse", "app/"]));
    assert_eq!(
        stdout(&stack.stead(&["kv", "list", "--keys", "app/"])).trim(),
        ""
    );
    stack.stop();
}

#[allow(
    clippy::disallowed_methods,
    reason = "the program under test, ended and reaped here"
)]
fn watches(stack: &Stack) {
    let mut watch = Command::new(env!("CARGO_BIN_EXE_stead"))
        .args(["kv", "watch", "app/limit"])
        .env("STEAD_ADDR", stack.http().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert_eq!(shown.next().unwrap().unwrap(), "12");
    stack.put("/v1/kv/app/other", "unrelated");
    for value in ["13", "14"] {
        stack.put("/v1/kv/app/limit", value);
        assert_eq!(shown.next().unwrap().unwrap(), value);
    }
    processes::signal(watch.id(), "INT");
    watch.wait().unwrap();
}

#[test]
fn the_catalog_is_shown() {
    let stack = shop();
    until_passing(&stack, "orders", 1);
    let services = stdout(&stack.stead(&["catalog", "services"]));
    assert!(
        services.contains("orders") && services.contains("v1"),
        "{services}"
    );
    let nodes = json(&stack, &["catalog", "nodes"]);
    assert_eq!(nodes.as_array().unwrap().len(), 1);
    let table =
        stdout(&stack.stead(&["catalog", "instances", "--passing", "--tag", "v1", "orders"]));
    assert!(
        table.contains("127.0.0.1:7001") && table.contains("passing"),
        "{table}"
    );
    assert_fails(
        &stack.stead(&["catalog", "instances", "nosuch"]),
        3,
        &["error: no instance of nosuch"],
    );
    stack.stop();
}

#[test]
fn doctor_sees_the_agent_and_what_a_definition_lacks() {
    let stack = shop();
    let found = stdout(&stack.stead(&["doctor"]));
    assert!(found.contains(&format!("pid {}", stack.pid())), "{found}");
    std::fs::write(
        stack.folder().join("other.toml"),
        "[services.here]\ncommand = [\"sleep\", \"1\"]\n[services.lost]\ncommand = [\"nosuch-program\"]\n",
    )
    .unwrap();
    let output = stack.stead(&["doctor", "--file", "other.toml", "--output", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bad: Vec<_> = findings
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] == "bad")
        .collect();
    assert_eq!(bad.len(), 1, "{findings}");
    assert!(bad[0]["text"].as_str().unwrap().contains("nosuch-program"));
    stack.stop();
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "the program under test, ended and reaped here"
)]
fn logs_can_be_followed() {
    let stack = stack().up(
        "[services.a]\ncommand = [\"sh\", \"-c\", \"echo one; while read -r line; do echo $line; done <> fifo\"]\n\
         before_start = [[\"mkfifo\", \"fifo\"]]\n",
    );
    crate::support::ready(&stack, "a");
    let mut follow = Command::new(env!("CARGO_BIN_EXE_stead"))
        .args(["logs", "--follow", "a"])
        .current_dir(stack.folder())
        .env_remove("STEAD_AGENT")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(follow.stdout.take().unwrap()).lines();
    assert_eq!(shown.next().unwrap().unwrap(), "one");
    for word in ["two", "three"] {
        std::fs::write(stack.folder().join("fifo"), format!("{word}\n")).unwrap();
        assert_eq!(shown.next().unwrap().unwrap(), word);
    }
    processes::signal(follow.id(), "INT");
    follow.wait().unwrap();
    stack.stop();
}
