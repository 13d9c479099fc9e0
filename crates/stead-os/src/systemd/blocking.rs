//! The manager for those who wait: the same calls as [`super::Systemd`], each in a runtime of
//! its own on this thread.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::{
    FileChange, ListedFile, ListedUnit, Relations, Scope, Status, SystemdError, Verb, Whom,
};

/// A connection to systemd's manager that blocks.
///
/// Not for use within an asynchronous runtime, where it panics as every nested runtime does.
#[derive(Debug)]
pub struct Systemd {
    // Ends before its runtime does.
    inner: super::Systemd,
    runtime: Runtime,
}

impl Systemd {
    /// See [`super::Systemd::connect`].
    pub fn connect(scope: Scope) -> Result<Self, SystemdError> {
        Self::connected(super::Systemd::connect(scope))
    }

    /// See [`super::Systemd::connect_to`].
    pub fn connect_to(address: &str) -> Result<Self, SystemdError> {
        Self::connected(super::Systemd::connect_to(address))
    }

    fn connected(
        connect: impl Future<Output = Result<super::Systemd, SystemdError>>,
    ) -> Result<Self, SystemdError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SystemdError::Runtime)?;
        let inner = runtime.block_on(connect)?;
        Ok(Self { inner, runtime })
    }

    /// See [`super::Systemd::reload`].
    pub fn reload(&self) -> Result<(), SystemdError> {
        self.runtime.block_on(self.inner.reload())
    }

    /// See [`super::Systemd::kill`].
    pub fn kill(&self, unit: &str, whom: Whom, signal: i32) -> Result<(), SystemdError> {
        self.runtime.block_on(self.inner.kill(unit, whom, signal))
    }

    /// See [`super::Systemd::reset_failed`].
    pub fn reset_failed(&self, unit: &str) -> Result<(), SystemdError> {
        self.runtime.block_on(self.inner.reset_failed(unit))
    }

    /// See [`super::Systemd::status`].
    pub fn status(&self, unit: &str) -> Result<Status, SystemdError> {
        self.runtime.block_on(self.inner.status(unit))
    }

    /// See [`super::Systemd::relations`].
    pub fn relations(&self, unit: &str) -> Result<Relations, SystemdError> {
        self.runtime.block_on(self.inner.relations(unit))
    }

    /// See [`super::Systemd::version`].
    pub fn version(&self) -> Result<String, SystemdError> {
        self.runtime.block_on(self.inner.version())
    }

    /// See [`super::Systemd::enable`].
    pub fn enable(&self, units: &[&str]) -> Result<Vec<FileChange>, SystemdError> {
        self.runtime.block_on(self.inner.enable(units))
    }

    /// See [`super::Systemd::disable`].
    pub fn disable(&self, units: &[&str]) -> Result<Vec<FileChange>, SystemdError> {
        self.runtime.block_on(self.inner.disable(units))
    }

    /// See [`super::Systemd::units`].
    pub fn units(&self, patterns: &[&str]) -> Result<Vec<ListedUnit>, SystemdError> {
        self.runtime.block_on(self.inner.units(patterns))
    }

    /// See [`super::Systemd::unit_files`].
    pub fn unit_files(&self, patterns: &[&str]) -> Result<Vec<ListedFile>, SystemdError> {
        self.runtime.block_on(self.inner.unit_files(patterns))
    }

    /// Does a job and waits for its end, at most for `within`; after that it goes on by itself.
    pub fn perform(&self, verb: Verb, unit: &str, within: Duration) -> Result<(), SystemdError> {
        self.runtime
            .block_on(self.inner.perform(verb, unit, within))
    }

    /// Like [`Systemd::perform`]; meanwhile `progress` is told the unit's status, at first and
    /// whenever it has changed.
    pub fn perform_with(
        &self,
        verb: Verb,
        unit: &str,
        within: Duration,
        mut progress: impl FnMut(&Status),
    ) -> Result<(), SystemdError> {
        let watched = async {
            let mut changes = self.inner.follow(unit).await?;
            let mut job = self.inner.job(verb, unit).await?;
            loop {
                tokio::select! {
                    biased;
                    ended = job.wait() => return ended,
                    // What goes wrong with the watching does not end the job.
                    Ok(status) = changes.next() => progress(&status),
                    else => return job.wait().await,
                }
            }
        };
        let deadline = async { tokio::time::timeout(within, watched).await };
        self.runtime.block_on(deadline).unwrap_or_else(|_| {
            Err(SystemdError::Timeout {
                verb,
                unit: unit.to_owned(),
                within,
            })
        })
    }

    /// Waits until a unit's status is as wanted, at most for `within`: `None` then. The status at
    /// the moment counts too.
    pub fn wait_until(
        &self,
        unit: &str,
        within: Duration,
        mut wanted: impl FnMut(&Status) -> bool,
    ) -> Result<Option<Status>, SystemdError> {
        let found = async {
            let mut changes = self.inner.follow(unit).await?;
            loop {
                let status = changes.next().await?;
                if wanted(&status) {
                    return Ok(status);
                }
            }
        };
        let deadline = async { tokio::time::timeout(within, found).await };
        self.runtime.block_on(deadline).ok().transpose()
    }
}
