//! What is wrong is said, and nothing is left half done.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use stead_testkit::{DEADLINE, Ended, eventually, http};

use crate::support::{assert_fails, in_state, pid, ready, stack, stdout};

const SLEEPER: &str = "[services.a]\ncommand = [\"sleep\", \"1000\"]\n";

#[track_caller]
fn assert_refused(ended: &Ended, status: i32, says: &[&str]) {
    assert_eq!(ended.status.code(), Some(status), "{}", ended.stderr);
    for text in says {
        assert!(
            ended.stderr.contains(text),
            "{text:?} is not in:\n{}",
            ended.stderr
        );
    }
    assert_eq!(ended.stdout, "");
}

fn stead_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stead"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("STEAD_AGENT")
        .env_remove("STEAD_ADDR")
        .env_remove("CONSUL_HTTP_ADDR")
        .env("XDG_RUNTIME_DIR", folder)
        .output()
        .unwrap()
}

#[test]
fn a_bad_definition_is_a_usage_error_that_shows_the_place() {
    let cases: &[(&str, &[&str])] = &[
        ("[services.a\ncommand = 1", &["error: ", "stead.toml:1"]),
        (
            "[services.a]\ncommand = [\"a\"]\nreddy = \"spawned\"\n",
            &["stead.toml:3", "reddy", "ready"],
        ),
        (
            "[services.a]\ncommand = [\"a\"]\ndepends_on = [\"b\"]\n\
             [services.b]\ncommand = [\"b\"]\ndepends_on = [\"c\"]\n\
             [services.c]\ncommand = [\"c\"]\ndepends_on = [\"a\"]\n",
            &["circle", "a → b → c → a"],
        ),
        (
            "[services.\"a b\"]\ncommand = [\"a\"]\n",
            &["stead.toml:1", "a b", "space"],
        ),
        ("[services.\"../a\"]\ncommand = [\"a\"]\n", &["../a"]),
        ("[services.\"ä\"]\ncommand = [\"a\"]\n", &["ä"]),
        (
            "[services.a]\ncommand = [\"a\"]\n[services.a]\ncommand = [\"b\"]\n",
            &["stead.toml:3", "a"],
        ),
        (
            "[services.a]\ncommand = [\"a\"]\n[services.A]\ncommand = [\"b\"]\n",
            &["differ in case only"],
        ),
        ("[services.a]\ncommand = []\n", &["command"]),
        (
            "[services.a]\ncommand = [\"a\"]\nready_timeout = \"soon\"\n",
            &["stead.toml:3", "soon"],
        ),
    ];
    for (definition, says) in cases {
        let ended = stack().run(definition);
        assert_refused(&ended, 2, says);
    }
}

#[test]
fn no_definition_is_a_usage_error() {
    let folder = stead_testkit::folder();
    assert_fails(
        &stead_in(folder.path(), &["up"]),
        2,
        &[
            "error: cannot read the definition",
            "stead.toml",
            "caused by:",
            "hint:",
        ],
    );
    assert!(!folder.path().join(".stead").exists());
}

#[test]
fn a_missing_program_fails_its_service_alone() {
    let stack = stack().up(&format!(
        "{SLEEPER}[services.lost]\ncommand = [\"nosuch-program\"]\nrestart = {{ delay = \"10ms\", limit = 2 }}\n\
         [services.path]\ncommand = [\"./nosuch\"]\nrestart.policy = \"never\"\n"
    ));
    ready(&stack, "a");
    let lost = stack.eventually_status("lost", "has given up", |status| {
        status["state"] == "ERROR" && !status["detail"].is_null()
    });
    assert!(
        lost["history"]
            .to_string()
            .contains("no program `nosuch-program` in PATH"),
        "{lost}"
    );
    let path = in_state(&stack, "path", "ERROR");
    assert!(
        path["detail"].as_str().unwrap().contains("nosuch"),
        "{path}"
    );
    assert_fails(
        &stack.stead(&["start", "path"]),
        1,
        &["error: cannot start path", "nosuch"],
    );
    stack.stop();
}

#[test]
fn run_of_a_missing_program_fails() {
    let folder = stead_testkit::folder();
    assert_fails(
        &stead_in(folder.path(), &["run", "--", "nosuch-program"]),
        1,
        &["error: cannot start nosuch-program: no program `nosuch-program` in PATH"],
    );
}

#[test]
fn a_taken_port_names_who_has_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = stead_testkit::folder();
    fs::write(folder.path().join("stead.toml"), SLEEPER).unwrap();
    assert_fails(
        &stead_in(folder.path(), &["up", "--http", &address]),
        1,
        &[
            &format!("error: cannot listen on {address}"),
            &format!(
                "caused by: port {} is taken by",
                listener.local_addr().unwrap().port()
            ),
            &format!("(pid {})", std::process::id()),
            "hint: --http",
        ],
    );
}

#[test]
fn a_second_up_on_the_same_port_leaves_the_first_unharmed() {
    let first = stack().up(SLEEPER);
    let before = pid(&ready(&first, "a"));
    let folder = stead_testkit::folder();
    fs::write(folder.path().join("stead.toml"), SLEEPER).unwrap();
    assert_fails(
        &stead_in(folder.path(), &["up", "--http", &first.http().to_string()]),
        1,
        &[&format!("stead (pid {})", first.pid())],
    );
    assert_eq!(pid(&ready(&first, "a")), before);
    first.stop();
}

#[test]
fn a_second_up_on_the_same_folder_names_the_first_and_leaves_it_unharmed() {
    let first = stack().up(SLEEPER);
    let before = pid(&ready(&first, "a"));
    assert_fails(
        &stead_in(first.folder(), &["up", "--http", "127.0.0.1:0"]),
        1,
        &[
            "error: cannot start here",
            &format!("in use by stead (pid {})", first.pid()),
            "hint:",
        ],
    );
    assert_fails(
        &stead_in(first.folder(), &["run", "a"]),
        1,
        &[
            "error: cannot run a",
            &format!("pid {}", first.pid()),
            "stead restart a",
        ],
    );
    assert_eq!(pid(&ready(&first, "a")), before);
    assert_eq!(first.get("/v1/status/leader").status, 200);
    first.stop();
}

#[test]
fn an_unusable_log_folder_starts_nothing() {
    let stack = stack();
    fs::create_dir(stack.folder().join(".stead")).unwrap();
    // A file where the folder should be stops root too.
    fs::write(stack.folder().join(".stead/logs"), "").unwrap();
    let folder = stack.folder().to_owned();
    let builder = stack.clone();
    let ended = stack.run("[services.a]\ncommand = [\"touch\", \"started\"]\n");
    assert_refused(&ended, 1, &["error: ", "log", ".stead/logs"]);
    assert!(!folder.join("started").exists());
    drop(builder);
}

#[test]
fn a_corrupt_store_is_reported_and_kept_and_the_next_start_is_empty() {
    let builder = stack();
    let first = builder.clone().up(SLEEPER);
    first.put("/v1/kv/key", "value");
    first.stop();
    let data = builder.folder().join(".stead");
    let log = fs::read_dir(data.join("store/data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let mut bytes = fs::read(&log).unwrap();
    // In the middle, where a torn tail is no excuse.
    let written = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    bytes[written / 2] ^= 0xff;
    fs::write(&log, &bytes).unwrap();

    let ended = builder.clone().run(SLEEPER);
    assert_refused(&ended, 1, &["error: ", "damaged", "hint: "]);
    let kept = fs::read_dir(data.join("store"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("data.corrupt"))
        .expect("the damaged store is kept aside");
    assert!(
        ended.stderr.contains(&*kept.to_string_lossy()),
        "{}",
        ended.stderr
    );
    assert!(fs::read(kept.join(log.file_name().unwrap())).unwrap() == bytes);

    let next = builder.up(SLEEPER);
    ready(&next, "a");
    assert_eq!(next.get("/v1/kv/key").status, 404);
    next.stop();
}

#[test]
fn the_http_api_says_what_is_wrong_with_a_request() {
    let stack = stack().up(SLEEPER);
    let big = "x".repeat((512 << 10) + 1);
    let answer = stack.put("/v1/kv/big", &big);
    assert_eq!(answer.status, 413, "{}", answer.body);
    assert_eq!(stack.get("/v1/kv/big").status, 404);

    let body = format!("{{\"Name\": \"{}\"}}", "x".repeat(2 << 20));
    let refused = http::put(stack.http(), "/v1/agent/service/register", &body);
    // A server may close on a body it will not read to the end.
    if let Ok(answer) = refused {
        assert_eq!(answer.status, 413, "{}", answer.body);
    }
    for (path, body) in [
        ("/v1/agent/service/register", "{\"Name\": "),
        ("/v1/agent/service/register", "[]"),
        ("/v1/catalog/register", "nonsense"),
    ] {
        let answer = stack.put(path, body);
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.body);
        assert!(!answer.body.is_empty());
    }
    assert_eq!(stack.get("/v1/nothing").status, 404);
    ready(&stack, "a");
    stack.stop();
}

#[test]
fn the_command_line_tells_its_failures_apart() {
    let stack = stack().up(SLEEPER);
    ready(&stack, "a");
    for verb in ["start", "stop", "restart", "reload", "status", "logs"] {
        assert_fails(
            &stack.stead(&[verb, "nosuch"]),
            3,
            &[
                "error: no service nosuch",
                "hint: `stead ps` lists the services",
            ],
        );
    }
    assert_fails(&stack.stead(&["statsu"]), 2, &["error: ", "status"]);
    assert_fails(&stack.stead(&["start"]), 2, &["error: "]);
    assert_fails(&stack.stead(&["run"]), 2, &["error: "]);
    assert_fails(
        &stack.stead(&["ps", "--output", "xml"]),
        2,
        &["error: ", "table", "json"],
    );

    let away = stead_testkit::folder();
    let nobody = away.path().join("agent.sock");
    let nobody = nobody.to_str().unwrap();
    for arguments in [
        ["ps"].as_slice(),
        &["status"],
        &["start", "a"],
        &["logs", "a"],
    ] {
        let all: Vec<_> = ["--agent", nobody]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        assert_fails(&stead_in(away.path(), &all), 5, &["error: ", "hint:"]);
    }
    assert_fails(
        &stead_in(
            away.path(),
            &["--server", "http://127.0.0.1:9", "kv", "get", "a"],
        ),
        5,
        &["error: "],
    );
    assert_eq!(stdout(&stack.stead(&["stop", "a"])), "a: TERMINATED\n");
    stack.stop();
}

#[test]
fn a_program_that_may_not_be_run_is_named() {
    let stack = stack();
    let plain = stack.folder().join("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let stack = stack.up("[services.a]\ncommand = [\"./plain\"]\nrestart.policy = \"never\"\n");
    let status = in_state(&stack, "a", "ERROR");
    let detail = status["detail"].as_str().unwrap();
    assert!(detail.contains("plain is not executable"), "{detail}");
    eventually(DEADLINE, "it is in what `up` shows", || {
        stack.output().contains("a: ERROR")
    });
    stack.stop();
}
