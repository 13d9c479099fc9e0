//! `CreateProcessW`: in the job from the first instruction, with its three standard handles and no
//! other.

use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::os::windows::io::{
    AsHandle as _, AsRawHandle, BorrowedHandle, FromRawHandle as _, OwnedHandle,
};
use std::path::{Path, PathBuf};
use std::ptr;

use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, ERROR_ACCESS_DENIED, ERROR_BAD_EXE_FORMAT,
    ERROR_DIRECTORY, ERROR_EXE_MACHINE_TYPE_MISMATCH, ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND,
    HANDLE,
};
use windows_sys::Win32::System::Console::{
    GetConsoleMode, GetStdHandle, STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW, CREATE_UNICODE_ENVIRONMENT, CreateProcessW,
    DeleteProcThreadAttributeList, EXTENDED_STARTUPINFO_PRESENT, GetCurrentProcess,
    InitializeProcThreadAttributeList, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
    PROC_THREAD_ATTRIBUTE_JOB_LIST, PROCESS_INFORMATION, STARTF_USESTDHANDLES, STARTUPINFOEXW,
    UpdateProcThreadAttribute,
};

use super::command_line;
use super::job::{Job, check};
use crate::process::{Command, Output, SpawnError, Stdin};
use crate::wide;

/// The variable that names a run.
const INVOCATION: &str = "STEAD_INVOCATION";

/// A process that runs.
pub(super) struct Created {
    pub(super) id: u32,
    pub(super) process: OwnedHandle,
    /// Whether it is on our console rather than on one of its own.
    pub(super) on_our_console: bool,
    pub(super) stdout: Option<PipeReader>,
    pub(super) stderr: Option<PipeReader>,
}

/// Creates the command's process in `job`; `invocation` names this run to it.
pub(super) fn create(
    command: &Command,
    invocation: OsString,
    job: &Job,
) -> Result<Created, SpawnError> {
    let program = executable(&command.program)?;
    let directory = plain(&command.directory);
    enterable(directory)?;
    let start = command_line::start(plain(&program), &command.arguments).map_err(|source| {
        SpawnError::Os {
            action: "pass the arguments on",
            source,
        }
    })?;
    let mut variables = command.environment.clone();
    variables.push((INVOCATION.into(), invocation));
    let environment = command_line::environment(&variables).map_err(|source| SpawnError::Os {
        action: "pass the environment on",
        source,
    })?;
    let streams = Streams::open(command).map_err(|source| SpawnError::Os {
        action: "open the standard streams",
        source,
    })?;
    let created = launch(&start, directory, &environment, &streams, job);
    let process = created.map_err(|source| explain(source, command, program))?;
    Ok(Created {
        id: process.id,
        process: process.handle,
        on_our_console: streams.terminal,
        stdout: streams.stdout,
        stderr: streams.stderr,
    })
}

struct Launched {
    id: u32,
    handle: OwnedHandle,
}

fn launch(
    start: &command_line::Start,
    directory: &Path,
    environment: &[u16],
    streams: &Streams,
    job: &Job,
) -> io::Result<Launched> {
    let handles = streams.child.each_ref().map(AsRawHandle::as_raw_handle);
    let jobs = [job.raw()];
    // Declared after what it refers to, so it goes first.
    let mut attributes = AttributeList::new(2)?;
    attributes.set(PROC_THREAD_ATTRIBUTE_HANDLE_LIST, &handles)?;
    attributes.set(PROC_THREAD_ATTRIBUTE_JOB_LIST, &jobs)?;

    let mut startup = STARTUPINFOEXW::default();
    startup.StartupInfo.cb = u32::try_from(size_of::<STARTUPINFOEXW>()).unwrap_or(0);
    startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    [
        startup.StartupInfo.hStdInput,
        startup.StartupInfo.hStdOutput,
        startup.StartupInfo.hStdError,
    ] = handles;
    startup.lpAttributeList = attributes.0.as_mut_ptr().cast();

    // A console of its own, unseen, so that Ctrl+C can be sent to this tree and to nothing else.
    // A program that talks to the terminal shares the terminal's console; it is a group of its
    // own there, so that the user's Ctrl+C goes to Stead, which then stops it in its turn.
    let console = if streams.terminal {
        CREATE_NEW_PROCESS_GROUP
    } else {
        CREATE_NO_WINDOW
    };
    let application = wide::with_nul(start.application.as_os_str());
    let mut line = start.line.clone();
    let folder = wide::with_nul(directory.as_os_str());
    let mut information = PROCESS_INFORMATION::default();
    // SAFETY: every string ends in NUL and the block in two; the command line is writable; the
    // attribute list and what it refers to outlive the call; handles to inherit are inheritable.
    check(unsafe {
        CreateProcessW(
            application.as_ptr(),
            line.as_mut_ptr(),
            ptr::null(),
            ptr::null(),
            1,
            console | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT,
            environment.as_ptr().cast(),
            folder.as_ptr(),
            &raw const startup.StartupInfo,
            &raw mut information,
        )
    })?;
    // SAFETY: the call has given us both handles.
    let (handle, thread) = unsafe {
        (
            OwnedHandle::from_raw_handle(information.hProcess),
            OwnedHandle::from_raw_handle(information.hThread),
        )
    };
    drop(thread);
    Ok(Launched {
        id: information.dwProcessId,
        handle,
    })
}

/// The three standard streams: the child's ends, inheritable, and our ends of the pipes.
struct Streams {
    child: [OwnedHandle; 3],
    stdout: Option<PipeReader>,
    stderr: Option<PipeReader>,
    /// Whether the child gets a handle of our console.
    terminal: bool,
}

impl Streams {
    fn open(command: &Command) -> io::Result<Self> {
        let mut terminal = false;
        let stdin = match command.stdin {
            Stdin::Null => null()?,
            Stdin::Inherit => inherited(STD_INPUT_HANDLE, &mut terminal)?,
        };
        let (out, stdout) = output(command.stdout, STD_OUTPUT_HANDLE, &mut terminal)?;
        let (err, stderr) = output(command.stderr, STD_ERROR_HANDLE, &mut terminal)?;
        Ok(Self {
            child: [stdin, out, err],
            stdout,
            stderr,
            terminal,
        })
    }
}

fn output(
    output: Output,
    which: STD_HANDLE,
    terminal: &mut bool,
) -> io::Result<(OwnedHandle, Option<PipeReader>)> {
    Ok(match output {
        Output::Pipe => {
            let (reader, writer) = io::pipe()?;
            (inheritable(writer.as_handle())?, Some(reader))
        }
        Output::Inherit => (inherited(which, terminal)?, None),
        Output::Null => (null()?, None),
    })
}

fn null() -> io::Result<OwnedHandle> {
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("NUL")?;
    inheritable(null.as_handle())
}

/// Our own stream, or nothing where we have none, as a service.
fn inherited(which: STD_HANDLE, terminal: &mut bool) -> io::Result<OwnedHandle> {
    // SAFETY: asks for a handle and takes no ownership of it.
    let handle = unsafe { GetStdHandle(which) };
    if handle.is_null() {
        return null();
    }
    let mut mode = 0;
    // SAFETY: the system refuses what is no console; `mode` outlives the call.
    *terminal |= unsafe { GetConsoleMode(handle, &raw mut mode) } != 0;
    // SAFETY: the process's own stream stays open while it runs; a stale one is refused below.
    let handle = unsafe { BorrowedHandle::borrow_raw(handle) };
    inheritable(handle).or_else(|_| null())
}

fn inheritable(handle: BorrowedHandle<'_>) -> io::Result<OwnedHandle> {
    let mut duplicate: HANDLE = ptr::null_mut();
    // SAFETY: the source is open or refused; the target outlives the call.
    check(unsafe {
        DuplicateHandle(
            GetCurrentProcess(),
            handle.as_raw_handle(),
            GetCurrentProcess(),
            &raw mut duplicate,
            0,
            1,
            DUPLICATE_SAME_ACCESS,
        )
    })?;
    // SAFETY: the call above made this handle, and nothing else owns it.
    Ok(unsafe { OwnedHandle::from_raw_handle(duplicate) })
}

/// A process creation's attributes, in words for the alignment.
struct AttributeList(Vec<usize>);

impl AttributeList {
    fn new(count: u32) -> io::Result<Self> {
        let mut bytes = 0;
        // SAFETY: without a list, the call says how much room one needs.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), count, 0, &raw mut bytes) };
        let mut list = vec![0; bytes.div_ceil(size_of::<usize>())];
        // SAFETY: the list has the room asked for.
        check(unsafe {
            InitializeProcThreadAttributeList(list.as_mut_ptr().cast(), count, 0, &raw mut bytes)
        })?;
        Ok(Self(list))
    }

    /// `handles` must outlive the list's use.
    fn set(&mut self, attribute: u32, handles: &[HANDLE]) -> io::Result<()> {
        // SAFETY: the list is initialised; the caller keeps the value alive.
        check(unsafe {
            UpdateProcThreadAttribute(
                self.0.as_mut_ptr().cast(),
                0,
                attribute as usize,
                handles.as_ptr().cast(),
                size_of_val(handles),
                ptr::null_mut(),
                ptr::null(),
            )
        })
    }
}

impl Drop for AttributeList {
    fn drop(&mut self) {
        // SAFETY: it was initialised when it was made.
        unsafe { DeleteProcThreadAttributeList(self.0.as_mut_ptr().cast()) };
    }
}

/// The executable's file: `.exe` may be left out, as everywhere on Windows.
fn executable(program: &Path) -> Result<PathBuf, SpawnError> {
    let mut with_exe = program.as_os_str().to_owned();
    with_exe.push(".exe");
    [program.to_owned(), PathBuf::from(with_exe)]
        .into_iter()
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| {
            if program.is_dir() {
                not_executable(program.to_owned())
            } else {
                SpawnError::NoExecutable(program.to_owned())
            }
        })
}

fn enterable(directory: &Path) -> Result<(), SpawnError> {
    let refused = |source| SpawnError::Directory {
        directory: directory.to_owned(),
        source,
    };
    let metadata = std::fs::metadata(directory).map_err(refused)?;
    if metadata.is_dir() {
        Ok(())
    } else {
        Err(refused(io::ErrorKind::NotADirectory.into()))
    }
}

fn explain(source: io::Error, command: &Command, program: PathBuf) -> SpawnError {
    match source.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND) => SpawnError::NoExecutable(program),
        Some(ERROR_ACCESS_DENIED) => not_executable(program),
        Some(ERROR_DIRECTORY) => SpawnError::Directory {
            directory: command.directory.clone(),
            source,
        },
        Some(ERROR_BAD_EXE_FORMAT | ERROR_EXE_MACHINE_TYPE_MISMATCH) => SpawnError::Os {
            action: "run what is no executable for this system",
            source,
        },
        _ => SpawnError::Os {
            action: "create the process",
            source,
        },
    }
}

fn not_executable(program: PathBuf) -> SpawnError {
    SpawnError::NotExecutable {
        program,
        user: std::env::var("USERNAME").unwrap_or_else(|_| "this user".to_owned()),
    }
}

/// The path as older programs know it: a working folder may not be a verbatim path, and many a
/// program is at a loss with one in `argv[0]`.
fn plain(path: &Path) -> &Path {
    use std::path::{Component, Prefix};
    match (path.components().next(), path.to_str()) {
        (Some(Component::Prefix(prefix)), Some(text))
            if matches!(prefix.kind(), Prefix::VerbatimDisk(_)) && text.len() < 260 =>
        {
            Path::new(text.trim_start_matches(r"\\?\"))
        }
        _ => path,
    }
}
