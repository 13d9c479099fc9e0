//! The HTTP API through a real listener, over the embedded store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod agent;
mod blocking;
mod bounds;
mod catalog;
mod input;
mod kv;
mod stack;
