//! A Wine of our own: a fresh prefix, kept warm while the tests run, shut down at the end.
//!
//! In it there is what Wine lacks, and a service for the tests, built from the sources in
//! `xtask/wine`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::build::TestProgram;

/// The longest the first boot may take.
const BOOT_DEADLINE: Duration = Duration::from_secs(90);

/// The longest shutting down may take.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(20);

/// Where the fixture service is built. The space in its path is part of the test.
const SERVICE: &str = "drive_c/fixture service/service.exe";

/// What tells the tests where that is, and the path as Windows has it.
const SERVICE_VARIABLE: (&str, &str) = ("STEAD_C_SERVICE", r"C:\fixture service\service.exe");

/// A running Wine.
pub(super) struct Wine {
    prefix: PathBuf,
    /// Windows' services and session end with the last ordinary process, and each new one would
    /// boot them again; this one waits for input that never comes.
    holder: Child,
}

/// How one program ended.
pub(super) struct Run {
    pub(super) success: bool,
    /// The end in words.
    pub(super) end: String,
    /// Standard output and standard error.
    pub(super) output: String,
    pub(super) took: Duration,
}

impl Wine {
    /// Makes a fresh prefix in `prefix`, with what is built from `sources`, and boots it.
    pub(super) fn boot(prefix: &Path, sources: &Path) -> Result<Self> {
        if prefix.exists() {
            // A run that was killed may have left its server behind.
            stop_server(prefix)?;
            std::fs::remove_dir_all(prefix)
                .with_context(|| format!("cannot remove {}", prefix.display()))?;
        }
        std::fs::create_dir_all(prefix)
            .with_context(|| format!("cannot create {}", prefix.display()))?;
        let mut boot = limited(prefix, BOOT_DEADLINE, "wine");
        boot.args(["wineboot", "--init"]);
        let run = finish(boot, prefix, BOOT_DEADLINE)?;
        ensure!(
            run.success,
            "Wine did not boot: {}\n{}",
            run.end,
            run.output
        );
        // Windows without a screen; what has started so far has settled for none at all.
        let mut screen = limited(prefix, BOOT_DEADLINE, "wine");
        screen.args(["reg", "add", r"HKCU\Software\Wine\Drivers"]);
        screen.args(["/v", "Graphics", "/d", "null", "/f"]);
        let run = finish(screen, prefix, BOOT_DEADLINE)?;
        ensure!(run.success, "Wine's registry: {}\n{}", run.end, run.output);
        stop_server(prefix)?;
        provide_prng(prefix, &sources.join("bcryptprimitives.c"))?;
        build_service(prefix, &sources.join("service.c"))?;
        let holder = hold(prefix)?;
        Ok(Self {
            prefix: prefix.to_owned(),
            holder,
        })
    }

    /// Runs a test program in its package's folder, without the tests of these names.
    pub(super) fn run(
        &self,
        program: &TestProgram,
        without: &[&str],
        deadline: Duration,
    ) -> Result<Run> {
        let mut command = limited(&self.prefix, deadline, "wine");
        command
            .arg(&program.executable)
            .args(without.iter().flat_map(|name| ["--skip", name]))
            .current_dir(&program.folder);
        finish(command, &self.prefix, deadline)
    }

    /// Runs one test of a test program.
    pub(super) fn run_one(
        &self,
        program: &TestProgram,
        test: &str,
        deadline: Duration,
    ) -> Result<Run> {
        let mut command = limited(&self.prefix, deadline, "wine");
        command
            .arg(&program.executable)
            .args(["--exact", test])
            .current_dir(&program.folder);
        finish(command, &self.prefix, deadline)
    }

    /// Ends every process and boots again, with what is installed.
    pub(super) fn reboot(&mut self) -> Result<()> {
        self.end()?;
        self.holder = hold(&self.prefix)?;
        Ok(())
    }

    /// Runs any program.
    pub(super) fn run_program(
        &self,
        program: &Path,
        arguments: &[&str],
        deadline: Duration,
    ) -> Result<Run> {
        let mut command = limited(&self.prefix, deadline, "wine");
        command.arg(program).args(arguments);
        finish(command, &self.prefix, deadline)
    }

    /// Ends every process of this Wine and waits for the last of them.
    pub(super) fn shut_down(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        drop(self.holder.stdin.take());
        stop_server(&self.prefix)?;
        self.holder.wait().context("cannot wait for Wine's cmd")?;
        Ok(())
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // After an error in between; once shut down, there is nothing left and this does nothing.
        let _ = stop_server(&self.prefix);
    }
}

impl Run {
    /// Tests passed and failed by libtest's own last line, if it got to print it.
    pub(super) fn counts(&self) -> Option<(usize, usize)> {
        let line = self
            .output
            .lines()
            .rev()
            .find_map(|line| line.trim().strip_prefix("test result: "))?;
        let number = |word: &str| -> Option<usize> {
            let before = line.split(word).next()?;
            before
                .rsplit([' ', '.', ';'])
                .find(|part| !part.is_empty())?
                .parse()
                .ok()
        };
        Some((number("passed")?, number("failed")?))
    }
}

/// `program` in the prefix, ended by force after `deadline`.
fn limited(prefix: &Path, deadline: Duration, program: &str) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after", "5"])
        .arg(deadline.as_secs().to_string())
        .arg(program)
        .stdin(Stdio::null());
    environment(&mut command, prefix);
    command
}

fn environment(command: &mut Command, prefix: &Path) {
    command
        .env("WINEPREFIX", prefix)
        .env("WINEDEBUG", "-all")
        // No offer to download Mono and Gecko, no desktop menus: nothing here needs them.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env_remove("DISPLAY")
        // A failed test's backtrace is mostly tokio's and hides the message.
        .env("RUST_BACKTRACE", "0")
        .env(SERVICE_VARIABLE.0, SERVICE_VARIABLE.1)
        .env_remove("RUSTC_BOOTSTRAP");
}

/// Wine 8 has no bcryptprimitives.dll, from which Rust's library draws random seeds.
fn provide_prng(prefix: &Path, source: &Path) -> Result<()> {
    let library = prefix.join("drive_c/windows/system32/bcryptprimitives.dll");
    if library.exists() {
        return Ok(());
    }
    compile(source, &library, &["-shared", "-O2"])
}

/// A service in C, as small as it can be: a fixture, and the limit that benchmarks compare with.
fn build_service(prefix: &Path, source: &Path) -> Result<()> {
    compile(source, &prefix.join(SERVICE), &["-municode", "-Os"])
}

fn compile(source: &Path, target: &Path, options: &[&str]) -> Result<()> {
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let status = Command::new("x86_64-w64-mingw32-gcc")
        .args(options)
        .args(["-s", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(target)
        .arg(source)
        .arg("-ladvapi32")
        .status()
        .context("cannot run x86_64-w64-mingw32-gcc")?;
    ensure!(status.success(), "cannot build {}", target.display());
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a chore, whose Wine is shut down by its prefix whatever happens"
)]
fn hold(prefix: &Path) -> Result<Child> {
    let mut command = Command::new("wine");
    command
        .arg("cmd")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    environment(&mut command, prefix);
    command.spawn().context("cannot run wine")
}

/// Runs to the end. The output goes through a file: what Wine starts on the side (services, the
/// server) would hold a pipe open long after the program's end.
fn finish(mut command: Command, prefix: &Path, deadline: Duration) -> Result<Run> {
    let path = prefix.join("output");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    let began = Instant::now();
    let status = command
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .context("cannot run wine")?;
    let took = began.elapsed();
    let output = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let end = match status.code() {
        // What timeout(1) says after SIGTERM, and after SIGKILL.
        Some(124 | 137) => format!("ended after {} s", deadline.as_secs()),
        _ => status.to_string(),
    };
    Ok(Run {
        success: status.success(),
        end,
        output: String::from_utf8_lossy(&output).replace("\r\n", "\n"),
        took,
    })
}

/// Ends the server of this prefix, and with it every process in it.
fn stop_server(prefix: &Path) -> Result<()> {
    for argument in ["--kill", "--wait"] {
        // Its status says whether a server ran, which is not of interest.
        limited(prefix, SHUTDOWN_DEADLINE, "/usr/lib/wine/wineserver")
            .arg(argument)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot run wineserver")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(output: &str) -> Run {
        Run {
            success: true,
            end: String::new(),
            output: output.to_owned(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn libtest_is_read_by_its_last_line() {
        let line =
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(run(line).counts(), Some((12, 3)));
        assert_eq!(run("\nrunning 2 tests\n").counts(), None);
        assert_eq!(
            run(&format!("test result: ok. 1 passed; 0 failed\n{line}")).counts(),
            Some((12, 3))
        );
    }
}
