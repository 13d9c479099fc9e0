//! Typed client of the control socket and of the HTTP API.
