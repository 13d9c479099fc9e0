//! Stopping programs on Windows: Ctrl+C, the request to close a window, and then by force.
#![cfg(windows)]

mod windows;

use stead_os::process::{Exit, Signal};
use windows::{Fixture, all, line, probe, soon, stdout};

const SIGTERM: Signal = Signal(15);
const SIGHUP: Signal = Signal(1);

#[tokio::test]
async fn ctrl_c_lets_a_console_program_stop_itself() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["graceful"]).await;
    let out = stdout(&mut process);
    assert_eq!(line(&out).await, "ready");
    process.ask(SIGTERM);
    assert_eq!(line(&out).await, "stopping");
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(7));
    soon("the empty tree", process.empty()).await;
}

#[tokio::test]
async fn ctrl_c_reaches_no_other_tree() {
    let fixture = Fixture::new();
    let mut asked = fixture.spawn(&["graceful"]).await;
    let mut other = fixture.spawn(&["graceful"]).await;
    let outs = [stdout(&mut asked), stdout(&mut other)];
    for out in &outs {
        assert_eq!(line(out).await, "ready");
    }
    asked.ask(SIGTERM);
    assert_eq!(soon("the exit", asked.exit()).await, Exit::Code(7));
    // The other has had no Ctrl+C, or its own would find it gone.
    assert!(other.contains(other.id()));
    other.kill_tree();
    assert_eq!(soon("the exit", other.exit()).await, Exit::Code(1));
    let [_, rest] = outs;
    assert_eq!(all(rest).await, b"");
}

#[tokio::test]
async fn sigint_and_sigterm_mean_ctrl_c_and_others_nothing() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["graceful"]).await;
    let out = stdout(&mut process);
    assert_eq!(line(&out).await, "ready");
    process.signal(SIGHUP);
    process.signal(SIGTERM);
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(7));
}

#[tokio::test]
async fn a_program_with_a_window_is_asked_to_close_it() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["window"]).await;
    let out = stdout(&mut process);
    assert_eq!(line(&out).await, "ready");
    process.ask(SIGTERM);
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(9));
}

#[tokio::test]
async fn a_stubborn_program_needs_force() {
    let fixture = Fixture::new();
    let mut process = fixture.spawn(&["stubborn"]).await;
    let out = stdout(&mut process);
    assert_eq!(line(&out).await, "ready");
    process.ask(SIGTERM);
    assert!(process.contains(process.id()));
    process.kill_tree();
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(1));
    soon("the empty tree", process.empty()).await;
}

#[tokio::test]
async fn a_program_without_a_console_ignores_the_request() {
    let fixture = Fixture::new();
    // A detached child, which alone is left.
    let mut process = fixture.launcher.spawn(probe(&["orphan"])).await.unwrap();
    let out = stdout(&mut process);
    let orphan: u32 = line(&out).await.parse().unwrap();
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(0));
    process.ask(SIGTERM);
    assert!(process.contains(orphan));
    process.kill_tree();
    soon("the empty tree", process.empty()).await;
}

#[tokio::test]
async fn ctrl_c_works_though_stead_was_started_deaf_to_it() {
    let fixture = Fixture::new();
    let runs = fixture.folder.path().join("deaf");
    let process = fixture.spawn(&["own-deaf", runs.to_str().unwrap()]).await;
    assert_eq!(soon("the exit", process.exit()).await, Exit::Code(7));
}
