//! Where the program of a command is.

use std::path::{Path, PathBuf};

use crate::environment::Environment;

/// Why there is no program to run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The name has no folder in it and no folder of PATH holds it.
    #[error("no program `{0}` in PATH")]
    NotInPath(String),
}

/// The absolute path of a program: one with a folder in it is taken from `directory`, a bare name
/// is looked up in the PATH of the environment it will have.
pub fn find(
    program: &str,
    directory: &Path,
    environment: &Environment,
) -> Result<PathBuf, ProgramError> {
    let as_path = Path::new(program);
    if as_path.components().count() > 1 || program.starts_with('.') {
        let path = directory.join(as_path.strip_prefix(".").unwrap_or(as_path));
        return Ok(with_extension(path));
    }
    let folders = environment
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("PATH"))
        .map(|(_, folders)| folders.clone())
        .unwrap_or_default();
    std::env::split_paths(&folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| with_extension(folder.join(program)))
        .find(|path| is_executable(path))
        .ok_or_else(|| ProgramError::NotInPath(program.to_owned()))
}

#[cfg(windows)]
fn with_extension(path: PathBuf) -> PathBuf {
    if path.extension().is_none() {
        path.with_extension("exe")
    } else {
        path
    }
}

#[cfg(not(windows))]
fn with_extension(path: PathBuf) -> PathBuf {
    path
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;

    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
