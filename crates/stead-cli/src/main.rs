//! The command line of Stead: what it takes ([`cli`]), one file per verb ([`commands`]), how
//! results are printed ([`output`]) and failures ([`failure`]). The only crate that prints.

mod cli;
mod commands;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let status = if error.use_stderr() {
                failure::USAGE
            } else {
                0
            };
            // Help that cannot be printed (a closed pipe) leaves nobody to tell.
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    match run(cli) {
        Ok(status) => status,
        Err(failure) => {
            failure.print();
            failure.status()
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let common = cli.common;
    match cli.command {
        Command::Up(up) => commands::up::run(&up),
        Command::Run(run) => commands::run::run(&run),
        Command::Ps => commands::ps::run(&common),
        Command::Status(status) => commands::status::run(&common, &status),
        Command::Start(names) => commands::verb::run(&common, &names, stead_client::Verb::Start),
        Command::Stop(names) => commands::verb::run(&common, &names, stead_client::Verb::Stop),
        Command::Restart(names) => {
            commands::verb::run(&common, &names, stead_client::Verb::Restart)
        }
        Command::Reload(names) => commands::verb::run(&common, &names, stead_client::Verb::Reload),
        Command::Logs(logs) => commands::logs::run(&common, &logs),
        #[cfg(target_os = "linux")]
        Command::Service(service) => commands::service::run(&common, service),
        Command::Kv(kv) => commands::kv::run(&common, kv.verb),
        Command::Catalog(catalog) => commands::catalog::run(&common, catalog.verb),
        Command::Doctor(doctor) => commands::doctor::run(&common, &doctor),
        Command::Completions(shell) => commands::completions::run(&shell),
        Command::Man(man) => commands::man::run(&man),
    }
}
