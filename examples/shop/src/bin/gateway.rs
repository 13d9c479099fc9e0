//! The way in: passes requests for orders on.

use std::process::ExitCode;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{Method, StatusCode, Uri, header};
use shop::{Arguments, Failure, Peers};
use stead::{Context, Error, Service};

struct Gateway;

impl Service for Gateway {
    const NAME: &'static str = "gateway";

    async fn run(self, context: Context) -> Result<(), Error> {
        let arguments = Arguments::parse(std::env::args().skip(1))?;
        let router = Router::new()
            .route("/", get(welcome))
            .route("/orders", get(pass_on).post(pass_on))
            .route("/orders/{id}", get(pass_on))
            .route("/health", get(|| async { "open\n" }))
            .with_state(Peers::follow(&context, "orders"));
        shop::serve(&context, arguments.port, router).await
    }
}

async fn welcome() -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "shop": "open",
        "order": "POST /orders with {\"item\": \"tea\", \"cents\": 250}",
        "orders": "GET /orders",
    }))
}

async fn pass_on(
    State(orders): State<Peers>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Failure> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let (status, body) = orders.call(&method, path, body).await.map_err(|error| {
        tracing::warn!(%method, path, %error, "not passed on");
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    })?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn main() -> ExitCode {
    stead::run(Gateway)
}
