//! Programs that nobody here wrote, kept by `stead up`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use stead_testkit::programs::{python_http, redis, stubborn, stubborn_pids, toml_array};
use stead_testkit::{DEADLINE, eventually, free_port, http};

use crate::support::{assert_in_order, in_health, passing, ready, stack, stdout, until_passing};

#[test]
fn a_stack_of_strangers_runs_is_found_and_stops_in_order() {
    let stack = stack();
    let (redis_port, web_port) = (free_port(), free_port());
    fs::write(stack.folder().join("index.txt"), "served").unwrap();
    let definition = format!(
        r#"
[services.cache]
command = {cache}
publish.port = {redis_port}
[[services.cache.checks]]
tcp = "127.0.0.1:{redis_port}"
interval = "100ms"

[services.web]
command = {web}
depends_on = ["cache"]
publish = {{ port = {web_port}, tags = ["v1"], meta = {{ team = "core" }} }}
[[services.web.checks]]
http = "http://127.0.0.1:{web_port}/index.txt"
interval = "100ms"

[services.stubborn]
command = ["./{stubborn}"]
depends_on = ["web"]
stop.grace = "500ms"
"#,
        cache = toml_array(&redis(redis_port)),
        web = toml_array(&python_http(web_port, stack.folder())),
        stubborn = stubborn(stack.folder())
            .file_name()
            .unwrap()
            .to_string_lossy(),
    );
    let stack = stack.up(&definition);

    in_health(&stack, "cache", "Healthy");
    in_health(&stack, "web", "Healthy");
    ready(&stack, "stubborn");
    until_passing(&stack, "cache", 1);
    until_passing(&stack, "web", 1);
    let found = &passing(&stack, "web")[0]["Service"];
    assert_eq!(found["Port"], web_port);
    assert_eq!(found["Tags"][0], "v1");
    assert_eq!(found["Meta"]["team"], "core");

    // Found where it was said to be.
    let mut cache = TcpStream::connect(("127.0.0.1", redis_port)).unwrap();
    cache.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    cache.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+PONG\r\n");
    let served = http::get(([127, 0, 0, 1], web_port).into(), "/index.txt").unwrap();
    assert_eq!(served.body, "served");

    eventually(DEADLINE, "the request is in the log", || {
        stdout(&stack.stead(&["logs", "web"])).contains("GET /index.txt")
    });
    assert!(stdout(&stack.stead(&["logs", "cache"])).contains("Ready to accept connections"));

    eventually(DEADLINE, "the stubborn family is complete", || {
        stubborn_pids(stack.folder()).len() == 4
    });
    let ended = stack.stop();
    let stopping = ended.stderr.split_once("stead: stopping").unwrap().1;
    assert_in_order(
        stopping,
        &[
            "stubborn: TERMINATED",
            "web: TERMINATED",
            "cache: TERMINATED",
        ],
    );
}

#[test]
fn a_second_ctrl_c_does_not_wait_for_the_grace() {
    let stack = stack();
    stubborn(stack.folder());
    let mut stack = stack.up("[services.a]\ncommand = [\"./stubborn.sh\"]\nstop.grace = \"1h\"\n");
    eventually(DEADLINE, "the family is complete", || {
        stubborn_pids(stack.folder()).len() == 4
    });
    stack.signal("INT");
    eventually(DEADLINE, "the first was taken", || {
        stack.output().contains("stead: stopping")
    });
    stack.signal("INT");
    let ended = stack.wait();
    assert!(ended.stderr.contains("asked twice"), "{}", ended.stderr);
    assert!(stack.processes().is_empty(), "{:#?}", stack.processes());
}

#[test]
fn logs_are_the_bytes_as_they_were() {
    let stack = stack();
    // Every byte there is, in lines of every length up to 96.
    let any = (0..=u8::MAX).filter(|&byte| byte != b'\n').cycle();
    let mut bytes = Vec::new();
    for line in 0..2000 {
        bytes.extend_from_slice(format!("line {line} ").as_bytes());
        bytes.extend(any.clone().skip(line % 255).take(line % 97));
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"\n\n\xff\xfe\n  \nlast\n");
    fs::write(stack.folder().join("bytes"), &bytes).unwrap();
    let stack = stack.up("[services.one]\ncommand = [\"cat\", \"bytes\"]\n\
         [services.two]\ncommand = [\"sh\", \"-c\", \"cat bytes >&2\"]\n");
    for name in ["one", "two"] {
        stack.eventually_status(name, "has ended", |status| status["state"] == "TERMINATED");
        let logs = stack.stead(&["logs", name]).stdout;
        assert!(
            logs == bytes,
            "{name}: {} bytes, not {}",
            logs.len(),
            bytes.len()
        );
    }
    let tail = stack.stead(&["logs", "--lines", "2", "one"]).stdout;
    assert_eq!(tail, b"  \nlast\n");
    let stamped = stdout(&stack.stead(&["logs", "--lines", "1", "--timestamps", "two"]));
    assert!(stamped.trim_end().ends_with("last"), "{stamped}");
    assert!(stamped.contains("stderr"), "{stamped}");
    stack.stop();
}

#[test]
fn a_program_inherits_nothing_that_was_meant_for_stead() {
    let stack = stack()
        .variable("NOTIFY_SOCKET", "/nowhere")
        .variable("WATCHDOG_USEC", "1")
        .variable("LISTEN_FDS", "1")
        .variable("KEPT", "yes")
        .up(
            "[services.a]\ncommand = [\"sh\", \"-c\", \"env; ls /proc/self/fd; echo over\"]\n\
             environment = { OWN = \"mine\" }\n",
        );
    stack.eventually_status("a", "has ended", |status| status["state"] == "TERMINATED");
    let logs = stdout(&stack.stead(&["logs", "a"]));
    for absent in ["NOTIFY_SOCKET", "WATCHDOG", "LISTEN", "STEAD_CGROUP"] {
        assert!(!logs.contains(absent), "{absent} in {logs}");
    }
    for present in ["KEPT=yes", "OWN=mine", "STEAD_SERVICE=a", "over"] {
        assert!(logs.contains(present), "{present} not in {logs}");
    }
    let registry = format!("STEAD_ADDR=http://{}", stack.http());
    assert!(logs.contains(&registry), "{registry} not in {logs}");
    // 3 is the folder that `ls` itself reads.
    let descriptors: Vec<_> = logs
        .lines()
        .filter(|line| line.parse::<u32>().is_ok())
        .collect();
    assert_eq!(descriptors, ["0", "1", "2", "3"]);
    stack.stop();
}
