//! The HTTP API through a real listener, over the embedded store.

mod blocking;
mod stack;
