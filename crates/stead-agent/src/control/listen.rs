//! Who may come in: a socket for its owner alone, each connection's account looked at again.

use std::io;
use std::path::PathBuf;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use stead_model::lifecycle::Asker;

/// Why the control socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on the control socket {}", .path.display())]
pub struct ListenError {
    /// Where.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Caller(pub Asker);

impl Connected<IncomingStream<'_, ControlListener>> for Caller {
    fn connect_info(connection: IncomingStream<'_, ControlListener>) -> Self {
        connection.remote_addr().clone()
    }
}

#[cfg(unix)]
pub use unix::ControlListener;
#[cfg(windows)]
pub use windows::ControlListener;

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use tokio::net::{UnixListener, UnixStream};

    use stead_model::lifecycle::Asker;

    use super::{Caller, ListenError};

    /// The longest address of a socket (`sun_path` of unix(7), less its closing zero).
    const ADDRESS_MAX: usize = 107;

    /// A Unix socket for its owner (mode 0600) and root.
    #[derive(Debug)]
    pub struct ControlListener {
        socket: UnixListener,
        path: PathBuf,
        owner: u32,
    }

    impl ControlListener {
        /// Listens at `path`, which on Linux may be longer than a socket's address. The caller holds the data folder, so a socket that is there is a
        /// dead one's and is replaced.
        pub fn bind(path: &Path) -> Result<Self, ListenError> {
            Self::listen(path).map_err(|source| ListenError {
                path: path.to_owned(),
                source,
            })
        }

        fn listen(path: &Path) -> io::Result<Self> {
            // Made under another name and renamed, it is never there with a wider mode.
            let new = path.with_extension("new");
            for old in [&new, path] {
                match std::fs::remove_file(old) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            let socket = bind_at(&new)?;
            std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
            std::fs::rename(&new, path)?;
            let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path)?);
            Ok(Self {
                socket,
                path: path.to_owned(),
                owner,
            })
        }

        /// What `--agent` takes to get here.
        pub fn address(&self) -> String {
            self.path.display().to_string()
        }

        /// The account at the other end, if it may come in.
        fn admit(&self, stream: &UnixStream) -> Option<Caller> {
            let user = stream.peer_cred().ok()?.uid();
            let admitted = user == self.owner || user == 0;
            admitted.then(|| Caller(Asker::User(stead_os::host::user_name(user))))
        }
    }

    fn bind_at(path: &Path) -> io::Result<UnixListener> {
        let fits = |address: &Path| address.as_os_str().len() <= ADDRESS_MAX;
        if fits(path) {
            return UnixListener::bind(path);
        }
        // By a descriptor of its folder the way to it is short, however deep it is.
        #[cfg(target_os = "linux")]
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name()) {
            use std::os::fd::AsRawFd;

            let folder = std::fs::File::open(folder)?;
            let address = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
            if fits(&address) {
                return UnixListener::bind(address);
            }
        }
        let why = format!(
            "the path is longer than {ADDRESS_MAX} bytes; --data can name a shorter folder"
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, why))
    }

    impl Drop for ControlListener {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    impl axum::serve::Listener for ControlListener {
        type Io = UnixStream;
        type Addr = Caller;

        async fn accept(&mut self) -> (Self::Io, Self::Addr) {
            loop {
                match self.socket.accept().await {
                    Ok((stream, _)) => match self.admit(&stream) {
                        Some(caller) => return (stream, caller),
                        None => {
                            tracing::warn!("a stranger was turned away from the control socket");
                        }
                    },
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept on the control socket");
                        // Out of descriptors, most likely: the error stands until one is closed.
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
        }

        fn local_addr(&self) -> io::Result<Self::Addr> {
            Ok(Caller(Asker::Stead))
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::io;
    use std::path::{Path, PathBuf};

    use stead_os::pipe::{Connection, Listener};

    use stead_model::lifecycle::Asker;

    use super::{Caller, ListenError};

    /// A named pipe for its owner, SYSTEM and Administrators. A pipe cannot live in a folder, so
    /// the file at the given path holds its name.
    #[derive(Debug)]
    pub struct ControlListener {
        pipe: Listener,
        path: PathBuf,
    }

    impl ControlListener {
        /// Listens on a pipe of its own and writes the pipe's name to `path`.
        pub fn bind(path: &Path) -> Result<Self, ListenError> {
            Self::listen(path).map_err(|source| ListenError {
                path: path.to_owned(),
                source,
            })
        }

        fn listen(path: &Path) -> io::Result<Self> {
            let name = format!(r"\\.\pipe\stead-agent-{}", std::process::id());
            let pipe = Listener::bind(&name)?;
            std::fs::write(path, format!("{name}\n"))?;
            Ok(Self {
                pipe,
                path: path.to_owned(),
            })
        }

        /// What `--agent` takes to get here.
        pub fn address(&self) -> String {
            self.pipe.name().display().to_string()
        }
    }

    impl Drop for ControlListener {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.path);
        }
    }

    impl axum::serve::Listener for ControlListener {
        type Io = Connection;
        type Addr = Caller;

        async fn accept(&mut self) -> (Self::Io, Self::Addr) {
            loop {
                match self.pipe.accept().await {
                    Ok(connection) => {
                        let caller = Caller(Asker::User("control pipe".to_owned()));
                        return (connection, caller);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept on the control pipe");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
        }

        fn local_addr(&self) -> io::Result<Self::Addr> {
            Ok(Caller(Asker::Stead))
        }
    }
}
