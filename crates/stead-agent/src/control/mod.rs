//! The control socket: everything that controls the machine goes over it, never over TCP.

mod listen;
mod logs;
mod router;

pub use listen::{ControlListener, ListenError};
pub use router::{AgentFacts, router};
