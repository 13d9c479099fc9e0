//! The guardian's post: what a launcher leaves to one guardian after another.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::{cgroup, guardian, record, watcher};

/// What every guardian of a launcher is given.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) runs: PathBuf,
    pub(super) invocation: String,
    pub(super) record: PathBuf,
    /// Keeps the record locked while there is no guardian.
    pub(super) lock: OwnedFd,
    pub(super) cgroup: Option<PathBuf>,
}

/// A guardian that was just forked.
#[derive(Debug)]
pub(super) struct Recruit {
    /// Where it takes requests and reports.
    pub(super) control: OwnedFd,
    pub(super) pid: i32,
}

impl Post {
    /// Forks a guardian. Whatever an earlier one had is ended.
    pub(super) fn fill(&self) -> io::Result<Recruit> {
        let (control, socket) = pair()?;
        // SAFETY: concerns this process only. If the guardian is killed, its children come here.
        unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
        let charge = guardian::Charge {
            socket,
            record: self.lock.try_clone()?,
            record_path: self.record.clone(),
            cgroup: self.cgroup.clone(),
        };
        let mut guardians = watcher::guardians();
        let blocked = Blocked::all();
        // SAFETY: the copy goes on in `become_guardian`, which allocates (the C library's fork
        // makes the allocator usable), takes no lock that another thread may have had, makes
        // system calls and never returns.
        let forked = match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => guardian::become_guardian(charge),
            pid => Ok(pid),
        };
        drop(blocked);
        let pid = forked?;
        guardians.push(pid);
        Ok(Recruit { control, pid })
    }

    /// Puts back what a guardian removes when it takes Stead to be gone.
    pub(super) fn restore(&mut self) -> io::Result<()> {
        if !self.record.exists() {
            let (_, lock) = record::create(&self.runs, &self.invocation, self.cgroup.as_deref())?;
            self.lock = lock;
        }
        match self.cgroup.as_deref().map(fs::create_dir) {
            Some(Err(error)) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what a guardian that was killed has not. Everything is ended.
    pub(super) fn clear(&self) {
        if let Some(cgroup) = &self.cgroup {
            cgroup::remove(cgroup);
        }
        let _ = fs::remove_file(&self.record);
    }
}

/// A socket pair for messages.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
    Ok(socketpair(AddressFamily::UNIX, kind, flags, None)?)
}

/// Keeps signals off the calling thread, so that none reaches a guardian while it still has
/// Stead's handlers; it blocks them for good.
struct Blocked(libc::sigset_t);

impl Blocked {
    fn all() -> Self {
        // SAFETY: sets are valid when zeroed and filled by the calls, which concern the calling
        // thread only.
        unsafe {
            let mut all: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
            Self(before)
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: puts back what `all` found.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut());
        }
    }
}
