use serde::{Deserialize, Serialize};

use super::value::{Argv, Period};
use crate::name::CheckName;

/// A check of a service: what is tried, how often, and how many results in a row count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, unique in the service. Default: the kind (`http`), for the second of a kind
    /// with its number (`http-2`).
    pub name: CheckName,
    /// What is tried.
    #[serde(flatten)]
    pub kind: CheckKind,
    /// Time from one try to the next. Has no meaning for a heartbeat.
    #[serde(default = "interval")]
    pub interval: Period,
    /// A try that takes longer is a failure. Has no meaning for a heartbeat.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// Successes in a row that make it Healthy.
    #[serde(default = "healthy_after")]
    pub healthy_after: u32,
    /// Failures in a row that make it Unhealthy.
    #[serde(default = "unhealthy_after")]
    pub unhealthy_after: u32,
}

/// What a check tries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// GET of this URL answers with a status from 200 to 299.
    Http(String),
    /// A connection to this `host:port` is accepted.
    Tcp(String),
    /// `grpc.health.v1.Health/Check` at `host:port` or `host:port/service` answers SERVING.
    Grpc(String),
    /// The command ends with 0.
    Exec(Argv),
    /// The program reports itself at least this often.
    Heartbeat(Period),
}

impl Check {
    /// The default of `interval`.
    pub const INTERVAL: Period = Period::from_secs(5);
    /// The default of `timeout`.
    pub const TIMEOUT: Period = Period::from_secs(2);
    /// The default of `healthy_after`.
    pub const HEALTHY_AFTER: u32 = 3;
    /// The default of `unhealthy_after`.
    pub const UNHEALTHY_AFTER: u32 = 5;
}

fn interval() -> Period {
    Check::INTERVAL
}

fn timeout() -> Period {
    Check::TIMEOUT
}

fn healthy_after() -> u32 {
    Check::HEALTHY_AFTER
}

fn unhealthy_after() -> u32 {
    Check::UNHEALTHY_AFTER
}

impl CheckKind {
    /// The key that chooses it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Grpc(_) => "grpc",
            Self::Exec(_) => "exec",
            Self::Heartbeat(_) => "heartbeat",
        }
    }
}
