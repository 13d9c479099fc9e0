//! The journal in its native protocol.
