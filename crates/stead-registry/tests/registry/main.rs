//! The registry over the embedded store, through its public face.

mod catalog;
mod index;
mod kv;
mod local;
mod stack;
mod watch;
