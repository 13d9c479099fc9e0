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

/// What is tested under Wine.
const SUITES: &[Suite] = &[
    Suite::all("stead-model"),
    Suite::all("stead-os"),
    // A thousand power cuts of a disk in memory are the same on every system, and slow here.
    Suite::all("stead-store").without(&["power_cut"]),
    Suite::all("stead-supervisor"),
    Suite::only("stead-cli", &["run", "up"]),
];

/// The longest a test program may take. The slowest needs a tenth of it on two idle cores.
const DEADLINE: Duration = Duration::from_mins(3);

/// One package's share of the tests.
struct Suite {
    package: &'static str,
    /// The integration tests to run; `None`: all of them and the unit tests.
    only: Option<&'static [&'static str]>,
    /// Parts of the names of tests that are left out.
    without: &'static [&'static str],
}

impl Suite {
    const fn all(package: &'static str) -> Self {
        Self {
            package,
            only: None,
            without: &[],
        }
    }

    const fn only(package: &'static str, tests: &'static [&'static str]) -> Self {
        Self {
            only: Some(tests),
            ..Self::all(package)
        }
    }

    const fn without(self, names: &'static [&'static str]) -> Self {
        Self {
            without: names,
            ..self
        }
    }

    /// The programs to run, each of which must be there.
    fn programs<'a>(&self, built: &'a [TestProgram]) -> Result<Vec<&'a TestProgram>> {
        let of_package = built.iter().filter(|it| it.package == self.package);
        let Some(only) = self.only else {
            return Ok(of_package.collect());
        };
        let found: Vec<_> = of_package
            .filter(|it| only.contains(&it.target.as_str()))
            .collect();
        for name in only {
            ensure!(
                found.iter().any(|it| it.target == *name),
                "{} has no integration test `{name}`",
                self.package
            );
        }
        Ok(found)
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

    let mut planned = Vec::new();
    for suite in SUITES {
        planned.push((suite, suite.programs(&built.tests)?));
    }

    let wine = Wine::boot(
        &target.join("wine"),
        &root.join("xtask/wine/bcryptprimitives.c"),
    )?;
    let mut tally = Tally::default();
    for (suite, programs) in planned {
        for program in programs {
            let run = wine.run(program, suite.without, DEADLINE)?;
            tally.add(program, &run);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn program(package: &str, target: &str) -> TestProgram {
        TestProgram {
            package: package.to_owned(),
            target: target.to_owned(),
            folder: "/w".into(),
            executable: "/t/x.exe".into(),
        }
    }

    #[test]
    fn a_suite_takes_its_programs_and_misses_none() {
        let built = [program("a", "a"), program("a", "run"), program("b", "run")];
        assert_eq!(Suite::all("a").programs(&built).unwrap().len(), 2);
        let run = Suite::only("a", &["run"]).programs(&built).unwrap();
        assert_eq!(run, [&built[1]]);
        let missing = Suite::only("a", &["run", "up"]).programs(&built);
        let error = missing.unwrap_err().to_string();
        assert_eq!(error, "a has no integration test `up`");
    }
}
