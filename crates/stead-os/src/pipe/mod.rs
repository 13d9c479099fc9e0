//! Named pipes for local control on Windows: what a socket file of mode 0600 is elsewhere.
//!
//! A [`Listener`] admits the user it runs as, the system and administrators, from this machine
//! only, and [`connect`] talks to nobody else's pipe: without that, any user could make a pipe of
//! that name first and be told what was meant for Stead.
//!
//! Both ends read and write bytes as tokio's streams do, so a server can take a [`Connection`]
//! and a `UnixStream` alike.

mod security;

use std::io;
use std::os::windows::io::{AsHandle as _, AsRawHandle as _, BorrowedHandle};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::windows::named_pipe::{
    ClientOptions, NamedPipeClient, NamedPipeServer, ServerOptions,
};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_PIPE_BUSY, ERROR_SEM_TIMEOUT};
use windows_sys::Win32::System::Pipes::{GetNamedPipeClientProcessId, WaitNamedPipeW};

use crate::wide;
use security::Descriptor;

/// The server's end of a connection.
pub type Connection = NamedPipeServer;

/// The client's end of a connection.
pub type Client = NamedPipeClient;

/// How long [`connect`] waits for a server that is busy with other clients.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A pipe that clients connect to.
#[derive(Debug)]
pub struct Listener {
    name: PathBuf,
    descriptor: Descriptor,
    /// The instance the next client gets.
    waiting: NamedPipeServer,
}

impl Listener {
    /// Creates the pipe `name` (`\\.\pipe\…`).
    ///
    /// Fails with [`io::ErrorKind::AddrInUse`] if there is one of that name, whoever made it. To be
    /// called within a tokio runtime.
    pub fn bind(name: impl Into<PathBuf>) -> io::Result<Self> {
        let name = name.into();
        let descriptor = Descriptor::for_this_user()?;
        let waiting = instance(&name, &descriptor, true).map_err(|error| {
            // What the system says when the first instance is not the first.
            if is(&error, ERROR_ACCESS_DENIED) {
                let taken = format!("the pipe {} exists already", name.display());
                return io::Error::new(io::ErrorKind::AddrInUse, taken);
            }
            error
        })?;
        Ok(Self {
            name,
            descriptor,
            waiting,
        })
    }

    /// The pipe's name.
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Waits for the next client. Nothing is lost if the future is dropped.
    pub async fn accept(&mut self) -> io::Result<Connection> {
        self.waiting.connect().await?;
        // If this fails, the client stays where it is and the next call takes it up again.
        let next = instance(&self.name, &self.descriptor, false)?;
        Ok(std::mem::replace(&mut self.waiting, next))
    }
}

/// The process id of the client at the other end.
pub fn client_pid(connection: &Connection) -> io::Result<u32> {
    let mut pid = 0;
    // SAFETY: the handle is open and `pid` outlives the call.
    let done = unsafe { GetNamedPipeClientProcessId(connection.as_raw_handle(), &raw mut pid) };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(pid)
}

/// Connects to the pipe `name`, waiting up to [`CONNECT_TIMEOUT`] while all its instances are
/// taken.
///
/// Fails with [`io::ErrorKind::NotFound`] if nobody listens, and with
/// [`io::ErrorKind::PermissionDenied`] if the pipe does not admit this user, or belongs to
/// somebody who is neither this user nor the system nor an administrator.
pub async fn connect(name: impl AsRef<Path>) -> io::Result<Client> {
    let name = name.as_ref();
    let connecting = async {
        loop {
            match ClientOptions::new().open(name) {
                Err(error) if is(&error, ERROR_PIPE_BUSY) => wait_for_instance(name).await?,
                opened => return opened,
            }
        }
    };
    let client = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
    // SAFETY: the handle is open as long as `client`, which outlives the borrow.
    let handle = unsafe { BorrowedHandle::borrow_raw(client.as_raw_handle()) };
    if security::is_trusted(handle.as_handle())? {
        Ok(client)
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("the pipe {} belongs to another user", name.display()),
        ))
    }
}

/// Waits until an instance of the pipe is free; another client may still be faster.
async fn wait_for_instance(name: &Path) -> io::Result<()> {
    let name = wide::with_nul(name.as_os_str());
    // The thread is free again after this time at the latest, whoever still waits for it.
    let limit = u32::try_from(CONNECT_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    let waited = tokio::task::spawn_blocking(move || {
        // SAFETY: the name ends in NUL and outlives the call.
        match unsafe { WaitNamedPipeW(name.as_ptr(), limit) } {
            0 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    });
    match waited.await.map_err(io::Error::other)? {
        Err(error) if is(&error, ERROR_SEM_TIMEOUT) => Err(io::ErrorKind::TimedOut.into()),
        waited => waited,
    }
}

fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code.cast_signed())
}

fn instance(name: &Path, descriptor: &Descriptor, first: bool) -> io::Result<NamedPipeServer> {
    let mut options = ServerOptions::new();
    options
        .first_pipe_instance(first)
        .reject_remote_clients(true);
    descriptor.with_attributes(|attributes| {
        // SAFETY: the attributes are a valid SECURITY_ATTRIBUTES for the time of the call.
        unsafe { options.create_with_security_attributes_raw(name, attributes) }
    })
}
