//! Running other programs: echoed, with the error saying which one failed and how.

use std::env;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The repository's root: the folder that holds `xtask/`.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The cargo that runs this task, so that a `+toolchain` is kept.
pub(crate) fn cargo() -> Command {
    let mut command = command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo tells about xtask itself would otherwise make other packages look changed.
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
    ] {
        command.env_remove(name);
    }
    command
}

/// A program, run in the repository's root.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Runs to the end with the output passed through; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    eprintln!("+ {shown}");
    let status = command
        .status()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status})");
    }
    Ok(())
}

/// As [`run`]; an error also has the lines of stderr that are `of_interest`, each once.
#[expect(
    clippy::disallowed_methods,
    reason = "a chore, which waits for what it starts"
)]
pub(crate) fn run_and_tell(command: &mut Command, of_interest: fn(&str) -> bool) -> Result<()> {
    let shown = shown(command);
    eprintln!("+ {shown}");
    let cannot = || format!("cannot run `{shown}`");
    let mut child = command
        .stderr(Stdio::piped())
        .spawn()
        .with_context(cannot)?;
    let mut told = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line.with_context(cannot)?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            let line = line.trim().to_owned();
            if of_interest(&line) && !told.contains(&line) {
                told.push(line);
            }
        }
    }
    let status = child.wait().with_context(cannot)?;
    if !status.success() {
        told.insert(0, format!("`{shown}` failed ({status})"));
        bail!(told.join("\n"));
    }
    Ok(())
}

/// Runs to the end and gives what it wrote to stdout; stderr passes through.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` wrote invalid UTF-8"))
}

/// Where `program` is on the PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_status() {
        let error = run(command("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed (exit status: 3)");
    }

    #[test]
    fn a_failure_tells_the_lines_of_interest_once() {
        let script = "echo one >&2; echo FAIL two >&2; echo ' FAIL two' >&2; exit 1";
        let mut command = command("sh");
        command.args(["-c", script]);
        let error = run_and_tell(&mut command, |line| line.starts_with("FAIL")).unwrap_err();
        assert!(error.to_string().ends_with("(exit status: 1)\nFAIL two"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut command("no-such-program")).unwrap_err();
        assert_eq!(error.to_string(), "cannot run `no-such-program`");
    }

    #[test]
    fn find_looks_along_the_path() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program").is_none());
    }
}
