//! From a clone of the guardian to the program: the layout Stead writes and the steps the clone
//! takes with it.
//!
//! The clone uses system calls and its own stack and nothing else: no allocation, no lock.

use std::ffi::{CStr, CString, OsStr, c_char};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr;

use rustix::fs::MemfdFlags;

use super::user::Account;
use super::wire::Step;

/// Words before the table of pointers: argc, envc, groups, whether to switch, uid, gid, whether
/// to limit descriptors, that limit.
const HEADER: usize = 8;
/// `clone3`'s flag of that name; it does not fit the type `libc` gives it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// The program's words in the order the clone wants them, in memory that only needs mapping:
/// header, room for the argument and environment pointers, groups, then the folder, the
/// arguments and the environment, each ended by a NUL.
pub(super) struct Layout {
    pub(super) memory: OwnedFd,
    pub(super) length: u32,
}

/// What a layout is made of.
pub(super) struct Plan<'a> {
    pub(super) directory: &'a OsStr,
    pub(super) arguments: Vec<&'a OsStr>,
    pub(super) environment: Vec<CString>,
    pub(super) account: Option<&'a Account>,
    pub(super) open_files: Option<u64>,
}

impl Layout {
    pub(super) fn write(plan: &Plan<'_>) -> io::Result<Self> {
        let (groups, uid, gid) = plan.account.map_or((&[][..], 0, 0), |account| {
            (&account.groups[..], account.uid, account.gid)
        });
        let header: [u64; HEADER] = [
            plan.arguments.len() as u64,
            plan.environment.len() as u64,
            groups.len() as u64,
            u64::from(plan.account.is_some()),
            u64::from(uid),
            u64::from(gid),
            u64::from(plan.open_files.is_some()),
            plan.open_files.unwrap_or_default(),
        ];
        let mut bytes = Vec::with_capacity(4096);
        for word in header {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        let pointers = plan.arguments.len() + plan.environment.len() + 2;
        bytes.resize(bytes.len() + pointers * size_of::<usize>(), 0);
        for group in groups {
            bytes.extend_from_slice(&group.to_ne_bytes());
        }
        for text in std::iter::once(plan.directory).chain(plan.arguments.iter().copied()) {
            let text = text.as_bytes();
            if text.contains(&0) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a NUL byte in the command",
                ));
            }
            bytes.extend_from_slice(text);
            bytes.push(0);
        }
        for variable in &plan.environment {
            bytes.extend_from_slice(variable.as_bytes_with_nul());
        }
        let length = u32::try_from(bytes.len())
            .map_err(|_| io::Error::from(io::ErrorKind::ArgumentListTooLong))?;
        let memory = rustix::fs::memfd_create(c"stead-run", MemfdFlags::CLOEXEC)?;
        let mut written = 0;
        while written < bytes.len() {
            written += rustix::io::pwrite(&memory, &bytes[written..], written as u64)?;
        }
        Ok(Self { memory, length })
    }
}

/// What the clone is given.
pub(super) struct Clone<'a> {
    pub(super) layout: BorrowedFd<'a>,
    pub(super) length: usize,
    pub(super) streams: [BorrowedFd<'a>; 3],
    pub(super) cgroup: Option<BorrowedFd<'a>>,
    /// What to write as its score for the out-of-memory killer, if the caller's is not to be its.
    pub(super) oom_score: Option<&'a [u8]>,
    /// Written to on failure, closed by `exec`.
    pub(super) outcome: BorrowedFd<'a>,
}

/// Forks the calling process, which must have one thread, without the C library's bookkeeping;
/// `Ok(0)` is the copy, born inside `cgroup` if there is one.
///
/// # Safety
/// The caller has one thread, and the copy never returns from the function that called this.
pub(super) unsafe fn fork_single(cgroup: Option<BorrowedFd<'_>>) -> io::Result<libc::pid_t> {
    let result = if let Some(cgroup) = cgroup {
        // SAFETY: all zero is a valid `clone_args`: nothing asked for.
        let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
        arguments.flags = CLONE_INTO_CGROUP;
        arguments.exit_signal = libc::SIGCHLD as u64;
        arguments.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
        // SAFETY: the structure outlives the call and its size is given; without CLONE_VM the
        // copy has its own memory, like after fork.
        unsafe {
            libc::syscall(
                libc::SYS_clone3,
                &raw const arguments,
                size_of_val(&arguments),
            )
        }
    } else {
        // SAFETY: only an exit signal: the classic fork. The arguments whose order depends on
        // the architecture are all zero.
        unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) }
    };
    match result {
        -1 => Err(io::Error::last_os_error()),
        // A process id fits `pid_t`.
        #[allow(clippy::cast_possible_truncation)]
        pid => Ok(pid as libc::pid_t),
    }
}

/// Whether the kernel lets this process have `clone3` at all. A filter of system calls that
/// keeps namespaces out must refuse it whole, as it cannot see the flags behind the pointer.
pub(super) fn can_be_born_in_a_cgroup() -> bool {
    // SAFETY: of a structure of no size nothing is read, and nothing is made.
    let refused = unsafe { libc::syscall(libc::SYS_clone3, ptr::null::<libc::clone_args>(), 0) };
    refused == -1 && errno() == libc::EINVAL
}

impl Clone<'_> {
    /// Starts the program from the calling process, which must have one thread.
    pub(super) fn start(&self) -> io::Result<libc::pid_t> {
        // SAFETY: no preconditions.
        let parent = unsafe { libc::getpid() };
        // SAFETY: guardians have one thread; the copy ends in `run`, which does not return.
        match unsafe { fork_single(self.cgroup) }? {
            0 => self.run(parent),
            pid => Ok(pid),
        }
    }

    fn run(&self, parent: libc::pid_t) -> ! {
        let (step, errno) = self.attempt(parent);
        let mut outcome = [0; 8];
        outcome[..4].copy_from_slice(&(step as i32).to_ne_bytes());
        outcome[4..].copy_from_slice(&errno.to_ne_bytes());
        // SAFETY: a write from a live buffer, then the end of this process.
        unsafe {
            libc::write(
                self.outcome.as_raw_fd(),
                outcome.as_ptr().cast(),
                outcome.len(),
            );
            libc::_exit(127)
        }
    }

    /// Returns only if a step fails.
    fn attempt(&self, parent: libc::pid_t) -> (Step, i32) {
        let words = match self.map() {
            Ok(words) => words,
            Err(errno) => return (Step::Prepare, errno),
        };
        // SAFETY: the mapping is as `Layout::write` laid it out: a header, the pointer tables,
        // the groups and NUL-terminated strings, all within it; it is private and writable and
        // nothing else refers to it. Everything called is a system call on this process.
        unsafe {
            let header: [u64; HEADER] = ptr::read(words.cast());
            let count = |index: usize| usize::try_from(header[index]).unwrap_or(0);
            let (argc, envc, group_count) = (count(0), count(1), count(2));
            let arguments: *mut *const c_char = words.add(HEADER * 8).cast();
            let environment = arguments.add(argc + 1);
            let groups: *const libc::gid_t = environment.add(envc + 1).cast();
            let directory: *const c_char = groups.add(group_count).cast();
            let mut text = after(directory);
            for index in 0..argc {
                *arguments.add(index) = text;
                text = after(text);
            }
            for index in 0..envc {
                *environment.add(index) = text;
                text = after(text);
            }

            libc::setsid();
            libc::umask(0o022);
            default_signals();
            if let Err(errno) = self.redirect() {
                return (Step::Prepare, errno);
            }
            // Before the switch of user, which may close the file to it.
            if let Some(score) = self.oom_score
                && let Err(errno) = set_oom_score(score)
            {
                return (Step::Prepare, errno);
            }
            if header[6] != 0 {
                let limit = libc::rlimit {
                    rlim_cur: header[7],
                    rlim_max: header[7],
                };
                if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0 {
                    return (Step::OpenFiles, errno());
                }
            }
            if header[3] != 0 {
                let (uid, gid) = (header[4], header[5]);
                if libc::syscall(libc::SYS_setgroups, group_count, groups) != 0
                    || libc::syscall(libc::SYS_setresgid, gid, gid, gid) != 0
                    || libc::syscall(libc::SYS_setresuid, uid, uid, uid) != 0
                {
                    return (Step::User, errno());
                }
            }
            if libc::chdir(directory) != 0 {
                return (Step::Directory, errno());
            }
            // After the switch of user, which clears it. A guardian that ended before this line
            // is found out by the changed parent.
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            if libc::getppid() != parent {
                libc::_exit(127);
            }
            libc::execve(*arguments, arguments, environment);
            (Step::Execute, errno())
        }
    }

    fn map(&self) -> Result<*mut u8, i32> {
        // SAFETY: a new private mapping of a descriptor that is open.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                self.length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE,
                self.layout.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(errno());
        }
        Ok(address.cast())
    }

    /// Makes the three streams 0, 1 and 2 and lets `exec` close everything else. The guardian
    /// has /dev/null as its own, so none of the three can be in the way of another.
    fn redirect(&self) -> Result<(), i32> {
        for (stream, target) in self.streams.iter().zip(0..) {
            // SAFETY: both are descriptor numbers of this process.
            if unsafe { libc::dup2(stream.as_raw_fd(), target) } < 0 {
                return Err(errno());
            }
        }
        // Every descriptor of a guardian is close-on-exec already; this is for one that should
        // slip in. Kernels before 5.11 do not know it.
        // SAFETY: changes flags of this process's own descriptors.
        unsafe {
            libc::syscall(
                libc::SYS_close_range,
                3 as RawFd,
                u32::MAX,
                libc::CLOSE_RANGE_CLOEXEC,
            );
        }
        Ok(())
    }
}

/// Every signal at its default and none blocked.
///
/// # Safety
/// Only in a process that is about to `exec`.
unsafe fn default_signals() {
    // SAFETY: per the contract no handler that goes away here is needed any more; the kernel's
    // structure, at most this long, is valid when zeroed: SIG_DFL, no flags, empty mask.
    unsafe {
        let default = [0_u64; 8];
        for signal in 1..=64 {
            // Not by the C library, which keeps two signals to itself.
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                default.as_ptr(),
                ptr::null_mut::<u64>(),
                size_of::<u64>(),
            );
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

fn set_oom_score(score: &[u8]) -> Result<(), i32> {
    // SAFETY: opens a file of this process and writes to it from a live buffer; `exec` closes it.
    unsafe {
        let flags = libc::O_WRONLY | libc::O_CLOEXEC;
        let file = libc::open(c"/proc/self/oom_score_adj".as_ptr(), flags);
        if file < 0 || libc::write(file, score.as_ptr().cast(), score.len()) < 0 {
            return Err(errno());
        }
    }
    Ok(())
}

/// The string after this one.
///
/// # Safety
/// `text` is NUL-terminated.
unsafe fn after(text: *const c_char) -> *const c_char {
    // SAFETY: per the contract; one past the NUL is at most one past the mapping's data.
    unsafe { text.add(CStr::from_ptr(text).to_bytes_with_nul().len()) }
}

fn errno() -> i32 {
    // SAFETY: the calling thread's own errno.
    unsafe { *libc::__errno_location() }
}

impl Clone<'_> {
    /// What the clone wrote before it ended: the step that failed, or `None` once `exec` has
    /// closed the pipe.
    pub(super) fn outcome(pipe: impl AsFd) -> Option<(Step, i32)> {
        let mut outcome = [0; 8];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&pipe, &mut outcome));
        if read != Ok(outcome.len()) {
            return None;
        }
        let word = |at: usize| {
            i32::from_ne_bytes([
                outcome[at],
                outcome[at + 1],
                outcome[at + 2],
                outcome[at + 3],
            ])
        };
        Some((Step::from_raw(word(0)), word(4)))
    }
}
