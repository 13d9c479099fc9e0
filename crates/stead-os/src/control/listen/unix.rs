//! Signals. The handler marks what came and wakes a thread by a pipe; all else is that thread's.
//!
//! A handler may interrupt any thread anywhere, so it may use atomics and `write` and nothing
//! else (`signal-safety(7)`): not even a waker.

use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::{mem, ptr, thread};

use libc::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, c_int};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::control::{Accepted, Control, CustomCode, PostError, Poster};

/// Enough for posting, and for a log line about it.
const STACK: usize = 256 * 1024;

/// The signals, each with what it takes for it to be heard.
const HEARD: [(c_int, Accepted); 7] = [
    (SIGTERM, Accepted::STOP),
    (SIGINT, Accepted::STOP),
    (SIGHUP, Accepted::RELOAD),
    (SIGTSTP, Accepted::PAUSE),
    (SIGCONT, Accepted::PAUSE),
    (SIGUSR1, Accepted::CUSTOM),
    (SIGUSR2, Accepted::CUSTOM),
];

/// The writing end of the pipe. Open for the life of the process, as the handlers are.
static WRITER: OnceLock<OwnedFd> = OnceLock::new();

/// Its number, for handlers.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// What came and was not posted yet: by the signal's number, and by the code that came with it.
static SIGNALS: AtomicU64 = AtomicU64::new(0);
static CODES: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

pub(super) fn listen(poster: Poster) -> io::Result<()> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    // A full pipe has woken the thread already; the handler must not wait for it.
    rustix::io::ioctl_fionbio(&writer, true)?;
    let wake = writer.as_raw_fd();
    WRITER
        .set(writer)
        .map_err(|_| io::ErrorKind::AlreadyExists)?;
    WAKE.store(wake, Ordering::Release);

    let heard = HEARD.map(|(signal, needs)| (signal, poster.accepted().contains(needs)));
    thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(STACK)
        .spawn(move || post_all(reader.into(), poster))?;
    for (signal, heard) in heard {
        if heard {
            handle(signal)?;
        }
    }
    Ok(())
}

fn handle(signal: c_int) -> io::Result<()> {
    // SAFETY: an all-zero action is a valid one: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    action.sa_sigaction = on_signal as extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void)
        as *const () as usize;
    // SAFETY: the action is complete, and its handler does only what a handler may.
    if unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the system passes a description of this signal.
    match unsafe { code_sent_with(signal, info) } {
        Some(code) => {
            let index = code.get() - CustomCode::MIN.get();
            CODES[usize::from(index / 64)].fetch_or(1 << (index % 64), Ordering::AcqRel);
        }
        None => {
            SIGNALS.fetch_or(1 << signal, Ordering::AcqRel);
        }
    }
    // SAFETY: the descriptor is never closed, one byte is readable; what interrupts a system call
    // must leave its error as it was.
    unsafe {
        let errno = errno_location();
        let before = *errno;
        libc::write(WAKE.load(Ordering::Acquire), [0_u8].as_ptr().cast(), 1);
        *errno = before;
    }
}

/// The custom code that `sigqueue` sent with SIGUSR1.
///
/// # Safety
/// `info` must be what the system gave a handler.
#[cfg(target_os = "linux")]
unsafe fn code_sent_with(signal: c_int, info: *const libc::siginfo_t) -> Option<CustomCode> {
    // SAFETY: it points to what describes the signal, of which the value is a part if it was
    // queued.
    let value = unsafe {
        if signal != SIGUSR1 || (*info).si_code != libc::SI_QUEUE {
            return None;
        }
        (*info).si_value().sival_ptr.addr()
    };
    // An int in a union with a pointer: on all of Linux' machines its low half, or on big-endian
    // ones its high half.
    let value = if cfg!(target_endian = "little") {
        value & 0xffff_ffff
    } else {
        value >> (usize::BITS - 32)
    };
    CustomCode::try_from(u32::try_from(value).ok()?).ok()
}

#[cfg(not(target_os = "linux"))]
unsafe fn code_sent_with(_signal: c_int, _info: *const libc::siginfo_t) -> Option<CustomCode> {
    None
}

#[cfg(any(target_os = "linux", target_os = "emscripten"))]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: always valid in a thread.
    unsafe { libc::__errno_location() }
}

#[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
unsafe fn errno_location() -> *mut c_int {
    // SAFETY: always valid in a thread.
    unsafe { libc::__error() }
}

/// The thread: everything that came, as long as the process lives.
fn post_all(mut reader: std::io::PipeReader, mut poster: Poster) {
    let mut bytes = [0; 64];
    loop {
        match reader.read(&mut bytes) {
            Ok(1..) => post_marked(&mut poster),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The other end is never closed.
            Ok(0) | Err(_) => return,
        }
    }
}

fn post_marked(poster: &mut Poster) {
    let signals = SIGNALS.swap(0, Ordering::AcqRel);
    for (signal, _) in HEARD {
        if signals & (1 << signal) == 0 {
            continue;
        }
        if signal == SIGINT && poster.ending().is_asked() {
            poster.ending().insist();
        } else {
            post(poster, meaning(signal));
        }
    }
    for (half, first) in CODES.iter().zip([128, 192]) {
        let mut codes = half.swap(0, Ordering::AcqRel);
        while codes != 0 {
            let lowest = u8::try_from(codes.trailing_zeros()).unwrap_or(0);
            post(poster, Control::Custom(CustomCode::new(first + lowest)));
            codes &= codes - 1;
        }
    }
}

fn meaning(signal: c_int) -> Control {
    match signal {
        SIGHUP => Control::Reload,
        SIGTSTP => Control::Pause,
        SIGCONT => Control::Continue,
        SIGUSR1 => Control::Custom(CustomCode::MIN),
        SIGUSR2 => Control::Custom(const { CustomCode::new(129) }),
        _ => Control::Stop,
    }
}

fn post(poster: &mut Poster, control: Control) {
    match poster.post(control) {
        Ok(_) | Err(PostError::Ended) => {}
        Err(error) => tracing::warn!(?control, %error, "a control was dropped"),
    }
}
