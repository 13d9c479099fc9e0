//! One machine: supervises, checks, keeps the registry in step.

pub mod checks;
