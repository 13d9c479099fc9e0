//! The control socket: everything that controls the machine goes over it, never over TCP.

mod listen;
mod logs;
mod router;

pub use listen::{Caller, ControlListener, ListenError};
pub use router::{AgentFacts, router};

use std::future::IntoFuture;
use std::time::Duration;

use axum::Router;
use tokio_util::sync::CancellationToken;

/// How long requests under way have to finish after the end was asked for.
pub const DRAIN: Duration = Duration::from_secs(1);

/// Serves requests until `shutdown`; those under way have [`DRAIN`] to finish. A client that sends
/// half a request, or does not read its answer, is not waited for any longer. For the logs that are
/// followed to end at once, the router must have the same token.
pub async fn serve(listener: ControlListener, router: Router, shutdown: CancellationToken) {
    let drained = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    let service = router.into_make_service_with_connect_info::<Caller>();
    let served =
        axum::serve(listener, service).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        // Its listener never fails for good, so neither does serving.
        _ = served.into_future() => {}
        () = drained => tracing::debug!("a control connection was still open and is cut"),
    }
}
