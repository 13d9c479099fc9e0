use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sendmsg_addr, socket_with,
};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{Field, Message};

/// Tells whoever supervises this process, by the socket that `NOTIFY_SOCKET` names: a path, or
/// `@` and an abstract name. Without the variable nothing happens and the answer is `false`.
pub fn send(fields: &[Field]) -> io::Result<bool> {
    match std::env::var_os("NOTIFY_SOCKET") {
        Some(address) if !address.is_empty() => {
            send_to(&address, fields, None)?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Waits until everything sent before was taken note of, at most for `timeout`: then the answer
/// is an error of kind [`io::ErrorKind::TimedOut`]. Blocks.
pub fn barrier(timeout: Duration) -> io::Result<bool> {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET").filter(|it| !it.is_empty()) else {
        return Ok(false);
    };
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    send_to(&address, &[Field::Barrier], Some(writer.as_fd()))?;
    drop(writer);
    let timeout = Timespec::try_from(timeout)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let mut polled = [PollFd::new(&reader, PollFlags::empty())];
    match poll(&mut polled, Some(&timeout))? {
        0 => Err(io::ErrorKind::TimedOut.into()),
        _ => Ok(true),
    }
}

pub(super) fn send_to(
    address: &OsStr,
    fields: &[Field],
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let address = parse_address(address)?;
    let datagram = Message(fields.to_vec()).to_datagram();
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if let Some(descriptor) = &descriptor {
        control.push(SendAncillaryMessage::ScmRights(std::slice::from_ref(
            descriptor,
        )));
    }
    sendmsg_addr(
        socket()?,
        &address,
        &[io::IoSlice::new(&datagram)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

/// The address of a notify socket: absolute path, or abstract with `@` for the leading NUL.
pub(super) fn parse_address(address: &OsStr) -> io::Result<SocketAddrUnix> {
    match address.as_bytes() {
        [b'@', name @ ..] if !name.is_empty() => Ok(abstract_address(name)?),
        [b'/', ..] => Ok(SocketAddrUnix::new(address)?),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the address of a notify socket is an absolute path or an abstract name after @",
        )),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_address(name: &[u8]) -> rustix::io::Result<SocketAddrUnix> {
    SocketAddrUnix::new_abstract_name(name)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn abstract_address(_name: &[u8]) -> rustix::io::Result<SocketAddrUnix> {
    Err(rustix::io::Errno::AFNOSUPPORT)
}

pub(super) fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        flags,
        None,
    )?)
}
