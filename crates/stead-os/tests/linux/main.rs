//! Process trees on Linux, with cgroups (where they are writable) and without.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod deaths;
mod ends;
mod errors;
mod limits;
mod start;
mod successors;
mod support;
mod trees;
