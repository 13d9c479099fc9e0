//! When a service counts as ready, its hooks, and how it reloads.

use std::fs;

use stead_testkit::programs::script;
use stead_testkit::{DEADLINE, StackBuilder, eventually};

use crate::support::{
    assert_fails, assert_in_order, in_state, lines, pid, ready, stack, stdout, until_gone,
};

/// A service in Python that says what `talk` says, through `say`, and then waits for signals.
fn talker(stack: &StackBuilder, talk: &str) {
    let text = format!(
        "import os, signal, socket, time\n\
         channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         address = os.environ['NOTIFY_SOCKET']\n\
         if address[0] == '@': address = '\\0' + address[1:]\n\
         def say(text): channel.sendto(text.encode(), address)\n\
         def there(name): return os.path.exists(name)\n\
         {talk}\n\
         while True: signal.pause()\n"
    );
    fs::write(stack.folder().join("talker.py"), text).unwrap();
}

const TALKER: &str =
    "[services.talker]\ncommand = [\"python3\", \"talker.py\"]\nready = \"notify\"\n";

#[test]
fn notify_waits_for_the_programs_word() {
    let stack = stack();
    talker(
        &stack,
        "say('STATUS=warming up')\n\
         while not there('go'): time.sleep(0.01)\n\
         say('READY=1\\nSTATUS=serving')",
    );
    let stack = stack.up(TALKER);
    let starting = stack.eventually_status("talker", "warms up", |status| {
        status["status"] == "warming up"
    });
    assert_eq!(starting["phase"], "starting");
    fs::write(stack.folder().join("go"), "").unwrap();
    let status = ready(&stack, "talker");
    assert_eq!(status["status"], "serving");
    stack.stop();
}

#[test]
fn a_word_at_once_is_heard_every_time() {
    let stack = stack();
    talker(&stack, "say('READY=1')");
    let stack = stack.up(&format!("{TALKER}ready_timeout = \"20s\"\n"));
    ready(&stack, "talker");
    for _ in 0..5 {
        stdout(&stack.stead(&["restart", "talker"]));
    }
    stack.stop();
}

#[test]
fn a_word_from_outside_does_not_count() {
    let stack = stack();
    talker(
        &stack,
        "open('address', 'w').write(address); os.rename('address', 'there')",
    );
    let stack = stack.up(TALKER);
    let place = stack.folder().join("there");
    eventually(DEADLINE, "the address is told", || place.is_file());
    let address = fs::read_to_string(&place).unwrap();
    let socket = std::os::unix::net::UnixDatagram::unbound().unwrap();
    let said = if let Some(name) = address.strip_prefix('\0') {
        use std::os::linux::net::SocketAddrExt;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap();
        socket.send_to_addr(b"READY=1", &address)
    } else {
        socket.send_to(b"READY=1", &address)
    };
    said.unwrap();
    eventually(DEADLINE, "it is passed over", || {
        stack
            .output()
            .contains("from outside the service was passed over")
    });
    assert_eq!(stack.status("talker").unwrap()["phase"], "starting");
    stack.stop();
}

#[test]
fn an_extended_timeout_holds_and_a_missed_one_is_an_error() {
    let stack = stack();
    talker(
        &stack,
        "say('EXTEND_TIMEOUT_USEC=20000000')\ntime.sleep(1.5)\nsay('READY=1')",
    );
    let stack = stack.up(&format!(
        "{TALKER}ready_timeout = \"1s\"\nrestart.policy = \"never\"\n\
         [services.mute]\ncommand = [\"sleep\", \"1000\"]\nready = \"notify\"\n\
         ready_timeout = \"300ms\"\nrestart.policy = \"never\"\n"
    ));
    let mute = in_state(&stack, "mute", "ERROR");
    assert!(
        mute["detail"]
            .as_str()
            .unwrap()
            .contains("not ready within 300ms"),
        "{mute}"
    );
    stack.eventually_status("mute", "is gone", |status| status["pid"].is_null());
    ready(&stack, "talker");
    assert_fails(
        &stack.stead(&["restart", "mute"]),
        1,
        &[
            "error: cannot restart mute",
            "not ready within 300ms",
            "hint:",
        ],
    );
    stack.stop();
}

#[test]
fn a_silent_watchdog_is_a_failure() {
    let stack = stack();
    talker(
        &stack,
        "say('READY=1\\nWATCHDOG_USEC=200000\\nWATCHDOG=1')\n\
         while not there('quiet'): say('WATCHDOG=1'); time.sleep(0.02)",
    );
    let stack = stack.up(&format!("{TALKER}restart.policy = \"never\"\n"));
    ready(&stack, "talker");
    fs::write(stack.folder().join("quiet"), "").unwrap();
    let status = in_state(&stack, "talker", "ERROR");
    assert!(
        status["detail"].as_str().unwrap().contains("sign of life"),
        "{status}"
    );
    stack.stop();
}

#[test]
fn healthy_waits_for_the_checks() {
    let stack = stack().up(
        "[services.a]\ncommand = [\"sleep\", \"1000\"]\nready = \"healthy\"\n\
         checks = [{ exec = [\"test\", \"-e\", \"go\"], interval = \"50ms\" }]\n",
    );
    let starting = stack.eventually_status("a", "fails its check", |status| {
        status["checks"][0]["output"]
            .as_str()
            .is_some_and(|output| !output.is_empty())
    });
    assert_eq!(starting["phase"], "starting");
    assert_eq!(starting["health"], "Unknown");
    fs::write(stack.folder().join("go"), "").unwrap();
    assert_eq!(ready(&stack, "a")["health"], "Healthy");
    stack.stop();
}

#[test]
fn hooks_come_in_their_places() {
    let stack = stack();
    let copy = stead_testkit::folder();
    let trace = copy.path().join("trace");
    let note = |what: &str| format!("[[\"sh\", \"-c\", \"echo {what} >> {}\"]]", trace.display());
    let stack = stack.up(&format!(
        "[services.a]\n\
         command = [\"sh\", \"-c\", \"trap 'echo end >> {trace}; exit 0' TERM; echo run >> {trace}; while :; do sleep 1000 & wait; done\"]\n\
         ready = \"healthy\"\n\
         checks = [{{ exec = [\"grep\", \"run\", \"{trace}\"], interval = \"20ms\", healthy_after = 1 }}]\n\
         before_start = {}\nafter_start = {}\nbefore_stop = {}\nafter_stop = {}\n",
        note("before_start"),
        note("after_start"),
        note("before_stop"),
        note("after_stop"),
        trace = trace.display(),
    ));
    ready(&stack, "a");
    assert_eq!(lines(&trace), ["before_start", "run", "after_start"]);
    stack.stop();
    assert_eq!(lines(&trace)[3..], ["before_stop", "end", "after_stop"]);
}

#[test]
fn a_failed_hook_fails_the_start_and_what_it_wrote_is_logged() {
    let stack = stack().up(
        "[services.a]\ncommand = [\"sleep\", \"1000\"]\nrestart.policy = \"never\"\n\
         before_start = [[\"sh\", \"-c\", \"echo cannot migrate; exit 3\"]]\n\
         [services.b]\ncommand = [\"sleep\", \"1000\"]\nrestart.policy = \"never\"\n\
         hook_timeout = \"100ms\"\nbefore_start = [[\"sleep\", \"1000\"]]\n",
    );
    let a = in_state(&stack, "a", "ERROR");
    let detail = a["detail"].as_str().unwrap();
    assert_in_order(detail, &["before_start", "exited with status 3"]);
    assert_eq!(stdout(&stack.stead(&["logs", "a"])), "cannot migrate\n");
    let b = in_state(&stack, "b", "ERROR");
    assert!(
        b["detail"]
            .as_str()
            .unwrap()
            .contains("took longer than 100ms"),
        "{b}"
    );
    stack.stop();
}

#[test]
fn reload_by_signal_by_command_and_not_at_all() {
    let stack = stack();
    script(
        stack.folder(),
        "by-signal",
        "trap 'echo hup >> reloads' HUP; echo up >> reloads; while :; do sleep 1000 & wait; done",
    );
    let stack = stack.up(
        "[services.signalled]\ncommand = [\"./by-signal\"]\nreload.signal = \"SIGHUP\"\nready = \"healthy\"\n\
         checks = [{ exec = [\"grep\", \"up\", \"reloads\"], interval = \"20ms\", healthy_after = 1 }]\n\
         [services.commanded]\ncommand = [\"sleep\", \"1000\"]\n\
         reload.command = [\"sh\", \"-c\", \"echo command >> commands\"]\n\
         [services.refuses]\ncommand = [\"sleep\", \"1000\"]\n\
         reload.command = [\"sh\", \"-c\", \"exit 9\"]\n\
         [services.plain]\ncommand = [\"sleep\", \"1000\"]\n\
         [services.stopped]\ncommand = [\"sleep\", \"1000\"]\nstart = \"manual\"\nreload.signal = \"SIGHUP\"\n",
    );
    let before = pid(&ready(&stack, "signalled"));
    stdout(&stack.stead(&["reload", "signalled"]));
    eventually(DEADLINE, "the signal was handled", || {
        lines(&stack.folder().join("reloads")) == ["up", "hup"]
    });
    assert_eq!(pid(&ready(&stack, "signalled")), before);

    ready(&stack, "commanded");
    stdout(&stack.stead(&["reload", "commanded"]));
    assert_eq!(lines(&stack.folder().join("commands")), ["command"]);

    ready(&stack, "refuses");
    assert_fails(
        &stack.stead(&["reload", "refuses"]),
        1,
        &["error: cannot reload refuses", "exited with status 9"],
    );
    ready(&stack, "refuses");
    // What failed once does not stand in the way of what comes after.
    assert_fails(
        &stack.stead(&["reload", "plain"]),
        2,
        &["error: cannot reload plain", "hint:"],
    );
    assert_fails(
        &stack.stead(&["reload", "stopped"]),
        3,
        &[
            "error: cannot reload stopped: it is not running",
            "stead start stopped",
        ],
    );
    stack.stop();
}

#[test]
fn a_program_that_reloads_by_itself_says_so() {
    let stack = stack();
    talker(
        &stack,
        "say('READY=1')\n\
         def reload(*_):\n    say('RELOADING=1\\nMONOTONIC_USEC=1')\n    say('STATUS=reloaded\\nREADY=1')\n\
         signal.signal(signal.SIGHUP, reload)\n\
         say('STATUS=handles')",
    );
    let stack = stack.up(&format!("{TALKER}reload.signal = \"SIGHUP\"\n"));
    stack.eventually_status("talker", "handles", |status| {
        status["status"] == "handles" && status["phase"] == "ready"
    });
    stdout(&stack.stead(&["reload", "talker"]));
    let status = stack.eventually_status("talker", "reloaded", |status| {
        status["status"] == "reloaded" && status["phase"] == "ready"
    });
    assert!(
        status["history"].to_string().contains("RUNNING/reloading"),
        "{status}"
    );
    let old = pid(&status);
    stack.stop();
    until_gone(old);
}
