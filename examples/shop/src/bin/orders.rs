//! Takes orders, writes them down and has them paid.

use std::path::Path;
use std::process::ExitCode;

use axum::extract::{Path as UrlPath, State};
use axum::routing::get;
use axum::{Json, Router};
use http::{Method, StatusCode};
use shop::{
    Arguments, CallError, Charge, Failure, Ledger, LedgerError, Order, OrderState, Peers, Wish,
};
use stead::{Context, Error, Service};

struct Orders;

#[derive(Clone)]
struct Desk {
    ledger: Ledger,
    payments: Peers,
}

impl Service for Orders {
    const NAME: &'static str = "orders";

    async fn run(self, context: Context) -> Result<(), Error> {
        let arguments = Arguments::parse(std::env::args().skip(1))?;
        let data = arguments.data.as_deref().unwrap_or(Path::new("data"));
        let desk = Desk {
            ledger: Ledger::open(data)?,
            payments: Peers::follow(&context, "payments"),
        };
        let router = Router::new()
            .route("/orders", get(list).post(place))
            .route("/orders/{id}", get(show))
            .route("/health", get(|| async { "takes orders\n" }))
            .with_state(desk);
        shop::serve(&context, arguments.port, router).await
    }
}

async fn list(State(desk): State<Desk>) -> Json<Vec<Order>> {
    Json(desk.ledger.all())
}

async fn show(State(desk): State<Desk>, UrlPath(id): UrlPath<u64>) -> Result<Json<Order>, Failure> {
    desk.ledger
        .get(id)
        .map(Json)
        .ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, format!("there is no order {id}")))
}

/// 201 with the order once it is paid, 402 once it is declined, 503 with the
/// order written down and unpaid.
async fn place(
    State(desk): State<Desk>,
    Json(wish): Json<Wish>,
) -> Result<(StatusCode, Json<Order>), Failure> {
    let order = desk.ledger.place(wish).await.map_err(unkept)?;
    let (status, state) = match desk.charge(&order).await {
        Ok(status) if status.is_success() => (StatusCode::CREATED, OrderState::Paid),
        Ok(StatusCode::PAYMENT_REQUIRED) => (StatusCode::PAYMENT_REQUIRED, OrderState::Declined),
        Ok(status) => {
            tracing::warn!(order = order.id, %status, "payments has trouble");
            return Ok((StatusCode::SERVICE_UNAVAILABLE, Json(order)));
        }
        Err(error) => {
            tracing::warn!(order = order.id, %error, "the order is not paid");
            return Ok((StatusCode::SERVICE_UNAVAILABLE, Json(order)));
        }
    };
    let order = desk.ledger.settle(order, state).await.map_err(unkept)?;
    tracing::info!(order = order.id, ?state, "settled");
    Ok((status, Json(order)))
}

impl Desk {
    async fn charge(&self, order: &Order) -> Result<StatusCode, CallError> {
        let charge = Charge {
            order: order.id,
            cents: order.cents,
        };
        let body = serde_json::json!(charge).to_string();
        let (status, _) = self
            .payments
            .call(&Method::POST, "/payments", body.into())
            .await?;
        Ok(status)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn unkept(error: LedgerError) -> Failure {
    tracing::error!(
        error = &error as &dyn std::error::Error,
        "an order was not kept"
    );
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn main() -> ExitCode {
    stead::run(Orders)
}
