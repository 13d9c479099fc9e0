//! Signals on their way to a service. One test, since a process listens once and for all.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use libc::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, c_int};
use stead_os::control::{Accepted, Control, Watcher, channel, listen, wait};

const DEADLINE: Duration = Duration::from_secs(20);

fn raise(signal: c_int) {
    // SAFETY: a signal to ourselves; the test handles each that it sends.
    assert_eq!(unsafe { libc::kill(libc::getpid(), signal) }, 0);
}

#[cfg(target_os = "linux")]
fn raise_with(value: usize) {
    let value = libc::sigval {
        sival_ptr: std::ptr::without_provenance_mut(value),
    };
    // SAFETY: as above, with a value that nobody takes for an address.
    assert_eq!(unsafe { libc::sigqueue(libc::getpid(), SIGUSR1, value) }, 0);
}

#[test]
fn signals_become_controls() {
    let custom = |code: u32| Control::Custom(code.try_into().unwrap());
    let accepted = Accepted::STOP | Accepted::PAUSE | Accepted::RELOAD | Accepted::CUSTOM;
    let (poster, mut controls) = channel(accepted);
    listen(poster).unwrap();
    for (signal, control) in [
        (SIGHUP, Control::Reload),
        (SIGTSTP, Control::Pause),
        (SIGCONT, Control::Continue),
        (SIGUSR1, custom(128)),
        (SIGUSR2, custom(129)),
    ] {
        raise(signal);
        assert_eq!(controls.wait_for(DEADLINE), Some(control));
    }
    #[cfg(target_os = "linux")]
    for (value, code) in [
        (128, 128),
        (191, 191),
        (192, 192),
        (255, 255),
        (7, 128),
        (256, 128),
    ] {
        raise_with(value);
        assert_eq!(controls.wait_for(DEADLINE), Some(custom(code)), "{value}");
    }
    assert!(!controls.ending().is_asked());

    raise(SIGTERM);
    assert_eq!(controls.wait_for(DEADLINE), Some(Control::Stop));
    raise(SIGTERM);
    assert_eq!(controls.wait_for(DEADLINE), Some(Control::Stop));
    assert!(!controls.ending().is_insisted());
    raise(SIGINT);
    let deadline = std::time::Instant::now() + DEADLINE;
    let insisted = wait(Some(deadline), |context| {
        controls.ending().poll_insisted(context, Watcher::Service)
    });
    assert_eq!(insisted, Some(()));
    assert_eq!(controls.try_next(), None);

    let (again, _) = channel(accepted);
    let error = listen(again).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
}
