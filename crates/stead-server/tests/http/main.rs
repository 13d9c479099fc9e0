//! The HTTP API through a real listener, over the embedded store.

mod agent;
mod blocking;
mod bounds;
mod catalog;
mod input;
mod kv;
mod stack;
