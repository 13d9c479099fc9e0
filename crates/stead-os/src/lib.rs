//! The operating system's side: processes, groups, jobs. The only crate with `unsafe`.

pub mod host;
pub mod process;
#[cfg(target_os = "linux")]
pub mod readiness;
