//! Every chore a person or CI runs: `cargo xtask test`, `tidy`, `windows`, `bench`, `fuzz`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the person who runs it"
)]

#[cfg(unix)]
mod bench;
mod fuzz;
mod needs;
mod shell;
mod test;
mod tidy;
mod windows;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of this repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need and run all of them; with names, only the tests that match.
    Test {
        /// Parts of test names, handed to nextest.
        names: Vec<String>,
        /// Fuzz too, a minute for each target (CI always does).
        #[arg(long)]
        fuzz: bool,
    },
    /// Check the house rules: layers, `unsafe`, dependencies, licences, links, file sizes.
    Tidy,
    /// Measure Stead against its peers in one run and print the ratios.
    #[cfg(unix)]
    Bench {
        #[command(subcommand)]
        what: bench::Bench,
    },
    /// Build for Windows and run the tests that concern it under Wine.
    Windows {
        /// The packages to build and test; without, all of them.
        packages: Vec<String>,
    },
    /// Fuzz every target for a while.
    Fuzz {
        /// Seconds for each target.
        #[arg(long, default_value_t = fuzz::DEFAULT_SECONDS)]
        seconds: u32,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test { names, fuzz } if names.is_empty() => test::everything(fuzz),
        Chore::Test { names, .. } => test::matching(&names),
        Chore::Tidy => tidy::run(),
        #[cfg(unix)]
        Chore::Bench { what } => bench::run(&what),
        Chore::Windows { packages } => windows::run(&packages),
        Chore::Fuzz { seconds } => fuzz::run(seconds),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("caused by: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}
