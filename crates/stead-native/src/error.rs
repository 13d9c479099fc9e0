use std::path::PathBuf;
use std::time::Duration;

use stead_model::plan::Refusal;

use crate::preflight::Finding;
use crate::resolved::ResolveError;

/// Why a verb did not do what it was asked for. Whatever it had changed is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NativeError {
    /// The definition asks for what cannot be had there. Nothing was changed.
    #[error("{}", lines(.0))]
    Refused(Vec<Refusal>),
    /// It would not work, or not be safe. Nothing was changed.
    #[error("{}", lines(.0))]
    Preflight(Vec<Finding>),
    /// Somebody else's service has the name.
    #[error("the name {name} is taken{}", .by.as_ref().map(|by| format!(" by {}", by.display())).unwrap_or_default())]
    Taken {
        /// The name.
        name: String,
        /// What has it.
        by: Option<PathBuf>,
    },
    /// A service of that name is installed, and differs.
    #[error("{name} is installed already, and differs")]
    Differs {
        /// The name.
        name: String,
    },
    /// There is no installed service of that name.
    #[error("no service {name} is installed")]
    NotInstalled {
        /// The name.
        name: String,
    },
    /// It may not be started.
    #[error("its definition says start = \"disabled\"")]
    Disabled,
    /// It does not run.
    #[error("it is not running")]
    NotRunning,
    /// The manager has no such thing.
    #[error("{manager} has no {what}")]
    Lacks {
        /// The manager.
        manager: stead_model::plan::Manager,
        /// What it lacks.
        what: &'static str,
    },
    /// This account may not do that.
    #[error("permission denied: {what}")]
    Denied {
        /// What was tried.
        what: String,
    },
    /// It ran, and failed.
    #[error("{why}")]
    Failed {
        /// How.
        why: String,
    },
    /// It was not done in time. It may still come about.
    #[error("it was not done within {within:?}; it is {state}")]
    Late {
        /// The time it had.
        within: Duration,
        /// Where it stands.
        state: String,
    },
    /// The manager cannot be reached.
    #[error("cannot reach {manager}")]
    Unreachable {
        /// The manager.
        manager: stead_model::plan::Manager,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The manager refused, in its own words.
    #[error("{operation}")]
    Manager {
        /// What was tried.
        operation: String,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The definition cannot be made absolute.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The installed definition cannot be read back.
    #[error("the installed definition {} is damaged", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file could not be written or read.
    #[error("cannot {action} {}", .path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl NativeError {
    pub(crate) fn file(
        action: &'static str,
        path: &std::path::Path,
        source: std::io::Error,
    ) -> Self {
        if source.kind() == std::io::ErrorKind::PermissionDenied {
            return Self::Denied {
                what: format!("cannot {action} {}", path.display()),
            };
        }
        Self::File {
            action,
            path: path.to_owned(),
            source,
        }
    }

    /// The way out, where there is one.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Taken { .. } => "give the service another name".to_owned(),
            Self::Differs { name } => format!(
                "`stead service show {name}` shows what is installed; --replace installs this one in its place"
            ),
            Self::NotInstalled { .. } => {
                "`stead service list` shows what is; `stead service install` installs one"
                    .to_owned()
            }
            Self::Disabled => "`stead service set NAME start=manual` lets it be started".to_owned(),
            Self::Denied { .. } => {
                "services of the system are for root; --user-unit makes one of your own".to_owned()
            }
            Self::Preflight(findings) => return findings.iter().find_map(|it| it.hint.clone()),
            _ => return None,
        })
    }
}

fn lines<T: ToString>(items: &[T]) -> String {
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    items.join("\n")
}
