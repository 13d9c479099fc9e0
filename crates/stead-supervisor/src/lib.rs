//! Keeps programs running.
