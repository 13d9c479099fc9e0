//! The SDK: write a service once, run it natively everywhere.
