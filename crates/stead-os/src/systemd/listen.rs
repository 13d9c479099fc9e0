//! Sockets that systemd opened for this process, by the protocol of `sd_listen_fds(3)`.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketType, sockopt};

/// The first of them; the others follow it without a gap.
const FIRST: RawFd = 3;
/// As many as are taken; more than any unit has.
const MAX_SOCKETS: RawFd = 4096;

/// They can be taken once: whoever has them closes them, and the numbers are others' after that.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The sockets, each until it is taken out.
#[derive(Debug, Default)]
pub struct Sockets {
    sockets: Vec<(String, OwnedFd)>,
}

/// What is wrong with what was handed over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// A variable that makes no sense.
    #[error("{variable} makes no sense: {value:?}")]
    Variable {
        /// Which.
        variable: &'static str,
        /// What it holds.
        value: String,
    },
    /// A descriptor that was promised and is not open.
    #[error("the descriptor {descriptor} was to be a socket from systemd")]
    Descriptor {
        /// Its number.
        descriptor: RawFd,
        /// Why it is none.
        #[source]
        source: io::Error,
    },
    /// A socket of another kind than wanted.
    #[error("the socket {name} from systemd is no {wanted}")]
    Kind {
        /// Its name.
        name: String,
        /// What was wanted.
        wanted: &'static str,
    },
}

/// Takes the sockets that systemd opened for this process: none if it opened none, if they are
/// another process's (`LISTEN_PID`), or if they were taken before. From now on programs that this
/// one starts do not inherit them. The variables stay, since no other thread may be reading them
/// when they go, and mean nothing to another process.
///
/// A socket's name is `FileDescriptorName=` of its unit, by default the unit's own:
/// `orders.socket`.
pub fn sockets() -> Result<Sockets, ListenError> {
    let variable = |name| std::env::var(name).ok();
    let Some(listed) = listed(variable, std::process::id())? else {
        return Ok(Sockets::default());
    };
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(Sockets::default());
    }
    let sockets = listed.into_iter().zip(FIRST..).map(|(name, descriptor)| {
        // SAFETY: it is only asked whether the descriptor is open, which is no error if it is not.
        let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        fcntl_setfd(borrowed, FdFlags::CLOEXEC).map_err(|error| ListenError::Descriptor {
            descriptor,
            source: error.into(),
        })?;
        // SAFETY: it is open, and systemd opened it for this process, which takes it only here
        // and, by `TAKEN`, only now.
        Ok((name, unsafe { OwnedFd::from_raw_fd(descriptor) }))
    });
    Ok(Sockets {
        sockets: sockets.collect::<Result<_, _>>()?,
    })
}

/// The names of the sockets that are there for a process.
fn listed(
    variable: impl Fn(&'static str) -> Option<String>,
    process: u32,
) -> Result<Option<Vec<String>>, ListenError> {
    let number = |name: &'static str| match variable(name) {
        None => Ok(None),
        Some(value) => match value.parse::<u32>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(ListenError::Variable {
                variable: name,
                value,
            }),
        },
    };
    if number("LISTEN_PID")? != Some(process) {
        return Ok(None);
    }
    let Some(count) = number("LISTEN_FDS")? else {
        return Ok(None);
    };
    if count > MAX_SOCKETS.cast_unsigned() {
        return Err(ListenError::Variable {
            variable: "LISTEN_FDS",
            value: count.to_string(),
        });
    }
    let count = count as usize;
    let Some(value) = variable("LISTEN_FDNAMES") else {
        return Ok(Some(vec!["unknown".to_owned(); count]));
    };
    let names: Vec<String> = value.split(':').map(str::to_owned).collect();
    if names.len() != count && !(count == 0 && value.is_empty()) {
        return Err(ListenError::Variable {
            variable: "LISTEN_FDNAMES",
            value,
        });
    }
    Ok(Some(if count == 0 { Vec::new() } else { names }))
}

impl Sockets {
    /// The names of those that are left, in systemd's order. One name may be of several.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sockets.iter().map(|(name, _)| name.as_str())
    }

    /// Takes out the first listening TCP socket of this name.
    pub fn tcp_listener(&mut self, name: &str) -> Result<Option<TcpListener>, ListenError> {
        self.take(name, "listening TCP socket", |socket| {
            is(
                socket,
                &[AddressFamily::INET, AddressFamily::INET6],
                SocketType::STREAM,
            )
        })
    }

    /// Takes out the first UDP socket of this name.
    pub fn udp_socket(&mut self, name: &str) -> Result<Option<UdpSocket>, ListenError> {
        self.take(name, "UDP socket", |socket| {
            is(
                socket,
                &[AddressFamily::INET, AddressFamily::INET6],
                SocketType::DGRAM,
            )
        })
    }

    /// Takes out the first listening Unix socket of this name.
    pub fn unix_listener(&mut self, name: &str) -> Result<Option<UnixListener>, ListenError> {
        self.take(name, "listening Unix socket", |socket| {
            is(socket, &[AddressFamily::UNIX], SocketType::STREAM)
        })
    }

    /// Takes out the first Unix datagram socket of this name.
    pub fn unix_datagram(&mut self, name: &str) -> Result<Option<UnixDatagram>, ListenError> {
        self.take(name, "Unix datagram socket", |socket| {
            is(socket, &[AddressFamily::UNIX], SocketType::DGRAM)
        })
    }

    /// The first of this name is taken, whatever it is; one of another kind stays and is an error.
    fn take<T: From<OwnedFd>>(
        &mut self,
        name: &str,
        wanted: &'static str,
        fits: impl Fn(BorrowedFd<'_>) -> bool,
    ) -> Result<Option<T>, ListenError> {
        let Some(at) = self.names().position(|it| it == name) else {
            return Ok(None);
        };
        if !fits(self.sockets[at].1.as_fd()) {
            return Err(ListenError::Kind {
                name: name.to_owned(),
                wanted,
            });
        }
        Ok(Some(self.sockets.remove(at).1.into()))
    }
}

fn is(socket: BorrowedFd<'_>, families: &[AddressFamily], kind: SocketType) -> bool {
    let family = sockopt::socket_domain(socket).is_ok_and(|it| families.contains(&it));
    let of_kind = sockopt::socket_type(socket) == Ok(kind);
    // `Accept=yes` hands over connections.
    let listens = kind != SocketType::STREAM || sockopt::socket_acceptconn(socket) == Ok(true);
    family && of_kind && listens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Vec<String>>, ListenError> {
        let find = |name: &str| variables.iter().find(|it| it.0 == name);
        listed(|name| find(name).map(|it| it.1.to_owned()), 7)
    }

    #[test]
    fn only_this_process_s_are_listed() {
        assert_eq!(of(&[]).unwrap(), None);
        assert_eq!(
            of(&[("LISTEN_PID", "8"), ("LISTEN_FDS", "1")]).unwrap(),
            None
        );
        let ours = [("LISTEN_PID", "7"), ("LISTEN_FDS", "2")];
        assert_eq!(of(&ours).unwrap().unwrap(), ["unknown", "unknown"]);
        let named = [&ours[..], &[("LISTEN_FDNAMES", "a:b")]].concat();
        assert_eq!(of(&named).unwrap().unwrap(), ["a", "b"]);
        for bad in [
            &[("LISTEN_PID", "x")][..],
            &[("LISTEN_PID", "7"), ("LISTEN_FDS", "-1")],
            &[("LISTEN_PID", "7"), ("LISTEN_FDS", "5000")],
            &[
                ("LISTEN_PID", "7"),
                ("LISTEN_FDS", "2"),
                ("LISTEN_FDNAMES", "a"),
            ],
        ] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_socket_is_taken_as_what_it_is_and_once() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sockets = Sockets {
            sockets: vec![("a".to_owned(), tcp.into()), ("b".to_owned(), udp.into())],
        };
        assert!(sockets.udp_socket("a").is_err());
        assert!(sockets.tcp_listener("b").is_err());
        assert!(sockets.unix_listener("a").is_err());
        assert!(sockets.tcp_listener("c").unwrap().is_none());
        let taken = sockets.tcp_listener("a").unwrap().unwrap();
        assert_eq!(taken.local_addr().unwrap(), address);
        assert!(sockets.tcp_listener("a").unwrap().is_none());
        assert_eq!(sockets.names().collect::<Vec<_>>(), ["b"]);
    }
}
