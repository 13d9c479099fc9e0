//! Signals to all that descends from a guardian.

use super::procfs;

/// Kills the children a condition holds for, and all below them. Killing makes orphans of the
/// rest, which come to this process: repeated after each death until there is no child, this
/// ends everything.
pub(super) fn kill_descendants(condition: impl Fn(i32) -> bool) {
    let own = std::process::id().cast_signed();
    for child in procfs::children(own)
        .into_iter()
        .filter(|pid| condition(*pid))
    {
        let below = procfs::descendants(child);
        // Before those below it, whose end it might answer with an exit or with another child.
        // SAFETY: a child of this process that was not waited for: the id is still its own.
        unsafe { libc::kill(child, libc::SIGKILL) };
        for pid in below {
            signal_below(own, pid, &[libc::SIGKILL]);
        }
    }
}

/// Sends a signal, and `SIGCONT` so that the stopped get it too, to all below this process.
pub(super) fn ask_descendants(signal: i32) {
    let own = std::process::id().cast_signed();
    for pid in procfs::descendants(own) {
        signal_below(own, pid, &[signal, libc::SIGCONT]);
    }
}

/// Sends signals to a process that is still below this one, wherever its parent's death may
/// have put it meanwhile.
fn signal_below(own: i32, pid: i32, signals: &[i32]) {
    procfs::signal_if(pid, signals, || procfs::is_below(pid, own));
}
