//! Keeps programs running.

pub mod logs;
