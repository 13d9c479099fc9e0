//! Takes money for orders.

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use shop::{Arguments, Charge, Failure};
use stead::{Context, Error, Service};

/// More than this is declined.
const LIMIT_CENTS: u64 = 100_000;

struct Payments;

#[derive(Clone, Default)]
struct Till {
    /// The orders that are paid, with what was paid. Kept in memory: a restart
    /// forgets them.
    paid: Arc<Mutex<HashMap<u64, u64>>>,
    /// Whether to fail, for demonstrations.
    failing: Arc<AtomicBool>,
}

impl Service for Payments {
    const NAME: &'static str = "payments";

    async fn run(self, context: Context) -> Result<(), Error> {
        let arguments = Arguments::parse(std::env::args().skip(1))?;
        let router = Router::new()
            .route("/payments", post(pay))
            .route("/failing", put(fail))
            .route("/health", get(health))
            .with_state(Till::default());
        shop::serve(&context, arguments.port, router).await
    }
}

async fn pay(State(till): State<Till>, Json(charge): Json<Charge>) -> Result<StatusCode, Failure> {
    till.works()?;
    if charge.cents > LIMIT_CENTS {
        let declined = format!("{} cents are too many", charge.cents);
        return Err(Failure::new(StatusCode::PAYMENT_REQUIRED, declined));
    }
    let mut paid = till.paid.lock().unwrap_or_else(PoisonError::into_inner);
    let first = paid.insert(charge.order, charge.cents).is_none();
    tracing::info!(order = charge.order, cents = charge.cents, first, "paid");
    Ok(if first {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    })
}

async fn fail(State(till): State<Till>, Json(failing): Json<bool>) -> StatusCode {
    tracing::warn!(failing, "asked to fail");
    till.failing.store(failing, Ordering::Relaxed);
    StatusCode::NO_CONTENT
}

async fn health(State(till): State<Till>) -> Result<&'static str, Failure> {
    till.works()?;
    Ok("takes payments\n")
}

impl Till {
    fn works(&self) -> Result<(), Failure> {
        if self.failing.load(Ordering::Relaxed) {
            let error = "failing, as it was asked to";
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, error));
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    stead::run(Payments)
}
