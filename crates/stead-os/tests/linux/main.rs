//! Process trees on Linux, with cgroups (where they are writable) and without.

#![cfg(target_os = "linux")]

mod deaths;
mod ends;
mod errors;
mod limits;
mod start;
mod support;
mod trees;
