//! What an operating system asks of a running service, and how it reaches the service's thread.
//!
//! Whoever hears the system (a handler of the service control manager, a signal, a console event)
//! holds the [`Poster`] and only posts: that never blocks, never allocates and never runs the
//! service's code. The service's own thread holds the [`Controls`] and takes them when it gets to
//! it, waiting without polling, blocked or by waker. In between is a [`ring`] for one producer and
//! one consumer. Stop, Shutdown and Preshutdown have room of their own in it and cannot be lost.
//! What the service reports goes the other way through a ring too.
//!
//! [`listen`] connects the signals or console events of a process that no service control manager
//! started; `scm::process` is for one that it did.

mod accepted;
mod code;
mod ending;
mod listen;
mod park;
mod queue;
pub mod ring;

pub use accepted::Accepted;
pub use code::{Control, CustomCode, NotCustom, PowerEvent, SessionEvent};
pub use ending::{Ending, Watcher};
pub use listen::listen;
pub use park::wait;
pub use queue::{CAPACITY, Controls, PostError, Posted, Poster, channel};

#[cfg(test)]
mod tests;
