//! The exact calls and structures behind each operation, asserted on a manager in memory: for
//! what Wine only stubs (recovery, delayed start, identifiers, privileges, triggers, dependencies,
//! accounts and their rights), and for what no test machine should be put through.

mod accounts;
mod change;
mod install;
mod run;
mod support;
