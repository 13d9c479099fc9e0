//! A small shop: `gateway` takes requests for `orders`, which has them paid by
//! `payments`.
//!
//! Each is a program of its own under `src/bin`, written with the SDK, and knows
//! only the *names* of the others: [`Peers`] follows the registry's healthy
//! instances and spreads the calls by their weights.
//!
//! | service | endpoints |
//! |---|---|
//! | gateway | `GET /`, `GET` and `POST /orders`, `GET /orders/ID`, `GET /health` |
//! | orders | `GET` and `POST /orders`, `GET /orders/ID`, `GET /health` |
//! | payments | `POST /payments`, `PUT /failing` (`true` or `false`, to see what a failure does), `GET /health` |
//!
//! Orders are kept in a file, each change flushed to the disk before it is
//! answered; payments remembers in memory which orders it has been paid for.

mod arguments;
mod ledger;
mod peers;
mod serve;

pub use arguments::{Arguments, ArgumentsError};
pub use ledger::{Ledger, LedgerError};
pub use peers::{CallError, Peers};
pub use serve::{Failure, serve};

use serde::{Deserialize, Serialize};

/// What somebody wants to buy: the body of `POST /orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// What.
    pub item: String,
    /// Its price in cents.
    pub cents: u64,
}

/// An order, as it is answered and as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number, from 1.
    pub id: u64,
    /// What was ordered.
    pub item: String,
    /// Its price in cents.
    pub cents: u64,
    /// How far it has come.
    pub state: OrderState,
}

/// How far an order has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderState {
    /// It is written down, and nobody could be asked for the money yet.
    Placed,
    /// It is paid.
    Paid,
    /// The payment was declined.
    Declined,
}

/// The body of `POST /payments`. Asking again for the same order is safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The order's number.
    pub order: u64,
    /// How much, in cents.
    pub cents: u64,
}
