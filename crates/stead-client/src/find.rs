//! Finding the agent's control socket when nobody says where it is.

use std::path::{Path, PathBuf};

use crate::{ClientError, ControlAddress};

/// What the search looks at. Plain data, so that the search itself is a pure
/// function; [`Surroundings::of_this_process`] fills it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `--agent`.
    pub explicit: Option<String>,
    /// `STEAD_AGENT`.
    pub environment: Option<String>,
    /// The folder the process stands in.
    pub folder: Option<PathBuf>,
    /// The user's own agent: a socket in the runtime folder or, on Windows, a
    /// pipe that bears the user's name.
    pub user: Option<ControlAddress>,
    /// The system's agent.
    pub system: Option<ControlAddress>,
}

impl Surroundings {
    /// Those of this process; `explicit` is what the command line said.
    pub fn of_this_process(explicit: Option<String>) -> Self {
        Self {
            explicit,
            environment: std::env::var("STEAD_AGENT").ok(),
            folder: std::env::current_dir().ok(),
            user: user_agent(|name| std::env::var(name).ok()),
            system: Some(system_agent()),
        }
    }

    /// Where an agent may be, in the order of the search.
    ///
    /// What was said outright is the only candidate; else the folder, the
    /// user's agent and the system's.
    pub fn candidates(&self) -> Result<Vec<ControlAddress>, ClientError> {
        let said = [&self.explicit, &self.environment]
            .into_iter()
            .flatten()
            .find(|text| !text.is_empty());
        if let Some(text) = said {
            return Ok(vec![text.parse()?]);
        }
        let folder = self
            .folder
            .as_deref()
            .map(|folder| ControlAddress::Socket(folder.join(".stead").join("agent.sock")));
        Ok([folder, self.user.clone(), self.system.clone()]
            .into_iter()
            .flatten()
            .collect())
    }
}

/// The address to connect to: the first candidate that `is_there`, or the last
/// one when none is, so that the error names the place an agent usually has.
///
/// What was said outright is taken without asking whether it is there.
///
/// ```
/// use stead_client::{Surroundings, find_control};
/// let around = Surroundings::of_this_process(None);
/// let address = find_control(&around, stead_client::ControlAddress::is_there)?;
/// # Ok::<(), stead_client::ClientError>(())
/// ```
pub fn find_control(
    around: &Surroundings,
    is_there: impl Fn(&ControlAddress) -> bool,
) -> Result<ControlAddress, ClientError> {
    let mut candidates = around.candidates()?;
    let chosen = candidates.iter().position(is_there);
    match chosen {
        Some(index) => Ok(candidates.swap_remove(index)),
        None => candidates.pop().ok_or(ClientError::Address {
            text: String::new(),
            why: "there is no place to look for an agent",
        }),
    }
}

impl ControlAddress {
    /// Whether something of this name exists: not whether it answers.
    pub fn is_there(&self) -> bool {
        match self {
            Self::Socket(path) => path.exists(),
            // Opening a pipe to see whether it exists would use up one of its
            // instances; its folder can be asked instead.
            Self::Pipe(name) => pipe_exists(name),
        }
    }
}

#[cfg(windows)]
fn pipe_exists(name: &str) -> bool {
    let Some((_, wanted)) = name.rsplit_once('\\') else {
        return false;
    };
    std::fs::read_dir(r"\\.\pipe\").is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().eq_ignore_ascii_case(wanted))
    })
}

#[cfg(not(windows))]
fn pipe_exists(_name: &str) -> bool {
    false
}

fn system_agent() -> ControlAddress {
    if cfg!(windows) {
        ControlAddress::Pipe(r"\\.\pipe\stead-agent".to_owned())
    } else if cfg!(target_os = "macos") {
        ControlAddress::Socket(Path::new("/var/run/stead/agent.sock").to_owned())
    } else {
        ControlAddress::Socket(Path::new("/run/stead/agent.sock").to_owned())
    }
}

/// The user's agent, by the environment of the platform.
fn user_agent(variable: impl Fn(&str) -> Option<String>) -> Option<ControlAddress> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    if cfg!(windows) {
        let user = set("USERNAME")?;
        return Some(ControlAddress::Pipe(format!(
            r"\\.\pipe\stead-agent-{user}"
        )));
    }
    // macOS has no runtime folder; its temporary folder is the user's alone.
    let runtime = if cfg!(target_os = "macos") {
        "TMPDIR"
    } else {
        "XDG_RUNTIME_DIR"
    };
    let folder = PathBuf::from(set(runtime)?);
    folder
        .is_absolute()
        .then(|| ControlAddress::Socket(folder.join("stead").join("agent.sock")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(path: &str) -> ControlAddress {
        ControlAddress::Socket(path.into())
    }

    fn around(explicit: Option<&str>, environment: Option<&str>) -> Surroundings {
        Surroundings {
            explicit: explicit.map(str::to_owned),
            environment: environment.map(str::to_owned),
            folder: Some("/here".into()),
            user: Some(socket("/user/agent.sock")),
            system: Some(socket("/system/agent.sock")),
        }
    }

    #[test]
    fn the_search() {
        let folder = "/here/.stead/agent.sock";
        let (user, system) = ("/user/agent.sock", "/system/agent.sock");
        for (explicit, environment, there, expected) in [
            (None, None, &[folder, user, system][..], folder),
            (None, None, &[user, system], user),
            (None, None, &[system], system),
            (None, None, &[], system),
            (Some("/e"), Some("/v"), &[folder, "/v"], "/e"),
            (None, Some("/v"), &[folder], "/v"),
            (Some(""), Some(""), &[user], user),
        ] {
            let found = find_control(&around(explicit, environment), |address| {
                there.contains(&address.to_string().as_str())
            });
            assert_eq!(
                found.unwrap(),
                socket(expected),
                "{explicit:?} {environment:?} {there:?}"
            );
        }
    }

    #[test]
    fn a_bad_word_is_an_error_and_never_passed_over() {
        let error = find_control(&around(None, Some("http://x")), |_| true).unwrap_err();
        assert!(error.to_string().contains("http://x"), "{error}");
        assert!(find_control(&Surroundings::default(), |_| true).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_user_s_agent() {
        let with = |value: &'static str| {
            user_agent(move |name| (name == "XDG_RUNTIME_DIR").then(|| value.to_owned()))
        };
        assert_eq!(
            with("/run/user/7"),
            Some(socket("/run/user/7/stead/agent.sock"))
        );
        assert_eq!(with(""), None);
        assert_eq!(with("relative"), None);
    }
}
