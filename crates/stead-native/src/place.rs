//! Where what belongs to installed services is.

use std::path::{Path, PathBuf};

/// Whose services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The machine's, which run whoever is logged in.
    #[default]
    System,
    /// One user's own, with that user's rights.
    User,
}

/// The folders of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Whose.
    pub scope: Scope,
    /// The installed definitions, a file for each service.
    pub definitions: PathBuf,
    /// The state of services, a folder for each.
    pub state: PathBuf,
    /// What services log, a folder for each.
    pub logs: PathBuf,
    /// Unit files of systemd.
    pub units: PathBuf,
}

/// The user's folders cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither the XDG variables nor HOME say where your folders are")]
pub struct NoHome;

impl Places {
    /// Those of the machine.
    pub fn system() -> Self {
        Self {
            scope: Scope::System,
            definitions: "/etc/stead/services".into(),
            state: "/var/lib/stead".into(),
            logs: "/var/log/stead".into(),
            units: "/etc/systemd/system".into(),
        }
    }

    /// Those of the user this process runs as, by the XDG base directories.
    pub fn user(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Self, NoHome> {
        let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let folder = |name: &str, below: &str| {
            absolute(name)
                .or_else(|| home.as_ref().map(|home| home.join(below)))
                .ok_or(NoHome)
        };
        let config = folder("XDG_CONFIG_HOME", ".config")?;
        let state = folder("XDG_STATE_HOME", ".local/state")?;
        Ok(Self {
            scope: Scope::User,
            definitions: config.join("stead/services"),
            state: state.join("stead"),
            logs: state.join("stead/logs"),
            units: config.join("systemd/user"),
        })
    }

    /// The installed definition of a service.
    pub fn definition(&self, name: &str) -> PathBuf {
        self.definitions.join(format!("{name}.toml"))
    }

    /// A service's own state.
    pub fn state_of(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// What a service logs.
    pub fn logs_of(&self, name: &str) -> PathBuf {
        self.logs.join(name)
    }

    /// The names of the services that have an installed definition, in order.
    pub fn installed(&self) -> std::io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.definitions) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
                && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }
}

/// Writes a file in one step, for everybody to read and its owner alone to write, whatever the
/// caller's mask: the accounts of services read it too.
pub(crate) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;

    if let Some(folder) = path.parent() {
        make(folder)?;
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = std::fs::File::create(&new)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| open_to_all(&file, 0o644))
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&new, path));
    written.inspect_err(|_| {
        // The error that led here is what counts.
        let _ = std::fs::remove_file(&new);
    })
}

/// Makes a folder and those above it that are not there.
fn make(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make(above)?;
    }
    std::fs::create_dir(folder)?;
    open_to_all(&std::fs::File::open(folder)?, 0o755)
}

#[cfg(unix)]
fn open_to_all(file: &std::fs::File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn open_to_all(_file: &std::fs::File, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_folders_follow_the_xdg_variables() {
        let only_home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/ann"));
        let places = Places::user(only_home).unwrap();
        assert_eq!(places.units, Path::new("/home/ann/.config/systemd/user"));
        assert_eq!(
            places.state_of("orders"),
            Path::new("/home/ann/.local/state/stead/orders")
        );
        let moved = |name: &str| (name != "HOME").then(|| PathBuf::from("/data").join(name));
        let places = Places::user(moved).unwrap();
        assert_eq!(
            places.definition("orders"),
            Path::new("/data/XDG_CONFIG_HOME/stead/services/orders.toml")
        );
        assert_eq!(Places::user(|_| None), Err(NoHome));
    }

    #[test]
    fn definitions_are_listed_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            definitions: folder.path().join("services"),
            ..Places::system()
        };
        assert_eq!(places.installed().unwrap(), Vec::<String>::new());
        for name in ["b", "a"] {
            write(&places.definition(name), "").unwrap();
        }
        std::fs::write(places.definitions.join("notes.txt"), "").unwrap();
        assert_eq!(places.installed().unwrap(), ["a", "b"]);
    }
}
