//! `cargo xtask test`: everything that must hold, in the order in which it fails fastest.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::needs::{self, User};
use crate::{fuzz, shell, tidy, windows};

/// One step of the whole: its name and what it does.
struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: &[Step] = &[
    Step {
        name: "tidy",
        run: tidy::run,
    },
    Step {
        name: "format",
        run: format,
    },
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "tests",
        run: tests,
    },
    Step {
        name: "doc tests",
        run: doc_tests,
    },
    Step {
        name: "documentation",
        run: documentation,
    },
    Step {
        name: "windows",
        run: || windows::run(&[]),
    },
];

const FUZZ: Step = Step {
    name: "fuzz",
    run: fuzz_a_while,
};

/// Sets the machine up and runs every step; one that fails does not hide the next.
pub(crate) fn everything(with_fuzz: bool) -> Result<()> {
    let with_fuzz = with_fuzz || in_ci();
    let mut users = vec![User::Tests, User::Windows];
    let mut steps: Vec<&Step> = STEPS.iter().collect();
    if with_fuzz {
        users.push(User::Fuzz);
        steps.push(&FUZZ);
    }
    needs::satisfy(&users)?;

    let mut outcomes = Vec::with_capacity(steps.len());
    for (number, step) in steps.iter().enumerate() {
        eprintln!("\n=== {} of {}: {}", number + 1, steps.len(), step.name);
        let begun = Instant::now();
        let result = (step.run)();
        let took = begun.elapsed();
        match &result {
            Ok(()) => eprintln!("=== {}: passed in {}", step.name, seconds(took)),
            Err(error) => eprintln!(
                "=== {}: FAILED after {}: {error:#}",
                step.name,
                seconds(took)
            ),
        }
        outcomes.push((step.name, took, result));
    }
    summary(&outcomes)
}

/// Daily use: the tests whose names match, and nothing else.
pub(crate) fn matching(names: &[String]) -> Result<()> {
    needs::satisfy(&[User::Tests])?;
    shell::run(nextest().args(names))
}

fn format() -> Result<()> {
    shell::run(shell::cargo().args(["fmt", "--all", "--check"]))?;
    shell::run(shell::cargo().args(["fmt", "--check", "--manifest-path", "fuzz/Cargo.toml"]))
}

fn clippy() -> Result<()> {
    shell::run(shell::cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))
}

fn tests() -> Result<()> {
    // Made before any test needs it: the tests' own deadlines are not for a download.
    shell::run(shell::cargo().args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "stead-testkit",
        "--example",
        "machine_root",
    ]))?;
    // Named again at the very end, where a reader of a long log looks first.
    shell::run_and_tell(&mut nextest(), |line| {
        ["FAIL", "TIMEOUT", "LEAK-FAIL", "SIG"]
            .iter()
            .any(|word| line.starts_with(word))
    })
}

fn doc_tests() -> Result<()> {
    shell::run(shell::cargo().args(["test", "--workspace", "--doc", "--locked"]))
}

fn documentation() -> Result<()> {
    shell::run(
        shell::cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn fuzz_a_while() -> Result<()> {
    fuzz::run(fuzz::DEFAULT_SECONDS)
}

fn nextest() -> std::process::Command {
    let profile = if in_ci() { "ci" } else { "default" };
    let mut command = shell::cargo();
    command.args([
        "nextest",
        "run",
        "--workspace",
        "--locked",
        "--profile",
        profile,
    ]);
    command
}

fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true" || value == "1")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn summary(outcomes: &[(&str, Duration, Result<()>)]) -> Result<()> {
    println!();
    for (name, _, result) in outcomes {
        if let Err(error) = result {
            println!("{name}: {error:#}\n");
        }
    }
    for (name, took, result) in outcomes {
        let word = if result.is_ok() { "passed" } else { "FAILED" };
        println!("{name:<14} {word}  {:>8}", seconds(*took));
    }
    let passed = outcomes.iter().filter(|outcome| outcome.2.is_ok()).count();
    let failed = outcomes.len() - passed;
    println!("{passed} steps passed, {failed} failed");
    if failed > 0 {
        bail!("{failed} of {} steps failed", outcomes.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_whole() {
        let second = Duration::from_secs(1);
        assert!(summary(&[("a", second, Ok(())), ("b", second, Ok(()))]).is_ok());
        let failed = || Err(anyhow::anyhow!("it is broken"));
        let error = summary(&[("a", second, Ok(())), ("b", second, failed())]).unwrap_err();
        assert_eq!(error.to_string(), "1 of 2 steps failed");
    }
}
