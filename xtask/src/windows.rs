//! `cargo xtask windows`: builds Stead for `x86_64-pc-windows-gnu` and runs the tests that concern
//! Windows under Wine.
//!
//! Debian has no standard library for that target, so it is built from the sources Debian packages
//! beside its compiler (`-Z build-std`). Everything lands in a target folder of its own: the two
//! compilers would rebuild each other's work otherwise.

mod build;
mod wine;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use build::TestProgram;
use wine::{Run, Wine};

use crate::needs::{self, User};
use crate::shell;

/// What is tested under Wine. Each package's unit tests run with its integration tests.
const SUITES: &[Suite] = &[
    Suite::all("stead-model"),
    Suite::all("stead-os"),
    Suite::all("stead-store"),
    Suite::all("stead-supervisor"),
    Suite::only("stead-cli", &["run"]),
];

/// The longest a test program may take. The slowest needs a tenth of it on two cores.
const DEADLINE: Duration = Duration::from_mins(2);

/// One package's share of the tests.
struct Suite {
    package: &'static str,
    /// The integration tests to run; `None`: all of them and the unit tests.
    only: Option<&'static [&'static str]>,
}

impl Suite {
    const fn all(package: &'static str) -> Self {
        Self {
            package,
            only: None,
        }
    }

    const fn only(package: &'static str, tests: &'static [&'static str]) -> Self {
        Self {
            package,
            only: Some(tests),
        }
    }

    fn wants(&self, program: &TestProgram) -> bool {
        self.package == program.package
            && self
                .only
                .is_none_or(|only| only.contains(&program.target.as_str()))
    }
}

/// Builds for Windows and runs the suites under Wine; an error when anything failed.
pub(crate) fn run() -> Result<()> {
    needs::satisfy(&[User::Windows])?;

    let root = shell::root();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder))
        .join("windows");
    let packages: Vec<_> = SUITES.iter().map(|suite| suite.package).collect();

    let began = Instant::now();
    let built = build::build(&target, &packages)?;
    println!("built in {:.0} s", began.elapsed().as_secs_f64());

    let wine = Wine::boot(
        &target.join("wine"),
        &root.join("xtask/wine/bcryptprimitives.c"),
    )?;
    let mut tally = Tally::default();
    for program in &built.tests {
        if SUITES.iter().any(|suite| suite.wants(program)) {
            tally.add(program, &wine.run(program, DEADLINE)?);
        }
    }
    tally.check_program(&wine, &built.stead)?;
    wine.shut_down()?;

    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    ensure!(tally.passed > 0, "no test ran");
    if tally.failed > 0 {
        bail!("failed under Wine: {}", tally.names.join(", "));
    }
    Ok(())
}

/// What came of the runs.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    names: Vec<String>,
}

impl Tally {
    fn add(&mut self, program: &TestProgram, run: &Run) {
        let name = format!("{} {}", program.package, program.target);
        let (passed, mut failed) = run.counts().unwrap_or_default();
        // A program that crashed, hung or printed no result fails, whatever it had counted.
        if failed == 0 && (!run.success || run.counts().is_none()) {
            failed = 1;
        }
        println!(
            "{name}: {passed} passed, {failed} failed in {:.1} s",
            run.took.as_secs_f64()
        );
        if failed > 0 {
            println!("{}\n{}", run.end, run.output);
            self.names.push(name);
        }
        self.passed += passed;
        self.failed += failed;
    }

    /// The program itself starts under Wine and says its version.
    fn check_program(&mut self, wine: &Wine, stead: &Path) -> Result<()> {
        let run = wine.run_program(stead, &["--version"], DEADLINE)?;
        if run.success && run.output.starts_with("stead ") {
            self.passed += 1;
            println!("stead.exe --version: {}", run.output.trim_end());
        } else {
            self.failed += 1;
            self.names.push("stead.exe --version".to_owned());
            println!("stead.exe --version: {}\n{}", run.end, run.output);
        }
        Ok(())
    }
}
