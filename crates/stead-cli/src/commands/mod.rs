//! One file per verb.

pub(crate) mod catalog;
mod client;
pub(crate) mod completions;
mod definition;
pub(crate) mod doctor;
pub(crate) mod kv;
pub(crate) mod logs;
pub(crate) mod man;
mod platform;
pub(crate) mod ps;
pub(crate) mod run;
#[cfg(target_os = "linux")]
pub(crate) mod service;
mod services;
mod signals;
pub(crate) mod status;
pub(crate) mod up;
pub(crate) mod verb;
