//! The program the Windows tests start: its first argument says what it does.
//!
//! Where it has something to tell, that is one line on standard output.
#![cfg_attr(
    windows,
    allow(
        clippy::print_stdout,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::disallowed_methods,
        clippy::zombie_processes,
        unsafe_code,
        reason = "a fixture: it plays the programs that Stead keeps"
    )
)]

#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let role = arguments[0].to_str().unwrap();
    windows::play(role, &arguments[1..])
}

#[cfg(windows)]
mod windows {
    use std::ffi::OsString;
    use std::io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _};
    use std::os::windows::ffi::OsStrExt as _;
    use std::os::windows::process::CommandExt as _;
    use std::process::{Command, ExitCode};

    use windows_sys::Win32::Foundation::{HANDLE, HWND, LPARAM, LRESULT, WPARAM};
    use windows_sys::Win32::System::Console::{CTRL_C_EVENT, SetConsoleCtrlHandler};
    use windows_sys::Win32::System::LibraryLoader::GetModuleHandleW;
    use windows_sys::Win32::System::Threading::{DETACHED_PROCESS, ExitProcess};
    use windows_sys::Win32::UI::WindowsAndMessaging::{
        CreateWindowExW, DefWindowProcW, DispatchMessageW, GetMessageW, MSG, PostQuitMessage,
        RegisterClassW, WM_CLOSE, WNDCLASSW, WS_OVERLAPPEDWINDOW,
    };

    use stead_os::process::{
        CgroupMode, Exit, Launcher, LauncherOptions, Limits, Output, Process, Signal, Stdin,
    };

    pub(super) fn play(role: &str, arguments: &[OsString]) -> ExitCode {
        match role {
            "exit" => {
                let code: u32 = number(&arguments[0]);
                // SAFETY: ends the process; an ExitCode has 8 bits only.
                unsafe { ExitProcess(code) }
            }
            "arguments" => tell(&format!(
                "{:?}",
                arguments.iter().map(units).collect::<Vec<_>>()
            )),
            "environment" => {
                for (name, value) in std::env::vars() {
                    tell(&format!("{name}={value}"));
                }
            }
            "directory" => tell(&std::env::current_dir().unwrap().display().to_string()),
            "bytes" => {
                let all: Vec<u8> = (0..=u8::MAX).collect();
                std::io::stdout().write_all(&all).unwrap();
                let back: Vec<u8> = (0..=u8::MAX).rev().collect();
                std::io::stderr().write_all(&back).unwrap();
            }
            "read" => {
                let mut input = Vec::new();
                std::io::stdin().read_to_end(&mut input).unwrap();
                tell(&format!("{} bytes", input.len()));
            }
            "wait" => wait(),
            "family" => {
                tell(&start_child(0));
                wait();
            }
            "orphan" => tell(&start_child(DETACHED_PROCESS)),
            "graceful" => graceful(),
            "stubborn" => {
                // SAFETY: sets a flag of this process.
                unsafe { SetConsoleCtrlHandler(None, 1) };
                wait();
            }
            "window" => return window(),
            "allocate" => allocate(number(&arguments[0])),
            "spin" => spin(number(&arguments[0])),
            "handle" => tell(&handle_is_open(number(&arguments[0])).to_string()),
            "own" => own(&arguments[0]),
            "own-deaf" => return own_deaf(&arguments[0]),
            other => panic!("no role {other}"),
        }
        ExitCode::SUCCESS
    }

    fn tell(line: &str) {
        let mut out = std::io::stdout();
        writeln!(out, "{line}").unwrap();
        out.flush().unwrap();
    }

    /// Says that the role is being played, and plays it until it is ended.
    fn wait() -> ! {
        tell("ready");
        loop {
            std::thread::park();
        }
    }

    fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(argument: &OsString) -> T {
        argument.to_str().unwrap().parse().unwrap()
    }

    fn units(argument: &OsString) -> Vec<u16> {
        argument.encode_wide().collect()
    }

    /// Starts a child that waits, and gives its id once it does.
    fn start_child(flags: u32) -> String {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("wait")
            .creation_flags(flags)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0];
        child.stdout.take().unwrap().read_exact(&mut ready).unwrap();
        child.id().to_string()
    }

    /// Ends with 7 on Ctrl+C.
    fn graceful() -> ! {
        unsafe extern "system" fn on_event(event: u32) -> i32 {
            if event == CTRL_C_EVENT {
                tell("stopping");
                // SAFETY: ends the process.
                unsafe { ExitProcess(7) };
            }
            0
        }
        // SAFETY: the handler is a function of this program.
        unsafe { SetConsoleCtrlHandler(Some(on_event), 1) };
        wait();
    }

    /// Has a window; ends with 9 when that is asked to close.
    fn window() -> ExitCode {
        unsafe extern "system" fn on_message(
            window: HWND,
            message: u32,
            wide: WPARAM,
            long: LPARAM,
        ) -> LRESULT {
            if message == WM_CLOSE {
                // SAFETY: posts to this thread.
                unsafe { PostQuitMessage(9) };
                return 0;
            }
            // SAFETY: passes on what the system has given.
            unsafe { DefWindowProcW(window, message, wide, long) }
        }
        let name: Vec<u16> = "probe\0".encode_utf16().collect();
        // SAFETY: names end in NUL, and the class and the window live as long as this program.
        unsafe {
            let class = WNDCLASSW {
                lpfnWndProc: Some(on_message),
                hInstance: GetModuleHandleW(std::ptr::null()),
                lpszClassName: name.as_ptr(),
                ..Default::default()
            };
            assert_ne!(RegisterClassW(&raw const class), 0);
            let window = CreateWindowExW(
                0,
                name.as_ptr(),
                name.as_ptr(),
                WS_OVERLAPPEDWINDOW,
                0,
                0,
                100,
                100,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                class.hInstance,
                std::ptr::null(),
            );
            assert!(!window.is_null(), "{}", std::io::Error::last_os_error());
            tell("ready");
            let mut message = MSG::default();
            while GetMessageW(&raw mut message, std::ptr::null_mut(), 0, 0) > 0 {
                DispatchMessageW(&raw const message);
            }
            ExitCode::from(u8::try_from(message.wParam).unwrap())
        }
    }

    fn allocate(mebibytes: usize) {
        let block = vec![1_u8; mebibytes << 20];
        tell(
            &block
                .iter()
                .map(|byte| usize::from(*byte))
                .sum::<usize>()
                .to_string(),
        );
        wait();
    }

    /// Uses the processor for a while, then waits.
    fn spin(milliseconds: u64) {
        let until = std::time::Instant::now() + std::time::Duration::from_millis(milliseconds);
        while std::time::Instant::now() < until {
            std::hint::spin_loop();
        }
        wait();
    }

    /// Whether a handle of this number is open here.
    fn handle_is_open(number: usize) -> bool {
        let mut flags = 0;
        let handle: HANDLE = std::ptr::without_provenance_mut(number);
        // SAFETY: the system refuses a number that is no handle.
        unsafe { windows_sys::Win32::Foundation::GetHandleInformation(handle, &raw mut flags) != 0 }
    }

    /// Plays Stead: keeps a program with a child of its own, and tells both their ids.
    fn own(runs: &OsString) -> ! {
        let (_launcher, mut process) = keep(runs, "family");
        let mut out = BufReader::new(process.take_stdout().unwrap());
        let child = line_of(&mut out);
        tell(&format!("{} {child}", process.id()));
        loop {
            std::thread::park();
        }
    }

    /// Plays a Stead that was started with Ctrl+C turned off: asks a program to stop, and ends
    /// with its exit code.
    fn own_deaf(runs: &OsString) -> ExitCode {
        // SAFETY: sets a flag of this process.
        unsafe { SetConsoleCtrlHandler(None, 1) };
        let (_launcher, mut process) = keep(runs, "graceful");
        let mut out = BufReader::new(process.take_stdout().unwrap());
        assert_eq!(line_of(&mut out), "ready");
        process.ask(Signal(15));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        match runtime.block_on(process.exit()) {
            Exit::Code(code) => ExitCode::from(u8::try_from(code).unwrap()),
            Exit::Signal(_) => unreachable!("Windows has no signals"),
        }
    }

    fn keep(runs: &OsString, role: &str) -> (Launcher, Process) {
        let launcher = Launcher::start(LauncherOptions {
            runs: runs.into(),
            cgroup: CgroupMode::Off,
        })
        .unwrap();
        let command = stead_os::process::Command {
            name: "probe".to_owned(),
            program: std::env::current_exe().unwrap(),
            arguments: vec![role.into()],
            directory: std::env::current_dir().unwrap(),
            environment: std::env::vars_os().collect(),
            user: None,
            limits: Limits::default(),
            stdin: Stdin::Null,
            stdout: Output::Pipe,
            stderr: Output::Inherit,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let process = runtime.block_on(launcher.spawn(command)).unwrap();
        (launcher, process)
    }

    fn line_of(out: &mut BufReader<PipeReader>) -> String {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
