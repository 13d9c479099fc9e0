//! Serving HTTP until the stop, and how handlers fail.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::StatusCode;
use stead::{Context, Error};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// How long requests in flight may take after the stop: less than the ten
/// seconds the definition's `grace` gives.
const DRAIN: Duration = Duration::from_secs(8);

/// Serves `router` on loopback, is ready once it listens, and returns when the
/// requests in flight at the stop are answered.
pub async fn serve(context: &Context, port: u16, router: Router) -> Result<(), Error> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("cannot listen on port {port}: {error}"))?;
    let address = listener.local_addr()?;
    let router = router.layer(middleware::from_fn_with_state(context.clone(), count));
    tracing::info!(%address, "listening");
    context.status(&format!("listening on {address}"));
    context.ready();

    let serving = axum::serve(listener, router).with_graceful_shutdown(context.stopping());
    tokio::select! {
        served = serving.into_future() => served?,
        () = overdue(context) => context.drain(Duration::ZERO).await?,
    }
    Ok(())
}

async fn overdue(context: &Context) {
    context.stopping().await;
    sleep(DRAIN).await;
}

async fn count(State(context): State<Context>, request: Request, next: Next) -> Response {
    let _work = context.work();
    next.run(request).await
}

/// Why a request brought nothing, as JSON: `{"error": "…"}`.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    error: String,
}

impl Failure {
    /// A failure with a status.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.error }));
        (self.status, body).into_response()
    }
}
