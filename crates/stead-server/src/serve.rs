use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Bounds;

/// Connections that the system holds until they are accepted, at most; it may have a lower bound
/// of its own (`net.core.somaxconn`).
///
/// What comes beyond is not refused but lost: its client believes to be connected, waits, and is
/// reset in the end. The 128 of the standard library are too few for the clients that all come
/// back at once after a restart.
pub const BACKLOG: i32 = 4096;

/// After a connection could not be accepted, most often for want of descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Why serving ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Some connections were still open when the time to drain was over; they were cut.
    #[error("{open} connections were still open after {:?} and were cut", .after)]
    Cut {
        /// How many.
        open: usize,
        /// The time they had.
        after: Duration,
    },
}

/// Listens on an address, for [`serve`] to accept from. Needs no runtime yet.
pub fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Lets a restart have the port of connections that are still ending. On Windows the same word
    // would let it have the port of somebody who is listening.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves HTTP/1.1 on a listener until `shutdown`.
///
/// Then no connection is accepted any more, the ones that are open finish the request they are
/// at, and the call returns when the last has ended. For the waiting queries among them to end
/// at once, the router's state must have the same token.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    bounds: &Bounds,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(bounds.connections));
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, place)) = accepted else {
            tokio::time::sleep(ACCEPT_RETRY).await;
            continue;
        };
        let connection = connection(stream, router.clone(), bounds.head, shutdown.clone());
        let cut = cut.clone();
        connections.spawn(async move {
            tokio::select! {
                () = connection => {}
                () = cut.cancelled() => {}
            }
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(bounds.drain, connections.wait())
        .await
        .is_ok()
    {
        return Ok(());
    }
    let open = connections.len();
    cut.cancel();
    connections.wait().await;
    Err(ServeError::Cut {
        open,
        after: bounds.drain,
    })
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    if places.available_permits() == 0 {
        let bound = "connections";
        tracing::warn!(bound, "the bound is reached; further connections wait");
    }
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    head: Duration,
    shutdown: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}
