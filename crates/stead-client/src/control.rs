//! The client of an agent's control socket.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use stead_api::control::{Agent, Problem, ProblemKind, Service};

use crate::connection::{Connection, Link, Opened, Peer, REQUEST_TIMEOUT, Reply, line};
use crate::text::{segment, with_query};
use crate::{ClientError, ControlAddress};

/// A client of one agent. The shapes are in [`stead_api::control`].
#[derive(Debug)]
pub struct ControlClient {
    link: Link,
}

/// What can be asked of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Run it, and what it depends on.
    Start,
    /// Stop it, after what depends on it.
    Stop,
    /// Stop it and start it again.
    Restart,
    /// Have it read its configuration anew.
    Reload,
}

/// Which part of a service's logs, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with what the service writes from now on.
    pub follow: bool,
    /// The last so many lines; `None` is all that is kept.
    pub lines: Option<u64>,
    /// Put time and stream before each line; else the bytes come as they were.
    pub timestamps: bool,
}

impl ControlClient {
    /// Connects to the agent at `address`.
    pub async fn connect(address: ControlAddress) -> Result<Self, ClientError> {
        let link = Link::new(Peer::Control(address));
        link.dial_ahead().await?;
        Ok(Self { link })
    }

    /// The agent itself.
    pub async fn agent(&self) -> Result<Agent, ClientError> {
        self.get("/stead/v1/agent").await
    }

    /// All services, without their history.
    pub async fn services(&self) -> Result<Vec<Service>, ClientError> {
        self.get("/stead/v1/services").await
    }

    /// One service with its history.
    pub async fn service(&self, name: &str) -> Result<Service, ClientError> {
        self.get(&service_path(name)).await
    }

    /// Asks something of a service and waits until it is reached or has failed,
    /// however long that takes: the definition bounds it.
    pub async fn verb(&self, name: &str, verb: Verb) -> Result<Service, ClientError> {
        let path = format!("{}/{verb}", service_path(name));
        let reply = self
            .link
            .fetch(Method::POST, &path, Bytes::new(), None)
            .await?;
        self.parse(&line(&Method::POST, &path), &reply)
    }

    /// A service's captured output.
    pub async fn logs(&self, name: &str, options: LogOptions) -> Result<LogStream, ClientError> {
        let mut path = format!("{}/logs", service_path(name));
        if options.follow {
            with_query(&mut path, "follow", None);
        }
        if let Some(lines) = options.lines {
            with_query(&mut path, "lines", Some(&lines.to_string()));
        }
        if options.timestamps {
            with_query(&mut path, "timestamps", None);
        }
        let request = line(&Method::GET, &path);
        let opened = self.link.open(Method::GET, &path, Bytes::new()).await?;
        if opened.status.is_success() {
            return Ok(LogStream {
                request,
                body: opened.body,
                _connection: opened.connection,
            });
        }
        let reply = collect(opened, &request).await?;
        Err(self.refusal(&request, &reply))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let reply = self
            .link
            .fetch(Method::GET, path, Bytes::new(), Some(REQUEST_TIMEOUT))
            .await?;
        self.parse(&line(&Method::GET, path), &reply)
    }

    fn parse<T: DeserializeOwned>(&self, request: &str, reply: &Reply) -> Result<T, ClientError> {
        if !reply.status.is_success() {
            return Err(self.refusal(request, reply));
        }
        serde_json::from_slice(&reply.body).map_err(|source| ClientError::Protocol {
            request: request.to_owned(),
            source: source.into(),
        })
    }

    fn refusal(&self, request: &str, reply: &Reply) -> ClientError {
        match serde_json::from_slice::<Problem>(&reply.body) {
            Ok(problem) => ClientError::Problem(problem),
            Err(_) if reply.status == StatusCode::FORBIDDEN => ClientError::Problem(Problem {
                error: format!("{} does not allow {request}", self.link.peer()),
                causes: Vec::new(),
                hint: None,
                kind: ProblemKind::Denied,
            }),
            Err(source) => ClientError::Protocol {
                request: request.to_owned(),
                source: format!("status {}, and no problem in it: {source}", reply.status).into(),
            },
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Reload => "reload",
        })
    }
}

/// A service's output as it arrives; ends with what was kept, or, when
/// following, with the agent. Dropping it closes the connection.
#[derive(Debug)]
pub struct LogStream {
    request: String,
    body: hyper::body::Incoming,
    _connection: Connection,
}

impl LogStream {
    /// The next piece, which may end in mid-line; `None` at the end.
    pub async fn next_piece(&mut self) -> Option<Result<Bytes, ClientError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for LogStream {
    type Item = Result<Bytes, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let piece = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => None,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Some(Ok(bytes)),
                    // Trailers say nothing about logs.
                    Err(_) => continue,
                },
                Some(Err(source)) => Some(Err(ClientError::Lost {
                    request: self.request.clone(),
                    source: source.into(),
                })),
            };
            return Poll::Ready(piece);
        }
    }
}

async fn collect(opened: Opened, request: &str) -> Result<Reply, ClientError> {
    let body = opened
        .body
        .collect()
        .await
        .map_err(|source| ClientError::Lost {
            request: request.to_owned(),
            source: source.into(),
        })?
        .to_bytes();
    Ok(Reply {
        status: opened.status,
        headers: opened.headers,
        body,
    })
}

fn service_path(name: &str) -> String {
    format!("/stead/v1/services/{}", segment(name))
}
