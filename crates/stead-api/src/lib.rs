//! Wire shapes of the HTTP APIs and of the control socket.

pub mod control;
