//! Benchmarks that live beside the crate they measure and print their own figures.

use anyhow::Result;

use crate::shell;

pub(super) fn run(package: &str, bench: &str) -> Result<()> {
    shell::run(shell::cargo().args(["bench", "--locked", "-p", package, "--bench", bench]))
}
