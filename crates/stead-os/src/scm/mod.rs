//! Services under Windows' service control manager.
//!
//! - `manage`: install, change, control and watch them
//! - `process`: be one, on Windows

#[cfg(feature = "manage")]
pub mod manage;
#[cfg(windows)]
pub mod process;
