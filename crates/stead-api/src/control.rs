//! The control socket: HTTP/1.1 over a Unix socket or a named pipe.
//!
//! | request | answer |
//! |---|---|
//! | `GET /stead/v1/agent` | [`Agent`] |
//! | `GET /stead/v1/services` | array of [`Service`] |
//! | `GET /stead/v1/services/NAME` | [`Service`] with its history |
//! | `POST /stead/v1/services/NAME/VERB` (`start`, `stop`, `restart`, `reload`) | [`Service`], once the verb's goal is reached or has failed |
//! | `GET /stead/v1/services/NAME/logs?follow&lines=N&timestamps` | the captured bytes, streamed |
//!
//! An error answers with a status and a [`Problem`].

use serde::{Deserialize, Serialize};

/// The agent itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Process id.
    pub pid: u32,
    /// Version of the binary.
    pub version: String,
    /// Address of the HTTP API, `host:port`, where it listens.
    pub http: Option<String>,
    /// The data folder.
    pub data: String,
    /// The definition file it runs.
    pub definition: Option<String>,
}

/// A service as `ps` and `status` show it. Stable: scripts read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// `INIT`, `RUNNING`, `STOPPING`, `ERROR` or `TERMINATED`.
    pub state: String,
    /// While RUNNING: `starting`, `ready`, `reloading` or `paused`.
    pub phase: Option<String>,
    /// `Healthy`, `Unhealthy` or `Unknown`; absent while the service does not run.
    pub health: Option<String>,
    /// Whether the health is held because it changed too often.
    #[serde(default)]
    pub flapping: bool,
    /// The main process.
    pub pid: Option<u32>,
    /// Automatic restarts since the last START or RESTART that somebody asked for.
    pub restarts: u64,
    /// When the present state was entered, RFC 3339.
    pub since: String,
    /// How the last run ended: `code 1`, `signal 9`.
    pub exit: Option<String>,
    /// What the program said about itself (`STATUS=`).
    pub status: Option<String>,
    /// What stands in the way: the last error, or when the next restart is due.
    pub detail: Option<String>,
    /// Limits asked for and not in force here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_enforced: Vec<String>,
    /// Its checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// Its newest transitions, oldest first; only in answers about one service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Transition>,
}

/// A check of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// `Healthy`, `Unhealthy` or `Unknown`.
    pub health: String,
    /// The newest output, at most 4 KiB.
    pub output: String,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When, RFC 3339.
    pub at: String,
    /// From, for example `RUNNING/starting`.
    pub from: String,
    /// To.
    pub to: String,
    /// What made it happen.
    pub cause: String,
    /// Who asked: an account, `the program`, `stead` for its policies, `the platform`.
    pub by: String,
}

/// An error with its causes and a way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The operation and its subject.
    pub error: String,
    /// From the nearest cause to the farthest.
    #[serde(default)]
    pub causes: Vec<String>,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
    /// What kind: decides the exit status.
    pub kind: ProblemKind,
}

/// Kinds of problems, by what a caller does about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// It was tried and failed: exit status 1.
    Failed,
    /// The request makes no sense: exit status 2.
    Usage,
    /// No such thing: exit status 3.
    NotFound,
    /// Not allowed: exit status 4.
    Denied,
}
