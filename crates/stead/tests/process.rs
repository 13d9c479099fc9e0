//! The SDK's promises, kept by real processes: the crate's examples.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::disallowed_methods,
    reason = "the SDK may not depend on what Stead starts programs with"
)]

mod unix;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
#[cfg(target_os = "linux")]
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use unix::{Caller, DEADLINE, Running, Supervisor, example, receive};

#[test]
fn a_stop_lets_work_in_flight_finish() {
    for signal in ["TERM", "INT"] {
        let supervisor = Supervisor::new();
        let (running, address) = supervisor.start_echo();
        let mut caller = Caller::new(&address);
        caller.say("before");
        running.signal(signal);
        assert_eq!(supervisor.next(), "STOPPING=1");
        assert_eq!(supervisor.next(), "STATUS=draining, 1 in flight");
        // Nobody new is let in, and who is in is served to the end.
        assert!(TcpStream::connect(&address).is_err());
        caller.say("after");
        running.signal("TERM");
        caller.say("a second SIGTERM changes nothing");
        drop(caller);
        let (status, log) = running.wait();
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let supervisor = Supervisor::new();
    let (running, address) = supervisor.start_echo();
    let mut caller = Caller::new(&address);
    caller.say("before");
    running.signal("INT");
    assert_eq!(supervisor.next(), "STOPPING=1");
    running.signal("INT");
    let (status, log) = running.wait();
    assert_eq!(status.code(), Some(130), "{log}");
    assert!(log.contains("in_flight=1"), "{log}");
}

#[test]
fn failures_and_their_exit_statuses() {
    for (how, code, said) in [
        ("nothing", 0, "stopped"),
        ("error", 1, "No such file"),
        ("status", 78, "the configuration is bad"),
        ("panic", 101, "panic: the till is empty"),
        ("task", 0, "panicked=true"),
    ] {
        let supervisor = Supervisor::new();
        let (status, log) = supervisor.start(example("failure").arg(how)).wait();
        assert_eq!(status.code(), Some(code), "{how}: {log}");
        assert!(log.contains(said), "{how}: {log}");
    }
}

#[test]
fn a_failure_is_told_to_the_supervisor() {
    let supervisor = Supervisor::new();
    let running = supervisor.start(example("failure").arg("status"));
    assert_eq!(supervisor.next(), "STATUS=failed: the configuration is bad");
    running.wait();
}

#[test]
fn json_lines_bear_the_service_s_name() {
    let supervisor = Supervisor::new();
    let (_, log) = supervisor
        .start(
            example("failure")
                .env("STEAD_LOG_FORMAT", "json")
                .env("STEAD_SERVICE", "till-2"),
        )
        .wait();
    let line = log.lines().next().unwrap();
    assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    assert!(line.contains(r#""service":"till-2""#), "{line}");
}

#[test]
fn the_watchdog_is_pinged_at_half_of_its_patience() {
    let supervisor = Supervisor::new();
    let patience = Duration::from_millis(600);
    let _running =
        supervisor.start(example("echo").env("WATCHDOG_USEC", patience.as_micros().to_string()));
    let begun = Instant::now();
    let mut pings = 0;
    while pings < 4 {
        pings += u32::from(supervisor.next() == "WATCHDOG=1");
    }
    // The first comes at once; more often than by half would be a waste.
    assert!(begun.elapsed() >= patience / 2 * 2, "{:?}", begun.elapsed());
}

#[test]
fn another_s_watchdog_is_left_alone() {
    let supervisor = Supervisor::new();
    let running = supervisor.start(
        example("failure")
            .env("WATCHDOG_USEC", "1000")
            .env("WATCHDOG_PID", "1"),
    );
    let (status, log) = running.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    supervisor.socket.set_nonblocking(true).unwrap();
    assert!(supervisor.socket.recv(&mut [0; 64]).is_err());
}

#[test]
#[cfg(target_os = "linux")]
fn abstract_notify_sockets() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;

    let name = format!("stead-sdk-test-{}", std::process::id());
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let child = example("echo")
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(child);
    assert!(receive(&socket).starts_with("STATUS=listening on "));
    assert_eq!(receive(&socket), "READY=1");
}

#[test]
fn heartbeats_reach_the_registry_and_hold_up_no_stop() {
    let registry = TcpListener::bind("127.0.0.1:0").unwrap();
    let supervisor = Supervisor::new();
    let running = supervisor.start(
        example("echo")
            .env("STEAD_ADDR", registry.local_addr().unwrap().to_string())
            .env("STEAD_HEARTBEAT", "service:echo")
            .env("STEAD_HEARTBEAT_INTERVAL", "300ms"),
    );
    let (connection, _) = registry.accept().unwrap();
    connection.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut connection = BufReader::new(connection);
    for _ in 0..3 {
        let mut head = Vec::new();
        while head
            .last()
            .is_none_or(|line: &String| !line.trim().is_empty())
        {
            let mut line = String::new();
            assert!(connection.read_line(&mut line).unwrap() > 0, "{head:?}");
            head.push(line);
        }
        assert_eq!(
            head[0].trim_end(),
            "PUT /v1/agent/check/pass/service%3Aecho HTTP/1.1"
        );
        connection
            .get_mut()
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
    }
    running.signal("TERM");
    // One more may be on its way; it stays without an answer.
    assert_eq!(running.wait().0.code(), Some(0));
}

#[test]
fn a_registry_that_is_not_there_is_nobody_s_trouble() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let supervisor = Supervisor::new();
    let mut running = supervisor.start(
        example("echo")
            .env("STEAD_ADDR", port.to_string())
            .env("STEAD_HEARTBEAT", "service:echo"),
    );
    let mut log = BufReader::new(running.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("heartbeats do not arrive") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0);
    }
    running.signal("TERM");
    assert_eq!(running.wait().0.code(), Some(0));
}

#[test]
fn a_log_nobody_can_take_is_nobody_s_trouble() {
    // Every write to it fails with "no space left".
    let full = File::options().write(true).open("/dev/full").unwrap();
    let (reader, broken) = std::io::pipe().unwrap();
    drop(reader);
    for stderr in [Stdio::from(full), Stdio::from(broken)] {
        let child = example("failure").arg("error").stderr(stderr).spawn();
        let (status, _) = Running(child.unwrap()).wait();
        assert_eq!(status.code(), Some(1));
    }
    // Not even open: the shell closes it first.
    let mut closed = Command::new("sh");
    closed
        .args(["-c", r#"exec "$0" error 2>&-"#])
        .arg(example("failure").get_program());
    assert_eq!(closed.status().unwrap().code(), Some(1));
}
