//! What this crate says to systemd, judged by a real systemd in a machine of its own.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a test; the lint knows only functions marked so"
)]

mod activation;
mod boot;
mod journal;
mod manage;
mod support;
mod units;
mod user;
