//! One machine: supervises, checks, keeps the registry in step, and can be controlled.
//!
//! - [`Agent`] puts a supervisor, the checks of its services and, where there is one, the registry
//!   together;
//! - [`checks`]: how each kind of check is run;
//! - [`health`]: what the results of a service's checks mean together;
//! - [`control`]: the control socket, shapes in `stead_api::control`;
//! - [`folder`]: the data folder and who holds it.

mod agent;
pub mod checks;
pub mod control;
pub mod folder;
mod follower;
pub mod health;
mod publish;

pub use agent::{Agent, AgentOptions};
pub use publish::check_id;
