//! Controls on Unix, as real processes get them by signals: the crate's examples.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod unix;

use std::fs;
use std::io::BufRead as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use unix::{Caller, DEADLINE, Running, Supervisor, example};

/// One message of a reload: that it begins, and when.
fn assert_reloading(message: &str) {
    let time = message
        .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
        .unwrap();
    assert!(time.parse::<u64>().unwrap() > 0, "{message}");
}

fn stop(running: Running) {
    running.signal("TERM");
    let (status, log) = running.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_paused_service_takes_nobody_in_and_goes_on_after() {
    let supervisor = Supervisor::new();
    let (running, address) = supervisor.start_echo();
    let mut caller = Caller::new(&address);
    caller.say("before");
    running.signal("TSTP");
    assert_eq!(supervisor.next(), "STATUS=paused");
    assert!(TcpStream::connect(&address).is_err());
    caller.say("who is in stays in");
    running.signal("USR1");
    assert_eq!(supervisor.next(), "STATUS=1 callers");
    running.signal("CONT");
    assert_eq!(supervisor.next(), "STATUS=running");
    Caller::new(&address).say("after");
    drop(caller);
    stop(running);
}

#[test]
fn a_reload_is_told_from_its_beginning_to_its_end() {
    let supervisor = Supervisor::new();
    let greeting = supervisor.folder.path().join("greeting");
    fs::write(&greeting, "good morning\n").unwrap();
    let running = supervisor.start(example("echo").arg(&greeting));
    let address = supervisor.next().replace("STATUS=listening on ", "");
    assert_eq!(supervisor.next(), "READY=1");
    for text in ["good evening", "good night"] {
        fs::write(&greeting, text).unwrap();
        running.signal("HUP");
        assert_reloading(&supervisor.next());
        assert_eq!(supervisor.next(), "READY=1");
        let mut line = String::new();
        Caller::new(&address).0.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), text);
    }
    stop(running);
}

#[test]
fn a_configuration_that_makes_no_sense_leaves_the_old_one() {
    let supervisor = Supervisor::new();
    let file = supervisor.folder.path().join("settings");
    fs::write(&file, "name = till\nrate = 5\n").unwrap();
    let running = supervisor.start(example("settings").arg(&file));
    assert_eq!(supervisor.next(), "STATUS=till at 5 a second");
    assert_eq!(supervisor.next(), "READY=1");
    for (text, settings) in [
        ("name = till\nrate = fast\n", "till at 5 a second"),
        ("rate = 7\n", "nobody at 7 a second"),
    ] {
        fs::write(&file, text).unwrap();
        running.signal("HUP");
        assert_reloading(&supervisor.next());
        assert_eq!(supervisor.next(), format!("STATUS={settings}"));
        assert_eq!(supervisor.next(), "READY=1");
    }
    stop(running);

    fs::write(&file, "colour = red\n").unwrap();
    let (status, log) = supervisor.start(example("settings").arg(&file)).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("there is no setting colour"), "{log}");
}

#[test]
fn a_blocking_worker_waits_works_pauses_and_stops() {
    let supervisor = Supervisor::new();
    let folder = tempfile::tempdir().unwrap();
    let (lock, todo) = (folder.path().join("lock"), folder.path().join("a.todo"));
    fs::write(&lock, "").unwrap();
    fs::write(&todo, "bread").unwrap();
    let running = supervisor.start(example("worker").arg("run").arg(folder.path()));
    // Another has the folder: the start takes longer, and that is said.
    for _ in 0..2 {
        assert_eq!(supervisor.next(), "EXTEND_TIMEOUT_USEC=5000000");
    }
    fs::remove_file(&lock).unwrap();
    let ready = std::iter::from_fn(|| Some(supervisor.next()));
    let mut ready = ready.skip_while(|message| message.starts_with("EXTEND"));
    assert_eq!(ready.next().unwrap(), "READY=1");
    assert_eq!(supervisor.next(), "STATUS=1 done");
    assert_eq!(fs::read(folder.path().join("a.done")).unwrap(), b"BREAD");

    running.signal("TSTP");
    assert_eq!(supervisor.next(), "STATUS=paused");
    fs::write(&todo, "milk").unwrap();
    // Told to look, it does not, because it is paused.
    running.signal("USR1");
    running.signal("CONT");
    assert_eq!(supervisor.next(), "STATUS=running");
    assert_eq!(supervisor.next(), "STATUS=2 done");
    // Idle for ten seconds, unless it is woken.
    let began = Instant::now();
    running.signal("TERM");
    // Two signals at once may come in either order, and then it has looked once more.
    let mut next = supervisor.next();
    while next == "STATUS=2 done" {
        next = supervisor.next();
    }
    assert_eq!(next, "STOPPING=1");
    let (status, log) = running.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(!lock.exists());
}

#[test]
fn a_stop_during_the_start_is_no_failure() {
    let supervisor = Supervisor::new();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lock"), "").unwrap();
    let running = supervisor.start(example("worker").arg(folder.path()));
    assert_eq!(supervisor.next(), "EXTEND_TIMEOUT_USEC=5000000");
    stop(running);
    assert!(folder.path().join("lock").exists(), "it is another's");
}

#[test]
fn a_second_interrupt_ends_a_blocking_service_that_is_deaf() {
    let supervisor = Supervisor::new();
    let folder = tempfile::tempdir().unwrap();
    // Reading it blocks for as long as nobody writes.
    let fifo = folder.path().join("a.todo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let running = supervisor.start(example("worker").arg(folder.path()));
    assert_eq!(supervisor.next(), "READY=1");
    running.signal("INT");
    assert_eq!(supervisor.next(), "STOPPING=1");
    running.signal("INT");
    assert_eq!(running.wait().0.code(), Some(130));
}

#[test]
fn the_watchdog_sees_a_blocking_service_wait_and_misses_a_deaf_one() {
    let supervisor = Supervisor::new();
    let folder = tempfile::tempdir().unwrap();
    let patience = Duration::from_millis(200);
    let running = supervisor.start(
        example("worker")
            .arg(folder.path())
            .env("WATCHDOG_USEC", patience.as_micros().to_string()),
    );
    let mut pings = 0;
    while pings < 3 {
        pings += u32::from(supervisor.next() == "WATCHDOG=1");
    }
    let fifo = folder.path().join("a.todo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    running.signal("USR1");
    // Not one more, once it hangs.
    let began = Instant::now();
    supervisor
        .socket
        .set_read_timeout(Some(patience * 3))
        .unwrap();
    while supervisor.socket.recv(&mut [0; 64]).is_ok() {
        assert!(began.elapsed() < DEADLINE, "it is pinged and pinged");
    }
}

#[test]
fn a_job_runs_again_and_again_until_the_stop() {
    let supervisor = Supervisor::new();
    let folder = tempfile::tempdir().unwrap();
    let running = supervisor.start(example("job").arg(folder.path()).arg("50"));
    assert_eq!(supervisor.next(), "READY=1");
    for files in 0..3 {
        let said = format!("STATUS={files} files");
        let began = Instant::now();
        while supervisor.next() != said {
            assert!(began.elapsed() < DEADLINE, "never {said}");
        }
        fs::write(folder.path().join(files.to_string()), "").unwrap();
    }
    stop(running);
}

#[test]
fn the_least_service_stops() {
    let supervisor = Supervisor::new();
    let running = supervisor.start(&mut example("minimal"));
    assert_eq!(supervisor.next(), "READY=1");
    stop(running);
}
