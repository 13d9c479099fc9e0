//! Every chore a person or CI runs.
fn main() {}
