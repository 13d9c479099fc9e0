//! `stead completions`.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, Completions};
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(completions: &Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Cli::command(), "stead", &mut script);
    output::bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
