//! `stead up` on every system: see `e2e` for what only Linux has.
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and ends what it starts"
)]

mod portable;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use portable::{Foreground, assert_fails, is_held, probe, stead, until_free, until_held};
use serde_json::Value;
use stead_testkit::{DEADLINE, eventually, eventually_some, http};
use tempfile::TempDir;

/// A running stack of a program, `web`, and one that waits for it, `front`.
struct Stack {
    stead: Foreground,
    folder: TempDir,
    http: SocketAddr,
}

impl Stack {
    fn up() -> Self {
        let folder = stead_testkit::folder();
        let command = |lock: &str| {
            let lock = folder.path().join(lock);
            serde_json::to_string(&[&probe(), "graceful", lock.to_str().unwrap()]).unwrap()
        };
        let definition = format!(
            "[services.web]\ncommand = {}\nsuccess_exit = [7]\npublish.port = 7001\n\
             [services.front]\ncommand = {}\nsuccess_exit = [7]\ndepends_on = [\"web\"]\npublish.port = 7002\n",
            command("web.lock"),
            command("front.lock"),
        );
        fs::write(folder.path().join("stead.toml"), definition).unwrap();
        let mut stead = Foreground::start(folder.path(), &["up", "--http", "127.0.0.1:0"]);
        let http = eventually_some(DEADLINE, "stead up tells where it listens", || {
            assert!(stead.runs(), "stead up has ended");
            let facts = fs::read(folder.path().join(".stead/agent.json")).ok()?;
            let facts: Value = serde_json::from_slice(&facts).ok()?;
            facts["http"].as_str()?.parse().ok()
        });
        let stack = Self {
            stead,
            folder,
            http,
        };
        for lock in &stack.locks() {
            until_held(lock);
        }
        stack
    }

    fn locks(&self) -> [PathBuf; 2] {
        ["web.lock", "front.lock"].map(|lock| self.folder.path().join(lock))
    }

    fn get(&self, path: &str) -> Value {
        let answer = http::get(self.http, path).unwrap();
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// What a command that must succeed prints.
    fn stead(&self, arguments: &[&str]) -> String {
        let output = stead(self.folder.path(), arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let text = self.stead(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn services_are_kept_found_controlled_and_stopped() {
    let stack = Stack::up();
    let [web, front] = stack.locks();

    eventually(DEADLINE, "both are found", || {
        ["web", "front"].iter().all(|name| {
            let found = stack.get(&format!("/v1/health/service/{name}?passing"));
            found.as_array().unwrap().len() == 1
        })
    });
    let found = stack.get("/v1/health/service/web?passing");
    assert_eq!(found[0]["Service"]["Port"], 7001);
    assert!(stack.get("/v1/status/leader").as_str().is_some());

    // Over the control socket, or the control pipe.
    let services = stack.json(&["ps"]);
    let services: Vec<_> = services.as_array().unwrap().iter().collect();
    assert_eq!(services.len(), 2);
    for service in &services {
        assert_eq!(service["state"], "RUNNING", "{service}");
    }
    let first = stack.json(&["status", "web"])["pid"].as_u64().unwrap();

    stack.stead(&["stop", "front"]);
    assert!(!is_held(&front) && is_held(&web));
    eventually(DEADLINE, "front is found no more", || {
        let found = stack.get("/v1/health/service/front?passing");
        found.as_array().unwrap().is_empty()
    });
    stack.stead(&["start", "front"]);
    until_held(&front);
    stack.stead(&["restart", "web"]);
    until_held(&web);
    assert_ne!(stack.json(&["status", "web"])["pid"], first);

    stack.stead(&["kv", "put", "greeting", "hello"]);
    assert_eq!(
        http::get(stack.http, "/v1/kv/greeting?raw").unwrap().body,
        "hello"
    );

    let folder = stack.folder;
    assert_eq!(stack.stead.ctrl_c(), 0);
    assert!(!is_held(&web) && !is_held(&front));
    assert!(!folder.path().join(".stead/agent.json").exists());
    let output = stead(folder.path(), &["ps"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{output:?}");
}

#[test]
fn a_second_one_in_the_folder_is_refused() {
    let stack = Stack::up();
    let second = stead(stack.folder.path(), &["up", "--http", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_fails(&second, 1, &["in use by stead (pid "]);
    assert!(stack.locks().iter().all(|lock| is_held(lock)));
    assert_eq!(stack.stead.ctrl_c(), 0);
}

#[test]
fn a_killed_one_leaves_nothing_and_comes_up_again() {
    let stack = Stack::up();
    stack.stead(&["kv", "put", "kept", "yes"]);
    let locks = stack.locks();
    let Stack {
        mut stead, folder, ..
    } = stack;
    stead.kill();
    for lock in &locks {
        until_free(lock);
    }
    drop(stead);

    fs::remove_file(folder.path().join(".stead/agent.json")).unwrap();
    let again = Foreground::start(folder.path(), &["up", "--http", "127.0.0.1:0"]);
    for lock in &locks {
        until_held(lock);
    }
    let kept = eventually_some(DEADLINE, "the control socket answers", || {
        let output = portable::stead(folder.path(), &["kv", "get", "kept"]);
        let output = { output }.output().unwrap();
        output.status.success().then_some(output.stdout)
    });
    assert_eq!(String::from_utf8_lossy(&kept).trim_end(), "yes");
    assert_eq!(again.ctrl_c(), 0);
}
