use std::fmt;
use std::time::Duration;

use futures::StreamExt as _;
use zbus::{MessageStream, OwnedObjectPath};

use super::bus::{Systemd, body};
use super::error::SystemdError;

/// What a job does to a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Starts it, and what it needs.
    Start,
    /// Stops it, and what needs it.
    Stop,
    /// Stops it if it runs, and starts it.
    Restart,
    /// Restarts it if it runs; else nothing.
    TryRestart,
    /// Has it read its configuration again.
    Reload,
    /// Reloads it if it can be, else restarts it.
    ReloadOrRestart,
}

impl Verb {
    fn method(self) -> &'static str {
        match self {
            Self::Start => "StartUnit",
            Self::Stop => "StopUnit",
            Self::Restart => "RestartUnit",
            Self::TryRestart => "TryRestartUnit",
            Self::Reload => "ReloadUnit",
            Self::ReloadOrRestart => "ReloadOrRestartUnit",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart | Self::TryRestart => "restart",
            Self::Reload => "reload",
            Self::ReloadOrRestart => "reload or restart",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// How a job ended that did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobResult {
    /// The unit failed; its status says how.
    Failed,
    /// A unit that it depends on failed.
    Dependency,
    /// The job took longer than its unit allows.
    Timeout,
    /// Another job took its place.
    Canceled,
    /// The unit's state does not allow it.
    Invalid,
    /// An `Assert…=` of the unit does not hold.
    Assert,
    /// Units of this type cannot do that here.
    Unsupported,
    /// The unit was unloaded meanwhile.
    Collected,
    /// The unit can be started only once, and was.
    Once,
    /// Another result, in systemd's word.
    Other(String),
}

impl JobResult {
    /// `None` if all is well. A job is skipped when it did not apply to begin with.
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "done" | "skipped" => return None,
            "failed" => Self::Failed,
            "dependency" => Self::Dependency,
            "timeout" => Self::Timeout,
            "canceled" => Self::Canceled,
            "invalid" => Self::Invalid,
            "assert" => Self::Assert,
            "unsupported" => Self::Unsupported,
            "collected" => Self::Collected,
            "once" => Self::Once,
            other => Self::Other(other.to_owned()),
        })
    }
}

impl fmt::Display for JobResult {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Failed => "it failed",
            Self::Dependency => "a unit that it depends on failed",
            Self::Timeout => "it took longer than its unit allows",
            Self::Canceled => "another job took the place of this one",
            Self::Invalid => "its state does not allow it",
            Self::Assert => "a condition that its unit asserts does not hold",
            Self::Unsupported => "units of this type cannot do that here",
            Self::Collected => "it was unloaded meanwhile",
            Self::Once => "it can be started only once",
            Self::Other(word) => return write!(formatter, "systemd says {word}"),
        })
    }
}

/// A job that systemd has taken on. It goes on if this is dropped.
#[derive(Debug)]
pub struct Job {
    verb: Verb,
    unit: String,
    address: String,
    path: OwnedObjectPath,
    removed: MessageStream,
    /// How it ended, once that is known.
    ended: Option<String>,
}

impl Systemd {
    /// Has systemd take on a job for a unit, in place of one that waits (`mode` "replace").
    pub async fn job(&self, verb: Verb, unit: &str) -> Result<Job, SystemdError> {
        let asked = self.asked(verb.word(), unit);
        // Listened for before the job is there, so that no end is missed, however soon.
        let removed = self.manager_signals("JobRemoved", asked).await?;
        let reply = self
            .manager(verb.method(), (unit, "replace"), asked)
            .await?;
        Ok(Job {
            verb,
            unit: unit.to_owned(),
            address: self.address.clone(),
            path: body(&reply, asked)?,
            removed,
            ended: None,
        })
    }

    /// Does a job and waits for its end, at most for `within`; after that it goes on by itself.
    pub async fn perform(
        &self,
        verb: Verb,
        unit: &str,
        within: Duration,
    ) -> Result<(), SystemdError> {
        let done = async { self.job(verb, unit).await?.wait().await };
        tokio::time::timeout(within, done)
            .await
            .unwrap_or_else(|_| {
                Err(SystemdError::Timeout {
                    verb,
                    unit: unit.to_owned(),
                    within,
                })
            })
    }
}

impl Job {
    /// What is done.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// To which unit.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Waits for its end. Safe to cancel, and to ask again.
    pub async fn wait(&mut self) -> Result<(), SystemdError> {
        if self.ended.is_none() {
            self.ended = Some(self.next_end().await?);
        }
        match self.ended.as_deref().and_then(JobResult::of) {
            None => Ok(()),
            Some(result) => Err(SystemdError::Job {
                verb: self.verb,
                unit: self.unit.clone(),
                result,
            }),
        }
    }

    async fn next_end(&mut self) -> Result<String, SystemdError> {
        let asked = super::error::Asked {
            operation: self.verb.word(),
            subject: &self.unit,
            address: &self.address,
        };
        while let Some(signal) = self.removed.next().await {
            let signal = signal.map_err(|error| asked.broken(error))?;
            let (_, job, _, result): (u32, OwnedObjectPath, String, String) = body(&signal, asked)?;
            if job == self.path {
                return Ok(result);
            }
        }
        let gone = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
        Err(asked.broken(gone.into()))
    }
}
