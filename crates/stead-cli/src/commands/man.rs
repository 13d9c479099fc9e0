//! `stead man`.

use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, Man};
use crate::failure::{FAILED, Failure};
use crate::output;

pub(crate) fn run(man: &Man) -> Result<ExitCode, Failure> {
    let command = Cli::command();
    if let Some(dir) = &man.dir {
        let cannot = |error: std::io::Error| {
            Failure::of(
                FAILED,
                format!("cannot write manual pages to {}", dir.display()),
                &error,
            )
        };
        std::fs::create_dir_all(dir).map_err(cannot)?;
        clap_mangen::generate_to(command, dir).map_err(cannot)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::of(FAILED, "cannot make the manual page", &error))?;
    output::bytes(&page)?;
    Ok(ExitCode::SUCCESS)
}
