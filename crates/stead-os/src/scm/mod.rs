//! Services under Windows' service control manager.
//!
//! - `process`: be one, on Windows

#[cfg(windows)]
pub mod process;
