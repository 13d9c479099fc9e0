//! The verbs that every manager has, and how a service stands under one.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use stead_api::control::Service;
use stead_model::plan::{Choice, Mode};

use crate::error::NativeError;
use crate::resolved::Resolved;

/// What is to be installed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The service.
    pub resolved: Resolved,
    /// Who is to run it, if that is not left to the rule.
    pub forced: Option<Mode>,
    /// The executable of Stead itself, for hosted services.
    pub host: PathBuf,
    /// Whether a service of ours that differs is replaced.
    pub replace: bool,
}

/// What an installation would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who runs the program, and why.
    pub choice: Choice,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What is worth knowing before.
    pub notes: Vec<String>,
}

/// A step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Step {
    /// A file is written.
    Write {
        /// Where.
        path: PathBuf,
        /// With what.
        text: String,
    },
    /// The manager is told something.
    Tell {
        /// What, in the words of the manager's own tool.
        what: String,
    },
}

/// What came of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was installed.
    Installed,
    /// It took the place of one that differed.
    Replaced,
    /// The same was installed already.
    Unchanged,
}

/// What is installed, and how it differs from what its definition would give today.
#[derive(Clone, Debug)]
pub struct Installation {
    /// The definition that was installed.
    pub definition: Resolved,
    /// Where that is.
    pub definition_path: PathBuf,
    /// What the manager was given: its path and text.
    pub given: Vec<(PathBuf, String)>,
    /// Lines that differ between what the manager has (`-`) and what the definition says (`+`).
    pub differences: Vec<String>,
}

/// An installed service as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// What every service has.
    #[serde(flatten)]
    pub service: Service,
    /// `systemd`, `scm` or `launchd`.
    pub manager: &'static str,
    /// `direct` or `hosted`.
    pub mode: &'static str,
    /// When it is started, in the definition's word.
    pub start: String,
    /// Its name with the manager.
    pub unit: String,
}

/// A platform's manager.
pub trait Manager {
    /// What an installation would do. Says everything that stands in its way.
    fn plan(&self, request: &Request) -> Result<Plan, NativeError>;

    /// Installs a service; all of it or nothing.
    fn install(&self, request: &Request) -> Result<Done, NativeError>;

    /// Stops a service if it runs and takes it out; what it wrote stays.
    fn uninstall(&self, name: &str, within: Duration) -> Result<(), NativeError>;

    /// Starts a service; answers when it is ready or has failed.
    fn start(&self, name: &str, within: Duration) -> Result<(), NativeError>;

    /// Stops a service; answers when nothing of it is left.
    fn stop(&self, name: &str, within: Duration) -> Result<(), NativeError>;

    /// Stops a service if it runs, and starts it.
    fn restart(&self, name: &str, within: Duration) -> Result<(), NativeError>;

    /// Has a service read its configuration again.
    fn reload(&self, name: &str, within: Duration) -> Result<(), NativeError>;

    /// How a service stands.
    fn status(&self, name: &str) -> Result<Shown, NativeError>;

    /// How every installed service stands.
    fn list(&self) -> Result<Vec<Shown>, NativeError>;

    /// What is installed.
    fn show(&self, name: &str) -> Result<Installation, NativeError>;

    /// The services that depend on one: what stops when it is stopped.
    fn dependents(&self, name: &str) -> Result<Vec<String>, NativeError>;
}
