//! The journal in its native protocol: entries of named fields, one datagram each, by the
//! "Native Journal Protocol" of systemd.
//!
//! Nothing here waits. Where the journal does not take an entry at once, the entry is lost and
//! its sender told so: a log is never worth a service's time.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sendmsg_addr, socket_with,
};

/// Where the journal listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// The longest name of a field, in bytes; the journal drops fields with longer ones.
const MAX_NAME: usize = 64;

/// A way to the journal. It stays open while the journal is restarted.
#[derive(Debug)]
pub struct Journal {
    socket: OwnedFd,
    address: SocketAddrUnix,
}

/// One entry: fields in order. A name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    bytes: Vec<u8>,
}

impl Journal {
    /// The way to the system's journal. That it is there is seen only by [`Journal::send`].
    pub fn new() -> io::Result<Self> {
        Self::at(Path::new(SOCKET))
    }

    /// The way to a journal that listens elsewhere.
    pub fn at(path: &Path) -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok(Self {
            socket,
            address: SocketAddrUnix::new(path)?,
        })
    }

    /// Sends an entry, however large. It is lost with an error of kind
    /// [`io::ErrorKind::WouldBlock`] while the journal has too much to do, and with another if it
    /// is not there.
    pub fn send(&self, entry: &Entry) -> io::Result<()> {
        if entry.bytes.is_empty() {
            return Ok(());
        }
        match self.transmit(&entry.bytes, None) {
            Err(rustix::io::Errno::MSGSIZE | rustix::io::Errno::NOBUFS) => {
                let file = sealed(&entry.bytes)?;
                Ok(self.transmit(&[], Some(file.as_fd()))?)
            }
            result => Ok(result?),
        }
    }

    fn transmit(&self, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> rustix::io::Result<()> {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if let Some(descriptor) = &descriptor {
            control.push(SendAncillaryMessage::ScmRights(std::slice::from_ref(
                descriptor,
            )));
        }
        sendmsg_addr(
            &self.socket,
            &self.address,
            &[io::IoSlice::new(bytes)],
            &mut control,
            SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
        )
        .map(drop)
    }
}

impl Entry {
    /// An entry without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a field. Its name is made one that the journal takes: see [`field_name`]. One of which
    /// nothing is left is not added.
    pub fn put(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        let (name, value) = (field_name(name), value.as_ref());
        if name.is_empty() {
            return self;
        }
        self.bytes.extend_from_slice(name.as_bytes());
        if value.contains(&b'\n') {
            // The form with a length.
            self.bytes.push(b'\n');
            let length = value.len() as u64;
            self.bytes.extend_from_slice(&length.to_le_bytes());
        } else {
            self.bytes.push(b'=');
        }
        self.bytes.extend_from_slice(value);
        self.bytes.push(b'\n');
        self
    }
}

/// A name that the journal takes: ASCII capitals, digits and underscores, at most 64 of them, the
/// first a letter. What is neither becomes an underscore; leading ones are the journal's own.
pub fn field_name(name: &str) -> String {
    name.chars()
        .map(|it| match it.to_ascii_uppercase() {
            it @ ('A'..='Z' | '0'..='9') => it,
            _ => '_',
        })
        .skip_while(|it| !it.is_ascii_uppercase())
        .take(MAX_NAME)
        .collect()
}

/// Whether this process's stderr leads to the journal, so that it may speak to it directly.
///
/// `JOURNAL_STREAM` alone does not say so: it is inherited by programs whose stderr leads
/// elsewhere.
pub fn is_stderr() -> bool {
    let Some(named) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(rustix::stdio::stderr())
        .is_ok_and(|file| named.to_str() == Some(&format!("{}:{}", file.st_dev, file.st_ino)))
}

/// What is too large for a datagram goes as a file of memory that can no longer change.
fn sealed(bytes: &[u8]) -> io::Result<std::fs::File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = std::fs::File::from(memfd_create("journal-entry", flags)?);
    file.write_all(bytes)?;
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn entries_have_both_forms_of_fields() {
        let mut entry = Entry::new();
        entry
            .put("message", "a=b")
            .put("two.lines", "c\nd")
            .put("_", "x");
        assert_eq!(
            entry.bytes,
            b"MESSAGE=a=b\nTWO_LINES\n\x03\0\0\0\0\0\0\0c\nd\n"
        );
    }

    #[test]
    fn names_are_made_to_fit() {
        for (name, field) in [
            ("http.status", "HTTP_STATUS"),
            ("__REALTIME", "REALTIME"),
            ("1st", "ST"),
            ("é", ""),
            ("", ""),
        ] {
            assert_eq!(field_name(name), field);
        }
        assert_eq!(field_name(&"x".repeat(100)), "X".repeat(64));
    }

    #[test]
    fn a_journal_that_is_full_or_gone_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = Journal::at(&path).unwrap();
        let mut entry = Entry::new();
        entry.put("MESSAGE", "a");
        assert!(journal.send(&entry).is_err());
        let reader = UnixDatagram::bind(&path).unwrap();
        journal.send(&entry).unwrap();
        let mut bytes = [0; 32];
        let length = reader.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..length], b"MESSAGE=a\n");
        // Nobody reads: the queue is full at some time, and that is told at once.
        let full = (0..100_000).find_map(|_| journal.send(&entry).err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
        drop(reader);
        assert!(journal.send(&entry).is_err());
    }
}
