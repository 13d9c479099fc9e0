//! Asking programs to stop: Ctrl+C to those on a console, `WM_CLOSE` to those with windows.
//!
//! A console event can only be sent by a process on that console, and a process is on one console
//! at most. So a second copy of the running executable does it: started with [`MARKER`] as its
//! first argument, it takes each tree's console in turn, sends the event and ends, before its
//! `main` and any runtime. Stead never leaves its own console and its own Ctrl+C handling stays
//! as it is.

use std::fmt::Write as _;
use std::io;
use std::os::windows::io::{FromRawHandle as _, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{HWND, LPARAM};
use windows_sys::Win32::System::Console::{
    AttachConsole, CTRL_BREAK_EVENT, CTRL_C_EVENT, FreeConsole, GenerateConsoleCtrlEvent,
    GetConsoleProcessList, SetConsoleCtrlHandler,
};
use windows_sys::Win32::System::Environment::GetCommandLineW;
use windows_sys::Win32::System::Threading::{
    CreateProcessW, DETACHED_PROCESS, ExitProcess, PROCESS_INFORMATION, STARTUPINFOW,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    EnumWindows, GetClassNameW, GetWindowThreadProcessId, PostMessageW, WM_CLOSE,
};
use windows_sys::core::BOOL;

use super::job::{Job, check};
use super::wait;
use crate::process::Signal;
use crate::wide;

/// The first argument that makes an executable send Ctrl+C to the consoles of the process ids
/// that follow.
const MARKER: &str = "--stead-send-ctrl-c";

/// The signals that ask a program to stop: SIGINT and SIGTERM, by the numbers C gives them.
pub(super) fn means_stop(signal: Signal) -> bool {
    matches!(signal.0, 2 | 15)
}

/// Makes sure that programs started from here on heed Ctrl+C: they inherit from us whether they
/// do, and whoever started us may have turned it off.
pub(super) fn let_children_see_ctrl_c() {
    // SAFETY: without a handler, the call sets a flag of this process.
    unsafe { SetConsoleCtrlHandler(None, 0) };
}

/// Sends Ctrl+Break to a process group on our own console: there, a group cannot be sent Ctrl+C.
pub(super) fn send_ctrl_break(job: &Job, group: u32) {
    // While its first process lives, the id names no other group.
    let Some(_first) = job.open_member(group) else {
        return;
    };
    // SAFETY: a call without memory of ours.
    if let Err(error) = check(unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, group) }) {
        tracing::warn!(pid = group, %error, "cannot send Ctrl+Break");
    }
}

/// Sends Ctrl+C to the consoles of a job's processes. Returns before it has arrived.
pub(super) fn send_ctrl_c(job: &Job) {
    let pids = job.pids().unwrap_or_default();
    // Held until the sender has ended, so that none of the ids names another process by then.
    let members: Vec<(u32, OwnedHandle)> = pids
        .into_iter()
        .filter_map(|pid| Some((pid, job.open_member(pid)?)))
        .collect();
    if members.is_empty() {
        return;
    }
    let sent = start_sender(members.iter().map(|(pid, _)| *pid))
        .and_then(|sender| wait::when_ended(sender, move |_| drop(members)));
    if let Err(error) = sent {
        tracing::warn!(%error, "cannot send Ctrl+C");
    }
}

/// Presses Ctrl+C, as it were, on the console that any process is on: all who share it are told.
/// Windows only.
///
/// Returns before that has happened. A process that is gone, or has no console, is no error.
pub fn press_ctrl_c(pid: u32) -> io::Result<()> {
    start_sender(std::iter::once(pid)).map(drop)
}

fn start_sender(pids: impl Iterator<Item = u32>) -> io::Result<OwnedHandle> {
    let executable = std::env::current_exe()?;
    let mut line = format!("stead {MARKER}");
    for pid in pids {
        let _ = write!(line, " {pid}"); // a String takes everything
    }
    let application = wide::with_nul(executable.as_os_str());
    let mut line = wide::with_nul(line.as_ref());
    let startup = STARTUPINFOW {
        cb: u32::try_from(size_of::<STARTUPINFOW>()).unwrap_or(0),
        ..Default::default()
    };
    let mut information = PROCESS_INFORMATION::default();
    // SAFETY: both strings end in NUL, the line is writable, and nothing is inherited.
    check(unsafe {
        CreateProcessW(
            application.as_ptr(),
            line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            0,
            DETACHED_PROCESS,
            ptr::null(),
            ptr::null(),
            &raw const startup,
            &raw mut information,
        )
    })?;
    // SAFETY: the call has given us both handles.
    unsafe {
        drop(OwnedHandle::from_raw_handle(information.hThread));
        Ok(OwnedHandle::from_raw_handle(information.hProcess))
    }
}

/// Runs before `main` in every executable that has this crate in it, as the C runtime runs the
/// functions listed in this section (both Windows toolchains do).
#[used]
// SAFETY: the section holds pointers to functions of this type, and this is one.
#[unsafe(link_section = ".CRT$XCU")]
static SEND_INSTEAD_OF_MAIN: extern "C" fn() = send_instead_of_main;

extern "C" fn send_instead_of_main() {
    // SAFETY: the system's own copy of the command line: it ends in NUL and stays.
    let line = unsafe { wide::at(GetCommandLineW()) };
    if let Some(pids) = pids_to_send_to(line) {
        let mut reached = Vec::new();
        for pid in pids {
            if !reached.contains(&pid) {
                reached.extend(send_on_console_of(pid));
            }
        }
        // SAFETY: nothing of the program has begun, so nothing is left undone.
        unsafe { ExitProcess(0) };
    }
}

/// The ids on a sender's command line; `None` if it is anything else.
fn pids_to_send_to(line: &[u16]) -> Option<impl Iterator<Item = u32> + '_> {
    let mut words = line.split(|&unit| unit == u16::from(b' '));
    // `start_sender` writes the first two words, so they need no unquoting.
    let named = words.next()?.iter().copied().eq("stead".encode_utf16());
    let marked = words.next()?.iter().copied().eq(MARKER.encode_utf16());
    (named && marked).then(|| words.filter_map(|word| String::from_utf16(word).ok()?.parse().ok()))
}

/// Sends to the console that a process is on, and says who else is on it.
fn send_on_console_of(pid: u32) -> Vec<u32> {
    // SAFETY: a call without memory of ours. A process without a console refuses.
    if unsafe { AttachConsole(pid) } == 0 {
        return Vec::new();
    }
    let mut listeners = vec![0; 256];
    let room = u32::try_from(listeners.len()).unwrap_or(0);
    // SAFETY: the list is writable and as long as said. The event goes to every process on the
    // console, this one among them, which therefore ignores it; the flag goes when it ends.
    unsafe {
        let count = GetConsoleProcessList(listeners.as_mut_ptr(), room);
        listeners.truncate(count as usize);
        SetConsoleCtrlHandler(None, 1);
        GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
        FreeConsole();
    }
    listeners
}

/// Asks every window of a job's processes to close.
pub(super) fn close_windows(job: &Job) {
    // SAFETY: the callback gets the job back, which outlives the call.
    unsafe {
        EnumWindows(
            Some(close_window),
            ptr::from_ref(job).expose_provenance().cast_signed(),
        )
    };
}

unsafe extern "system" fn close_window(window: HWND, job: LPARAM) -> BOOL {
    // SAFETY: `close_windows` passed a reference that is still alive.
    let job = unsafe { &*ptr::with_exposed_provenance::<Job>(job.cast_unsigned()) };
    let mut pid = 0;
    // SAFETY: the system refuses a window that is gone; `pid` outlives the call.
    unsafe { GetWindowThreadProcessId(window, &raw mut pid) };
    if job.open_member(pid).is_some() && !is_console(window) {
        // SAFETY: a message without pointers, posted and not waited for.
        unsafe { PostMessageW(window, WM_CLOSE, 0, 0) };
    }
    1
}

/// A console's window says that it belongs to the program in it; closing it kills that program.
fn is_console(window: HWND) -> bool {
    let mut class = [0_u16; 32];
    let room = i32::try_from(class.len()).unwrap_or(0);
    // SAFETY: the buffer is writable and as long as said.
    let length = unsafe { GetClassNameW(window, class.as_mut_ptr(), room) };
    let name = class
        .get(..usize::try_from(length).unwrap_or(0))
        .unwrap_or(&[]);
    ["ConsoleWindowClass", "PseudoConsoleWindow"]
        .iter()
        .any(|console| console.encode_utf16().eq(name.iter().copied()))
}
