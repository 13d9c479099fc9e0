//! `stead service` against a real systemd, booted for each test in namespaces of its own.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in the helpers of a test as in the test"
)]

mod bad_input;
mod lifecycle;
mod sandbox;
mod support;
mod users;
