//! Names, definitions, lifecycle and health: plain data and pure functions.
