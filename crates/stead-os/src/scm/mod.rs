//! Services under Windows' service control manager.
//!
//! - [`manage`]: install, change, control and watch them

pub mod manage;
