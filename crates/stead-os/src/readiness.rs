//! Waiting for many pipes at once on Linux: epoll(7) with an eventfd(2) to wake the waiter.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll};
use rustix::io::Errno;

/// Token of the eventfd; callers' tokens are slots and never reach it.
const WAKE: u64 = u64::MAX;

/// A set of descriptors that one thread waits on, level-triggered.
pub struct Readiness {
    epoll: OwnedFd,
    wake: Arc<OwnedFd>,
}

/// Ends the current or the next [`Readiness::wait`] from any thread; never blocks.
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Readiness {
    /// Events taken from the kernel in one wait; the others are still there at the next.
    const EVENTS: usize = 64;

    /// An empty set.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(
            &epoll,
            &wake,
            epoll::EventData::new_u64(WAKE),
            epoll::EventFlags::IN,
        )?;
        Ok(Self {
            epoll,
            wake: Arc::new(wake),
        })
    }

    /// The handle other threads wake this set with.
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.wake))
    }

    /// Adds `source` and makes it non-blocking; `token` names it in [`Readiness::wait`].
    pub fn add(&self, source: impl AsFd, token: usize) -> io::Result<()> {
        rustix::io::ioctl_fionbio(&source, true)?;
        let data = epoll::EventData::new_u64(token as u64);
        epoll::add(&self.epoll, source, data, epoll::EventFlags::IN)?;
        Ok(())
    }

    /// Takes `source` out of the set.
    pub fn remove(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// Waits until something is readable (or at its end), a [`Waker`] was used, or `timeout` is over
    /// (`None`: for ever), and puts the tokens of what is ready into `ready`.
    pub fn wait(&self, ready: &mut Vec<usize>, timeout: Option<Duration>) -> io::Result<()> {
        ready.clear();
        // A duration past what the kernel can express is as good as for ever.
        let timeout = timeout.and_then(|limit| Timespec::try_from(limit).ok());
        let mut events = [const { MaybeUninit::uninit() }; Self::EVENTS];
        let (events, _) = match epoll::wait(&self.epoll, &mut events, timeout.as_ref()) {
            Ok(events) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in events {
            // Copied out: the kernel's structure is packed.
            let data = event.data;
            match data.u64() {
                WAKE => {
                    let mut count = [0; 8];
                    // EAGAIN means that somebody's wake was taken together with an earlier one.
                    let _ = rustix::io::read(&self.wake, &mut count);
                }
                token => ready.extend(usize::try_from(token)),
            }
        }
        Ok(())
    }
}

impl Waker {
    /// Wakes the waiter.
    pub fn wake(&self) {
        // Fails only when 2^64 - 1 wakes are pending, in which case it is awake anyway.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

/// Asks for a pipe buffer of `bytes` and says what the pipe has now. The kernel refuses more than
/// /proc/sys/fs/pipe-max-size, and anything once the user's pipes together pass their soft limit.
pub fn grow_pipe(pipe: impl AsFd, bytes: usize) -> io::Result<usize> {
    Ok(rustix::pipe::fcntl_setpipe_size(pipe, bytes)?)
}

/// Blocks until `sink`, which may be non-blocking, can be written to.
pub fn wait_writable(sink: impl AsFd) -> io::Result<()> {
    loop {
        let mut wanted = [PollFd::new(&sink, PollFlags::OUT)];
        match rustix::event::poll(&mut wanted, None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Gives the calling thread the lowest share of the processor that still makes progress.
pub fn lower_thread_priority() -> io::Result<()> {
    // On Linux the priority belongs to the thread, whatever POSIX says of processes.
    Ok(rustix::process::setpriority_process(
        Some(rustix::thread::gettid()),
        19,
    )?)
}
