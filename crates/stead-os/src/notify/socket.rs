use std::ffi::{OsStr, OsString};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, bind, recvmsg, sockopt,
};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

use super::Message;
use super::sender::{parse_address, socket};

/// The longest message that is read, in bytes; longer ones are dropped.
pub const MAX_MESSAGE: usize = 4096;
/// The most descriptors that are taken with a message; the kernel allows no more.
const MAX_DESCRIPTORS: usize = 253;

/// The supervisor's end: what programs with this `NOTIFY_SOCKET` send comes here.
#[derive(Debug)]
pub struct NotifySocket {
    socket: UnixDatagram,
    address: OsString,
    /// Removed with the socket.
    path: Option<PathBuf>,
}

/// A message and who sent it.
#[derive(Debug)]
pub struct Received {
    /// The process that sent it, as the kernel says.
    pub pid: u32,
    /// What it says.
    pub message: Message,
    /// What came along: to be dropped, and so closed, when the message has been acted on. A
    /// sender that waits on a barrier waits for that.
    pub descriptors: Vec<OwnedFd>,
}

/// Why there is no notify socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the notify socket {}", .address.display())]
pub struct NotifyError {
    /// Where it was to be.
    pub address: OsString,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl NotifySocket {
    /// Listens at an absolute path, where a socket that is there already is replaced, or with a
    /// leading `@` at an abstract name (Linux). Every account may send to it: programs run as
    /// others than Stead does, and the receiver sees the process id.
    ///
    /// # Panics
    /// Outside a tokio runtime with IO.
    pub fn bind(address: &OsStr) -> Result<Self, NotifyError> {
        Self::try_bind(address).map_err(|source| NotifyError {
            address: address.to_owned(),
            source,
        })
    }

    fn try_bind(address: &OsStr) -> io::Result<Self> {
        let parsed = parse_address(address)?;
        let path = (!address.as_bytes().starts_with(b"@")).then(|| PathBuf::from(address));
        if let Some(path) = &path {
            remove_socket(path)?;
        }
        let socket = socket()?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        // Before the address exists: no message is without credentials.
        sockopt::set_socket_passcred(&socket, true)?;
        bind(&socket, &parsed)?;
        if let Some(path) = &path {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))?;
        }
        Ok(Self {
            socket: UnixDatagram::from_std(socket.into())?,
            address: address.to_owned(),
            path,
        })
    }

    /// The value for `NOTIFY_SOCKET`.
    pub fn address(&self) -> &OsStr {
        &self.address
    }

    /// The next message. Messages that are too long or come without credentials are dropped.
    /// Safe to cancel.
    pub async fn recv(&self) -> io::Result<Received> {
        loop {
            let taken = self
                .socket
                .async_io(Interest::READABLE, || receive(&self.socket));
            if let Some(received) = taken.await? {
                return Ok(received);
            }
        }
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Whoever removed it before us has done no harm.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Takes one datagram; `None` for one that does not count.
fn receive(socket: &UnixDatagram) -> io::Result<Option<Received>> {
    let mut bytes = [0; MAX_MESSAGE];
    let mut space =
        [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS), ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let result = rustix::io::retry_on_intr(|| {
        recvmsg(
            socket.as_fd(),
            &mut parts,
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    let (mut pid, mut descriptors) = (None, Vec::new());
    for message in control.drain() {
        match message {
            RecvAncillaryMessage::ScmRights(received) => descriptors.extend(received),
            RecvAncillaryMessage::ScmCredentials(sender) => {
                pid = Some(sender.pid.as_raw_nonzero().get().cast_unsigned());
            }
            _ => {}
        }
    }
    let Some(pid) = pid else { return Ok(None) };
    if result.flags.contains(ReturnFlags::TRUNC) {
        tracing::warn!(
            pid,
            limit = MAX_MESSAGE,
            "a notify message is too long and was dropped"
        );
        return Ok(None);
    }
    Ok(Some(Received {
        pid,
        message: Message::parse(&bytes[..result.bytes]),
        descriptors,
    }))
}

/// Removes a socket that a killed Stead left; anything else stays, and binding fails.
fn remove_socket(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is something else than a socket",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
