//! `sd_notify`: datagrams to the socket the supervisor names, in the protocol
//! of `sd_notify(3)`. Where none is named nothing is sent.

use std::time::Duration;

#[cfg(unix)]
pub(crate) use unix::Notifier;
#[cfg(not(unix))]
pub(crate) use without::Notifier;

impl Notifier {
    /// Sends a status of one line.
    pub(crate) fn status(&self, text: &str) {
        let line = text.replace(['\n', '\r'], " ");
        self.send(&format!("STATUS={line}"));
    }

    /// Says that what is pending goes on, and that another message comes within this time.
    pub(crate) fn extend(&self, within: Duration) {
        self.send(&format!("EXTEND_TIMEOUT_USEC={}", within.as_micros()));
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::time::Duration;

    use stead_os::notify::{Field, Message};

    /// How long a message may wait for room in the supervisor's queue.
    const SEND_TIMEOUT: Duration = Duration::from_secs(1);

    #[derive(Debug)]
    pub(crate) struct Notifier {
        target: Option<(UnixDatagram, SocketAddr)>,
    }

    impl Notifier {
        /// To `address`, a path or `@abstract`.
        pub(crate) fn new(address: Option<&OsStr>) -> Self {
            let target = address.and_then(|address| {
                open(address)
                    .inspect_err(|error| {
                        tracing::warn!(?address, %error, "cannot use NOTIFY_SOCKET");
                    })
                    .ok()
            });
            Self { target }
        }

        /// Sends one message; a failure is logged.
        pub(crate) fn send(&self, message: &str) {
            if let Some((socket, address)) = &self.target
                && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
            {
                tracing::warn!(message, %error, "the supervisor was not notified");
            }
        }
    }

    impl Notifier {
        /// Says that a reload begins. Type=notify-reload wants to know the moment in the same
        /// message.
        pub(crate) fn reloading(&self) {
            let message = Message(vec![Field::Reloading, Field::monotonic_now()]);
            self.send(&String::from_utf8_lossy(&message.to_datagram()));
        }
    }

    fn open(address: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
        let address = parse(address)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok((socket, address))
    }

    fn parse(address: &OsStr) -> io::Result<SocketAddr> {
        use std::os::unix::ffi::OsStrExt as _;
        match address.as_bytes() {
            [b'/', ..] => SocketAddr::from_pathname(address),
            #[cfg(target_os = "linux")]
            [b'@', name @ ..] => {
                use std::os::linux::net::SocketAddrExt as _;
                SocketAddr::from_abstract_name(name)
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is neither an absolute path nor an abstract name",
            )),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn addresses() {
            for (address, expected) in [
                ("/run/notify", true),
                ("@stead/7", cfg!(target_os = "linux")),
                ("relative", false),
                ("vsock:2:1", false),
                ("", false),
            ] {
                assert_eq!(parse(address.as_ref()).is_ok(), expected, "{address:?}");
            }
            let long = format!("/{}", "x".repeat(200));
            assert!(parse(long.as_ref()).is_err());
        }

        #[test]
        fn messages_arrive_whole() {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("notify");
            let supervisor = UnixDatagram::bind(&path).unwrap();
            let notifier = Notifier::new(Some(path.as_os_str()));
            notifier.send("READY=1");
            notifier.status("one\ntwo");
            let mut buffer = [0; 64];
            for expected in ["READY=1", "STATUS=one two"] {
                let length = supervisor.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..length], expected.as_bytes());
            }
            drop(supervisor);
            notifier.send("nobody listens any more");
        }
    }
}

#[cfg(not(unix))]
mod without {
    use std::ffi::OsStr;

    #[derive(Debug)]
    pub(crate) struct Notifier;

    impl Notifier {
        pub(crate) fn new(_address: Option<&OsStr>) -> Self {
            Self
        }

        pub(crate) fn send(&self, _message: &str) {}

        pub(crate) fn reloading(&self) {}
    }
}
