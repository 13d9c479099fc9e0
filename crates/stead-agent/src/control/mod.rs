//! The control socket: everything that controls the machine goes over it, never over TCP.

mod listen;
mod logs;
mod router;

pub use listen::{Caller, ControlListener, ListenError};
pub use router::{AgentFacts, router};

use axum::Router;
use tokio_util::sync::CancellationToken;

/// Serves requests until `shutdown`; those under way are finished.
pub async fn serve(listener: ControlListener, router: Router, shutdown: CancellationToken) {
    // Its listener never fails for good, so neither does serving.
    let service = router.into_make_service_with_connect_info::<Caller>();
    let _ = axum::serve(listener, service)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await;
}
