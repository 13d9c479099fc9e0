//! `stead` end to end: the real binary, real programs, the operating system as the witness.
//!
//! Every test owns its stack: a folder, a port and processes of its own, none of which is left
//! when it ends.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which fail that way"
)]

mod access;
mod bad_input;
mod checks;
mod deaths;
mod disk;
mod durability;
mod order;
mod programs;
mod readiness;
mod restarts;
mod review;
mod run;
mod shop;
mod support;
mod verbs;
