//! Process trees: start one so that nothing of it can escape, learn of its end at once, stop it
//! by the ladder, and leave nothing behind, whatever dies first.
//!
//! A [`Launcher`] starts programs; each is a [`Process`] with its whole tree.

mod command;

pub use command::*;
