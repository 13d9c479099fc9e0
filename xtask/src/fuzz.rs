//! `cargo xtask fuzz`: every target under `fuzz/` for a while, from its committed seeds.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::needs::{self, User};
use crate::shell;

/// Seconds a target runs for unless told otherwise.
pub(crate) const DEFAULT_SECONDS: u32 = 60;

/// Runs each target for `seconds`; a crash, a hang or a leak fails.
pub(crate) fn run(seconds: u32) -> Result<()> {
    needs::satisfy(&[User::Fuzz])?;
    let targets = targets(&shell::root().join("fuzz"))?;
    if targets.is_empty() {
        bail!("there is no fuzz target in fuzz/fuzz_targets");
    }
    for target in &targets {
        shell::run(
            shell::cargo()
                // No sanitizer: what is fuzzed is safe code, and without one it is built and run
                // several times as fast. Leaks of memory show by the limit below.
                .args(["fuzz", "run", "--release", "--sanitizer", "none", target])
                // New finds go to the first folder, which is not committed; the seeds are only read.
                .arg(format!("fuzz/corpus/{target}"))
                .arg(format!("fuzz/seeds/{target}"))
                .arg("--")
                .arg(format!("-max_total_time={seconds}"))
                // A failure is told whatever this says; without it every new find is.
                .args(["-verbosity=0", "-print_funcs=0"])
                .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"])
                // The flags for coverage are unstable; this lets the stable compiler take them.
                .env("RUSTC_BOOTSTRAP", "1"),
        )?;
        println!("fuzz target {target}: no failure in {seconds} s");
    }
    Ok(())
}

/// The names of the targets, in order, each with its folder of seeds and of finds.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let sources = folder.join("fuzz_targets");
    let mut names = Vec::new();
    for entry in
        fs::read_dir(&sources).with_context(|| format!("cannot list {}", sources.display()))?
    {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
        {
            let seeds = folder.join("seeds").join(name);
            if !seeds.is_dir() {
                bail!("fuzz target {name} has no seeds in {}", seeds.display());
            }
            let corpus = folder.join("corpus").join(name);
            fs::create_dir_all(&corpus)
                .with_context(|| format!("cannot make {}", corpus.display()))?;
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_without_seeds_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("fuzz_targets")).unwrap();
        fs::write(folder.path().join("fuzz_targets/http.rs"), "").unwrap();
        assert!(targets(folder.path()).is_err());
        fs::create_dir_all(folder.path().join("seeds/http")).unwrap();
        assert_eq!(targets(folder.path()).unwrap(), ["http"]);
    }
}
