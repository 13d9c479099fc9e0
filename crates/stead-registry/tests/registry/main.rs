//! The registry over the embedded store, through its public face.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where"
)]

mod catalog;
mod index;
mod kv;
mod local;
mod stack;
mod watch;
