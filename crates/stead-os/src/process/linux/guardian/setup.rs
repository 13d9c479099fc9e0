//! What a guardian makes of the process it was forked into.

use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::ptr;

/// Blocks every signal for good, so that a terminal's Ctrl+C or a stray `kill` does nothing,
/// and gives the descriptor that tells of ended children.
pub(super) fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the sets are valid when zeroed and filled by the calls; the descriptor is new and
    // owned by nothing else.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
        // Ignored SIGCHLD would have the kernel wait for children in our place.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        let mut children: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut children);
        libc::sigaddset(&raw mut children, libc::SIGCHLD);
        let descriptor = libc::signalfd(
            -1,
            &raw const children,
            libc::SFD_CLOEXEC | libc::SFD_NONBLOCK,
        );
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Takes note of all that ended children have told.
pub(super) fn drain(signals: &OwnedFd) {
    let mut told = [0; 128];
    while rustix::io::read(signals, &mut told).is_ok_and(|read| read > 0) {}
}

/// Closes every descriptor from 3 on but those to keep.
pub(super) fn close_all_but(keep: &[RawFd]) {
    let mut keep = keep.to_vec();
    keep.sort_unstable();
    let mut from = 3;
    for kept in keep.into_iter().chain([RawFd::MAX]) {
        if from < kept {
            close_range(from, kept - 1);
        }
        from = kept.saturating_add(1);
    }
}

fn close_range(first: RawFd, last: RawFd) {
    // SAFETY: the descriptors are this process's own, and none of those closed is used here.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, last, 0) == 0 {
            return;
        }
    }
    // Before Linux 5.9.
    let open: Vec<RawFd> = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    for number in open {
        if (first..=last).contains(&number) {
            // SAFETY: as above; the number of the listing's own descriptor is closed already.
            unsafe { libc::close(number) };
        }
    }
}
