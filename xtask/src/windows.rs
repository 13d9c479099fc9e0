//! `cargo xtask windows [PACKAGE…]`: builds Stead for `x86_64-pc-windows-gnu` and runs the tests that concern
//! Windows under Wine.
//!
//! Debian has no standard library for that target, so it is built from the sources Debian packages
//! beside its compiler (`-Z build-std`). Everything lands in a target folder of its own: the two
//! compilers would rebuild each other's work otherwise.

mod build;
mod wine;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use build::TestProgram;
use wine::{Run, Wine};

use crate::needs::{self, User};
use crate::shell;

/// What is tested under Wine.
const SUITES: &[Suite] = &[
    Suite::all("stead"),
    Suite::all("stead-model"),
    Suite::all("stead-os").across_boot("windows_scm_boot"),
    // A thousand power cuts of a disk in memory are the same on every system, and slow here.
    Suite::all("stead-store").without(&["power_cut"]),
    Suite::all("stead-supervisor"),
    Suite::all("stead-telemetry"),
    Suite::only("stead-cli", &["run", "up"]),
];

/// The package of `stead.exe`.
const PROGRAM: &str = "stead-cli";

/// The longest a test program may take. The slowest needs a tenth of it on two idle cores.
const DEADLINE: Duration = Duration::from_mins(3);

/// One package's share of the tests.
struct Suite {
    package: &'static str,
    /// The integration tests to run; `None`: all of them and the unit tests.
    only: Option<&'static [&'static str]>,
    /// Parts of the names of tests that are left out.
    without: &'static [&'static str],
    /// The integration test that has a test for before the machine starts anew, and one for after.
    across_boot: Option<&'static str>,
}

/// The tests of [`Suite::across_boot`].
const BEFORE_THE_BOOT: &str = "before_the_boot";
const AFTER_THE_BOOT: &str = "after_the_boot";

impl Suite {
    const fn all(package: &'static str) -> Self {
        Self {
            package,
            only: None,
            without: &[],
            across_boot: None,
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

    const fn across_boot(self, name: &'static str) -> Self {
        Self {
            across_boot: Some(name),
            ..self
        }
    }

    /// The program to run across a boot, which must be there.
    fn boots<'a>(&self, built: &'a [TestProgram]) -> Result<Option<&'a TestProgram>> {
        let Some(name) = self.across_boot else {
            return Ok(None);
        };
        built
            .iter()
            .find(|it| it.package == self.package && it.target == name)
            .map(Some)
            .with_context(|| format!("{} has no integration test `{name}`", self.package))
    }

    /// The programs to run, each of which must be there.
    fn programs<'a>(&self, built: &'a [TestProgram]) -> Result<Vec<&'a TestProgram>> {
        let of_package = built.iter().filter(|it| {
            it.package == self.package && Some(it.target.as_str()) != self.across_boot
        });
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

/// The suites of these packages; of none: all.
fn chosen(packages: &[String]) -> Result<Vec<&'static Suite>> {
    for package in packages {
        ensure!(
            SUITES.iter().any(|suite| suite.package == package),
            "nothing of {package} is tested under Wine; what is: {}",
            SUITES
                .iter()
                .map(|suite| suite.package)
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
    let wanted =
        |suite: &&Suite| packages.is_empty() || packages.iter().any(|it| it == suite.package);
    Ok(SUITES.iter().filter(wanted).collect())
}

/// Builds for Windows and runs the suites of these packages (of none: all) under Wine; an error
/// when anything failed.
pub(crate) fn run(packages: &[String]) -> Result<()> {
    let suites = chosen(packages)?;
    needs::satisfy(&[User::Windows])?;

    let root = shell::root();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder))
        .join("windows");
    let packages: Vec<_> = suites.iter().map(|suite| suite.package).collect();

    let began = Instant::now();
    let built = build::build(&target, &packages)?;
    println!("built in {:.0} s", began.elapsed().as_secs_f64());

    let mut planned = Vec::new();
    for suite in suites {
        planned.push((
            suite,
            suite.programs(&built.tests)?,
            suite.boots(&built.tests)?,
        ));
    }

    let mut wine = Wine::boot(&target.join("wine"), &root.join("xtask/wine"))?;
    let mut tally = Tally::default();
    for (suite, programs, _) in &planned {
        for program in programs {
            let run = wine.run(program, suite.without, DEADLINE)?;
            tally.add(program, &run);
        }
    }
    if packages.contains(&PROGRAM) {
        let stead = built.stead.context("the build made no stead.exe")?;
        tally.check_program(&wine, &stead)?;
    }
    // One boot for all of them, at the end, when there is nothing it could disturb.
    let across: Vec<_> = planned.iter().filter_map(|(.., boots)| *boots).collect();
    if !across.is_empty() {
        for program in &across {
            tally.add(program, &wine.run_one(program, BEFORE_THE_BOOT, DEADLINE)?);
        }
        wine.reboot()?;
        for program in &across {
            tally.add(program, &wine.run_one(program, AFTER_THE_BOOT, DEADLINE)?);
        }
    }
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

    #[test]
    fn what_boots_runs_apart() {
        let built = [
            program("a", "a"),
            program("a", "boot"),
            program("b", "boot"),
        ];
        let suite = Suite::all("a").across_boot("boot");
        assert_eq!(suite.programs(&built).unwrap(), [&built[0]]);
        assert_eq!(suite.boots(&built).unwrap(), Some(&built[1]));
        assert_eq!(Suite::all("a").boots(&built).unwrap(), None);
        assert!(suite.boots(&built[..1]).is_err());
    }

    #[test]
    fn packages_are_chosen_by_name() {
        assert_eq!(chosen(&[]).unwrap().len(), SUITES.len());
        let os = chosen(&["stead-os".to_owned()]).unwrap();
        assert_eq!(os.len(), 1);
        assert_eq!(os[0].package, "stead-os");
        assert!(chosen(&["stead-nothing".to_owned()]).is_err());
    }
}
