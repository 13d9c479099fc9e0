//! The operating system's side: processes, groups, jobs. The only crate with `unsafe`.

#[cfg(windows)]
pub mod pipe;
pub mod process;
#[cfg(windows)]
mod wide;
