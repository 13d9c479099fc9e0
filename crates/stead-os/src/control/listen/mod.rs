//! Hearing what is asked of a process that no service control manager started.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::io;

use super::Poster;

/// Posts what the system asks of this process, for the rest of its life. Once a process; then an
/// error of kind [`io::ErrorKind::AlreadyExists`].
///
/// A second SIGINT or Ctrl+C, or one after another request to end, [insists](super::Ending::insist).
/// Only what the service accepts is heard, all else does what it does in any program:
///
/// | control | Unix | Windows console |
/// |---|---|---|
/// | Stop | SIGTERM, SIGINT | Ctrl+C, Ctrl+Break, closed, logged off |
/// | Shutdown | | the machine goes down |
/// | Reload | SIGHUP | |
/// | Pause, Continue | SIGTSTP, SIGCONT | |
/// | Custom | SIGUSR1 is 128, SIGUSR2 is 129; on Linux SIGUSR1 with a [value](https://man7.org/linux/man-pages/man3/sigqueue.3.html) from 128 to 255 is that | |
///
/// On Windows the process ends within seconds of a closed console, a log-off or a shutdown,
/// whatever it does.
pub fn listen(poster: Poster) -> io::Result<()> {
    #[cfg(unix)]
    return unix::listen(poster);
    #[cfg(windows)]
    return windows::listen(poster);
}
