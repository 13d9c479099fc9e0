//! A service that starts with the machine. Between the two tests the machine starts anew, which is
//! why `cargo xtask windows` runs them by name: first the one, then the other.
#![cfg(windows)]

mod scm;

use std::time::{Duration, Instant};

use stead_model::lifecycle::native::ScmState;
use stead_os::scm::manage::{Deleted, Scm, ServiceConfig, StartType};

const NAME: &str = "stead-test-boot";

#[test]
fn before_the_boot() {
    let scm = Scm::system();
    let config = ServiceConfig {
        start: StartType::Automatic,
        ..ServiceConfig::new(NAME, vec![scm::program()])
    };
    scm.install(&config).unwrap();
    assert_eq!(scm.status(NAME).unwrap().state, ScmState::Stopped);
}

#[test]
fn after_the_boot() {
    let scm = Scm::system();
    let deadline = Instant::now() + Duration::from_secs(30);
    // Nobody has started it but the machine.
    let running = |it: &stead_os::scm::manage::ServiceStatus| it.state == ScmState::Running;
    let status = scm.wait(NAME, running, deadline, |_| {}).unwrap();
    assert!(status.pid.is_some());
    let gone = scm.stop_and_delete(NAME, deadline, |_, _| {}).unwrap();
    assert_eq!(gone, Deleted::Gone);
}
