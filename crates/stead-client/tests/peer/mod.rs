//! The other side: an HTTP server that answers what the test says and
//! remembers what it was asked.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub(crate) type Answer = Response<BoxBody<Bytes, Infallible>>;

/// One request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) body: Bytes,
    /// The number of the connection it came over.
    pub(crate) connection: usize,
}

#[derive(Clone)]
pub(crate) struct Peer {
    answer: Arc<dyn Fn(&Asked) -> Answer + Send + Sync>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Close each connection after one answer, without saying so before.
    one_answer: bool,
}

impl Peer {
    pub(crate) fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            answer: Arc::new(answer),
            asked: Arc::default(),
            one_answer: false,
        }
    }

    pub(crate) fn closing_after_one_answer(mut self) -> Self {
        self.one_answer = true;
        self
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.asked()
            .into_iter()
            .map(|asked| format!("{} {}", asked.method, asked.target))
            .collect()
    }

    /// Serves until the set is dropped.
    pub(crate) fn on_tcp(&self, listener: tokio::net::TcpListener) -> JoinSet<()> {
        let peer = self.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(peer.clone().serve(stream, number));
            }
        });
        tasks
    }

    #[cfg(unix)]
    pub(crate) fn on_socket(&self, listener: tokio::net::UnixListener) -> JoinSet<()> {
        let peer = self.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(peer.clone().serve(stream, number));
            }
        });
        tasks
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin, connection: usize) {
        let answered = Arc::new(tokio::sync::Notify::new());
        let service = service_fn(|request: Request<Incoming>| {
            let (peer, answered) = (self.clone(), Arc::clone(&answered));
            async move {
                let (head, body) = request.into_parts();
                let asked = Asked {
                    method: head.method,
                    target: head.uri.to_string(),
                    body: body.collect().await.unwrap().to_bytes(),
                    connection,
                };
                peer.asked.lock().unwrap().push(asked.clone());
                let answer = (peer.answer)(&asked);
                answered.notify_one();
                Ok::<_, Infallible>(answer)
            }
        });
        let mut served =
            std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        if self.one_answer {
            tokio::select! {
                _ = &mut served => return,
                () = answered.notified() => {}
            }
            // Finishes the answer and closes; the head has said keep-alive.
            served.as_mut().graceful_shutdown();
        }
        let _ = served.await;
    }
}

pub(crate) fn json(status: u16, body: &str) -> Answer {
    indexed(status, 1, body)
}

pub(crate) fn indexed(status: u16, index: u64, body: &str) -> Answer {
    Response::builder()
        .status(StatusCode::from_u16(status).unwrap())
        .header("X-Consul-Index", index)
        .body(Full::new(Bytes::from(body.to_owned())).boxed())
        .unwrap()
}

/// A body that goes on while the sender lives.
pub(crate) fn streaming() -> (mpsc::Sender<Bytes>, Answer) {
    let (sender, pieces) = mpsc::channel::<Bytes>(4);
    let pieces = stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.recv().await?;
        Some((Ok(Frame::data(piece)), pieces))
    });
    (sender, Response::new(BoxBody::new(StreamBody::new(pieces))))
}
