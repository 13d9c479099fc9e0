//! Checks of every kind, and the registry in step with them.

use std::fs;
use std::net::TcpListener;

use stead_testkit::programs::{python_http, toml_array};
use stead_testkit::{DEADLINE, Stack, eventually, free_port, http};

use crate::support::{
    in_health, passing, pid, published, ready, replaced, stack, stdout, until_passing,
};

#[track_caller]
fn until_published(stack: &Stack, name: &str, words: &[&str]) {
    eventually(
        DEADLINE,
        &format!("{name} is published as {words:?}"),
        || published(stack, name) == words,
    );
}

#[test]
fn a_failing_http_check_warns_then_turns_critical_and_back() {
    let stack = stack();
    let port = free_port();
    fs::write(stack.folder().join("health"), "fine").unwrap();
    let stack = stack.clone().up(&format!(
        "[services.web]\ncommand = {}\npublish.port = {port}\n\
         [[services.web.checks]]\nhttp = \"http://127.0.0.1:{port}/health\"\ninterval = \"100ms\"\nunhealthy_after = 15\n",
        toml_array(&python_http(port, stack.folder())),
    ));
    in_health(&stack, "web", "Healthy");
    until_published(&stack, "web", &["passing"]);
    fs::remove_file(stack.folder().join("health")).unwrap();
    // One failure while Healthy: observed, not yet condemned.
    until_published(&stack, "web", &["warning"]);
    assert_eq!(stack.status("web").unwrap()["health"], "Unknown");
    let all = stack.get("/v1/health/service/web").json();
    assert_eq!(all.as_array().unwrap().len(), 1);

    until_published(&stack, "web", &["critical"]);
    let status = in_health(&stack, "web", "Unhealthy");
    assert!(
        status["checks"][0]["output"]
            .as_str()
            .unwrap()
            .contains("404"),
        "{status}"
    );
    until_passing(&stack, "web", 0);
    let state = stack.get("/v1/health/state/critical").json();
    assert_eq!(state[0]["ServiceName"], "web");

    fs::write(stack.folder().join("health"), "fine").unwrap();
    in_health(&stack, "web", "Healthy");
    until_passing(&stack, "web", 1);
    // No restart: that was not asked for.
    assert_eq!(stack.status("web").unwrap()["restarts"], 0);
    stack.stop();
}

#[test]
fn a_tcp_check_follows_the_port() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stack = stack().up(&format!(
        "[services.a]\ncommand = [\"sleep\", \"1000\"]\npublish.port = {port}\n\
         [[services.a.checks]]\ntcp = \"127.0.0.1:{port}\"\ninterval = \"50ms\"\n"
    ));
    in_health(&stack, "a", "Healthy");
    until_passing(&stack, "a", 1);
    drop(listener);
    in_health(&stack, "a", "Unhealthy");
    until_passing(&stack, "a", 0);
    stack.stop();
}

#[test]
fn an_exec_check_runs_as_the_service_would() {
    let stack = stack();
    fs::create_dir(stack.folder().join("inside")).unwrap();
    fs::write(stack.folder().join("inside/flag"), "").unwrap();
    let stack = stack.up(
        "[services.a]\ncommand = [\"sleep\", \"1000\"]\ndirectory = \"inside\"\nenvironment = { WORD = \"spoken\" }\npublish = {}\n\
         [[services.a.checks]]\nname = \"flag\"\n\
         exec = [\"sh\", \"-c\", \"echo $WORD by $STEAD_SERVICE; test -e flag\"]\ninterval = \"50ms\"\n",
    );
    let status = in_health(&stack, "a", "Healthy");
    assert_eq!(status["checks"][0]["name"], "flag");
    assert_eq!(
        status["checks"][0]["output"].as_str().unwrap().trim(),
        "spoken by a"
    );
    fs::remove_file(stack.folder().join("inside/flag")).unwrap();
    in_health(&stack, "a", "Unhealthy");
    until_published(&stack, "a", &["critical"]);
    // The output of a check is no output of the service.
    assert_eq!(stdout(&stack.stead(&["logs", "a"])), "");
    stack.stop();
}

#[test]
fn a_heartbeat_comes_over_http_and_its_absence_is_noticed() {
    let stack = stack().up(
        "[services.a]\ncommand = [\"sh\", \"-c\", \"echo $STEAD_HEARTBEAT $STEAD_HEARTBEAT_INTERVAL; exec sleep 1000\"]\npublish = {}\n\
         [[services.a.checks]]\nheartbeat = \"300ms\"\nhealthy_after = 2\nunhealthy_after = 2\n",
    );
    ready(&stack, "a");
    eventually(DEADLINE, "it has written its variables", || {
        stdout(&stack.stead(&["logs", "a"])).ends_with('\n')
    });
    let logged = stdout(&stack.stead(&["logs", "a"]));
    let (id, interval) = logged.trim().split_once(' ').unwrap();
    assert_eq!(interval, "300ms");
    until_published(&stack, "a", &["critical"]);

    eventually(DEADLINE, "beats make it Healthy", || {
        let answer = http::put(stack.http(), &format!("/v1/agent/check/pass/{id}"), "").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        stack
            .status("a")
            .is_some_and(|status| status["health"] == "Healthy")
    });
    // No beat from here on.
    in_health(&stack, "a", "Unhealthy");
    until_passing(&stack, "a", 0);
    assert_eq!(
        stack.put("/v1/agent/check/pass/service:none", "").status,
        404
    );
    stack.stop();
}

#[test]
fn a_service_that_is_not_published_has_its_heartbeat_too() {
    let stack = stack().up("[services.a]\ncommand = [\"sleep\", \"1000\"]\n\
         [[services.a.checks]]\nheartbeat = \"1m\"\nhealthy_after = 2\n");
    ready(&stack, "a");
    eventually(DEADLINE, "beats make it Healthy", || {
        // 404 until the checks of the run have begun.
        let beat = stack.put("/v1/agent/check/pass/service:a:heartbeat", "");
        let status = stack.status("a");
        beat.status == 200 && status.is_some_and(|status| status["health"] == "Healthy")
    });
    assert_eq!(
        stack.get("/v1/health/service/a").json(),
        serde_json::json!([])
    );
    stack.stop();
}

#[test]
fn without_checks_running_is_passing_and_stopped_is_gone() {
    let stack = stack().up(
        "[services.a]\ncommand = [\"sleep\", \"1000\"]\npublish.port = 7001\nrestart.delay = \"0s\"\n\
         [services.hidden]\ncommand = [\"sleep\", \"1000\"]\n",
    );
    let first = ready(&stack, "a");
    ready(&stack, "hidden");
    until_passing(&stack, "a", 1);
    let services = stack.get("/v1/catalog/services").json();
    assert!(services.get("hidden").is_none(), "{services}");

    stead_testkit::processes::signal(pid(&first), "KILL");
    replaced(&stack, "a", pid(&first));
    until_passing(&stack, "a", 1);

    stdout(&stack.stead(&["stop", "a"]));
    eventually(DEADLINE, "it has left the registry", || {
        stack
            .get("/v1/health/service/a")
            .json()
            .as_array()
            .unwrap()
            .is_empty()
    });
    stdout(&stack.stead(&["start", "a"]));
    until_passing(&stack, "a", 1);
    stack.stop();
}

#[test]
fn a_new_run_starts_with_no_old_verdict() {
    let stack = stack();
    fs::write(stack.folder().join("well"), "").unwrap();
    let definition = "[services.a]\ncommand = [\"sleep\", \"1000\"]\npublish = {}\n\
         checks = [{ exec = [\"test\", \"-e\", \"well\"], interval = \"50ms\" }]\n";
    let stack = stack.up(definition);
    until_passing(&stack, "a", 1);
    fs::remove_file(stack.folder().join("well")).unwrap();
    let stack = stack.kill(DEADLINE).up(definition);
    // It was passing when Stead died; nothing has succeeded since.
    eventually(DEADLINE, "it is Unhealthy", || {
        assert!(passing(&stack, "a").is_empty(), "{}", stack.output());
        stack
            .status("a")
            .is_some_and(|status| status["health"] == "Unhealthy")
    });
    assert_eq!(published(&stack, "a"), ["critical"]);
    stack.stop();
}
