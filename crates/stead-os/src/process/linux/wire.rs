//! What Stead and its guardians say to each other: small fixed messages over a `SOCK_SEQPACKET`
//! pair, with descriptors beside them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// A run: one start of one program. Counts up from 1 in a launcher.
pub(super) type RunId = u32;

/// The most descriptors a message carries.
pub(super) const MAX_DESCRIPTORS: usize = 5;

const WORDS: usize = 4;
const BYTES: usize = WORDS * 4;

/// What a guardian is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Start the program laid out in the first descriptor (`length` bytes), with the next three
    /// as its standard streams. The fifth is the folder of its cgroup, or the socket of the
    /// guardian to be made for it.
    Spawn { run: RunId, length: u32 },
    /// Send a signal to the program itself.
    Signal { run: RunId, signal: i32 },
    /// Send a signal and `SIGCONT` to every process of the tree.
    Ask { run: RunId, signal: i32 },
    /// Kill: the program itself, or where the guardian has but one tree, all of it.
    Kill { run: RunId },
}

/// What a guardian tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// `exec` has succeeded. `guardian` is the process the tree hangs from.
    Started { run: RunId, pid: i32, guardian: i32 },
    /// The program could not be started.
    Failed { run: RunId, step: Step, errno: i32 },
    /// The program itself has ended with this wait status.
    Exited { run: RunId, status: i32 },
    /// No process of the tree is left.
    Empty { run: RunId },
}

/// What a start was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Step {
    /// Nothing was forked.
    Fork = 1,
    Prepare,
    OpenFiles,
    User,
    Directory,
    Execute,
}

impl Step {
    pub(super) fn from_raw(raw: i32) -> Self {
        [
            Self::Fork,
            Self::Prepare,
            Self::OpenFiles,
            Self::User,
            Self::Directory,
        ]
        .into_iter()
        .find(|step| *step as i32 == raw)
        .unwrap_or(Self::Execute)
    }
}

/// A message of fixed size.
pub(super) trait Message: Sized {
    fn to_words(self) -> [i32; WORDS];
    fn from_words(words: [i32; WORDS]) -> Option<Self>;
}

impl Message for Request {
    fn to_words(self) -> [i32; WORDS] {
        match self {
            Self::Spawn { run, length } => [1, run.cast_signed(), length.cast_signed(), 0],
            Self::Signal { run, signal } => [2, run.cast_signed(), signal, 0],
            Self::Ask { run, signal } => [3, run.cast_signed(), signal, 0],
            Self::Kill { run } => [4, run.cast_signed(), 0, 0],
        }
    }

    fn from_words([kind, run, value, _]: [i32; WORDS]) -> Option<Self> {
        let run = run.cast_unsigned();
        Some(match kind {
            1 => Self::Spawn {
                run,
                length: value.cast_unsigned(),
            },
            2 => Self::Signal { run, signal: value },
            3 => Self::Ask { run, signal: value },
            4 => Self::Kill { run },
            _ => return None,
        })
    }
}

impl Message for Report {
    fn to_words(self) -> [i32; WORDS] {
        match self {
            Self::Started { run, pid, guardian } => [1, run.cast_signed(), pid, guardian],
            Self::Failed { run, step, errno } => [2, run.cast_signed(), step as i32, errno],
            Self::Exited { run, status } => [3, run.cast_signed(), status, 0],
            Self::Empty { run } => [4, run.cast_signed(), 0, 0],
        }
    }

    fn from_words([kind, run, first, second]: [i32; WORDS]) -> Option<Self> {
        let run = run.cast_unsigned();
        Some(match kind {
            1 => Self::Started {
                run,
                pid: first,
                guardian: second,
            },
            2 => Self::Failed {
                run,
                step: Step::from_raw(first),
                errno: second,
            },
            3 => Self::Exited { run, status: first },
            4 => Self::Empty { run },
            _ => return None,
        })
    }
}

/// Sends one message. Waits for room, which the other side always makes soon.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    message: impl Message,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut bytes = [0; BYTES];
    for (to, word) in bytes.chunks_exact_mut(4).zip(message.to_words()) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    loop {
        match sendmsg(
            socket,
            &[IoSlice::new(&bytes)],
            &mut control,
            SendFlags::NOSIGNAL,
        ) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// What [`receive`] found.
#[derive(Debug)]
pub(super) enum Received<M> {
    /// A message and the descriptors that came with it.
    Message(M, Descriptors),
    /// Nothing now.
    Nothing,
    /// The other side is gone.
    Gone,
}

/// Descriptors in the order they were sent.
#[derive(Debug, Default)]
pub(super) struct Descriptors([Option<OwnedFd>; MAX_DESCRIPTORS]);

impl Descriptors {
    /// Takes one out.
    pub(super) fn take(&mut self, index: usize) -> Option<OwnedFd> {
        self.0.get_mut(index)?.take()
    }
}

/// Takes one message if there is one.
pub(super) fn receive<M: Message>(socket: BorrowedFd<'_>) -> Received<M> {
    let mut bytes = [0; BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let length = loop {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        match recvmsg(socket.as_fd(), &mut parts, &mut control, flags) {
            Ok(received) => break received.bytes,
            // A peer that closed before it had read everything (a kill that came when its tree was
            // gone already) is told of once, ahead of its last messages.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            Err(Errno::AGAIN) => return Received::Nothing,
            Err(_) => return Received::Gone,
        }
    };
    let mut descriptors = Descriptors::default();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            for (slot, descriptor) in descriptors.0.iter_mut().zip(received) {
                *slot = Some(descriptor);
            }
        }
    }
    let mut words = [0; WORDS];
    for (word, from) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = i32::from_ne_bytes([from[0], from[1], from[2], from[3]]);
    }
    if length != BYTES {
        return Received::Gone;
    }
    match M::from_words(words) {
        Some(message) => Received::Message(message, descriptors),
        None => Received::Gone,
    }
}
