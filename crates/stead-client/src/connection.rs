//! HTTP/1.1 over a socket, a pipe or TCP: one connection, kept while idle.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{ClientError, ControlAddress, RegistryAddress};

/// How long connecting may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an ordinary request may take: a blocking query has this much on
/// top of its wait; verbs and log streams have no limit.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The longest answer that is read into memory, in bytes; a longer one is a
/// protocol error. Log streams are not held in memory.
pub const MAX_ANSWER: usize = 64 << 20;

/// Where a link leads.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    Control(ControlAddress),
    Registry(RegistryAddress),
}

/// The way to one peer. At most one idle connection is kept; requests at the
/// same time have one each.
#[derive(Debug)]
pub(crate) struct Link {
    peer: Peer,
    idle: Mutex<Option<Connection>>,
}

/// An answer whose body was read.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer whose body is still to come.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
    /// Carries the body: dropped, the connection closes.
    pub(crate) connection: Connection,
}

#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: Driver,
}

/// The task that moves a connection's bytes. It ends with its connection.
#[derive(Debug)]
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Link {
    pub(crate) fn new(peer: Peer) -> Self {
        Self {
            peer,
            idle: Mutex::new(None),
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Connects and keeps the connection for the first request.
    pub(crate) async fn dial_ahead(&self) -> Result<(), ClientError> {
        let connection = self.dial().await?;
        self.keep(connection);
        Ok(())
    }

    /// Sends a request and reads the whole answer, in `limit` if there is one.
    pub(crate) async fn fetch(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        limit: Option<Duration>,
    ) -> Result<Reply, ClientError> {
        let request = line(&method, path);
        let exchange = async {
            let opened = self.open(method, path, body).await?;
            let body = Limited::new(opened.body, MAX_ANSWER)
                .collect()
                .await
                .map_err(|source| {
                    let request = request.clone();
                    if source.is::<LengthLimitError>() {
                        ClientError::Protocol { request, source }
                    } else {
                        ClientError::Lost { request, source }
                    }
                })?
                .to_bytes();
            self.keep(opened.connection);
            Ok(Reply {
                status: opened.status,
                headers: opened.headers,
                body,
            })
        };
        match limit {
            None => exchange.await,
            Some(limit) => timeout(limit, exchange).await.unwrap_or_else(|_| {
                Err(ClientError::Timeout {
                    request: request.clone(),
                    seconds: limit.as_secs(),
                })
            }),
        }
    }

    /// Sends a request and returns once the head of the answer is there.
    pub(crate) async fn open(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Opened, ClientError> {
        let mut kept = self.take();
        loop {
            let (mut connection, was_idle) = match kept.take() {
                Some(connection) => (connection, true),
                None => (self.dial().await?, false),
            };
            // Its task may not have come round to the end of the last answer yet.
            if was_idle && connection.sender.ready().await.is_err() {
                continue;
            }
            let request = self.request(&method, path, body.clone())?;
            let mut error = match connection.sender.try_send_request(request).await {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    return Ok(Opened {
                        status: head.status,
                        headers: head.headers,
                        body,
                        connection,
                    });
                }
                Err(error) => error,
            };
            // The other side may close an idle connection at any time: what was
            // not sent, or only reads, goes over a fresh one.
            let may_repeat = error.take_message().is_some() || method == Method::GET;
            if !(was_idle && may_repeat) {
                return Err(ClientError::Lost {
                    request: line(&method, path),
                    source: error.into_error().into(),
                });
            }
        }
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let host = match &self.peer {
            Peer::Control(_) => "localhost".to_owned(),
            Peer::Registry(address) => address.authority(),
        };
        let mut request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(HOST, host);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/octet-stream");
        }
        request
            .body(Full::new(body))
            .map_err(|source| ClientError::Protocol {
                request: line(method, path),
                source: source.into(),
            })
    }

    async fn dial(&self) -> Result<Connection, ClientError> {
        let connecting = async {
            let stream = match &self.peer {
                Peer::Control(ControlAddress::Socket(path)) => control_socket(path).await?,
                Peer::Control(ControlAddress::Pipe(name)) => pipe(name).await?,
                Peer::Registry(RegistryAddress::Socket(path)) => unix_socket(path).await?,
                Peer::Registry(RegistryAddress::Tcp { host, port }) => {
                    let stream = tokio::net::TcpStream::connect((host.as_str(), *port)).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
            };
            handshake(TokioIo::new(stream))
                .await
                .map_err(io::Error::other)
        };
        let (sender, connection) = timeout(CONNECT_TIMEOUT, connecting)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| ClientError::connecting(self.peer.to_string(), source))?;
        let driver = tokio::spawn(async move {
            // A broken connection shows in the request that it carries.
            let _ = connection.await;
        });
        Ok(Connection {
            sender,
            _driver: Driver(driver),
        })
    }

    fn take(&self) -> Option<Connection> {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .filter(|connection| !connection.sender.is_closed())
    }

    fn keep(&self, connection: Connection) {
        if !connection.sender.is_closed() {
            *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection);
        }
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Control(address) => address.fmt(f),
            Self::Registry(address) => address.fmt(f),
        }
    }
}

/// How errors name a request.
pub(crate) fn line(method: &Method, path: &str) -> String {
    format!("{method} {path}")
}

#[cfg(unix)]
async fn control_socket(path: &Path) -> io::Result<Box<dyn Stream>> {
    unix_socket(path).await
}

#[cfg(windows)]
async fn control_socket(path: &Path) -> io::Result<Box<dyn Stream>> {
    let text = std::fs::read_to_string(path)?;
    pipe(text.lines().next().unwrap_or_default().trim()).await
}

#[cfg(unix)]
async fn unix_socket(path: &Path) -> io::Result<Box<dyn Stream>> {
    #[cfg(target_os = "linux")]
    if let Some(stream) = deep_socket(path).await {
        return Ok(Box::new(stream?));
    }
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

/// The address of a Unix socket holds 107 bytes; a socket deeper down is
/// reached through its folder's descriptor.
#[cfg(target_os = "linux")]
async fn deep_socket(path: &Path) -> Option<io::Result<tokio::net::UnixStream>> {
    use std::os::fd::AsRawFd as _;

    const LONGEST_PATH: usize = 107;
    if path.as_os_str().len() <= LONGEST_PATH {
        return None;
    }
    let (folder, name) = (path.parent()?, path.file_name()?);
    let folder = match std::fs::File::open(folder) {
        Ok(folder) => folder,
        Err(error) => return Some(Err(error)),
    };
    let short = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    Some(tokio::net::UnixStream::connect(short).await)
}

#[cfg(not(unix))]
#[expect(clippy::unused_async, reason = "the same signature as on Unix")]
async fn unix_socket(_path: &Path) -> io::Result<Box<dyn Stream>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "there are no Unix sockets here",
    ))
}

#[cfg(windows)]
async fn pipe(name: &str) -> io::Result<Box<dyn Stream>> {
    Ok(Box::new(stead_os::pipe::connect(name).await?))
}

#[cfg(not(windows))]
#[expect(clippy::unused_async, reason = "the same signature as on Windows")]
async fn pipe(_name: &str) -> io::Result<Box<dyn Stream>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "named pipes are of Windows",
    ))
}
