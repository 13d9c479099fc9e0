use futures::{FutureExt as _, StreamExt as _};
use zbus::MessageStream;

use super::bus::{PROPERTIES, Systemd, object_path};
use super::error::SystemdError;
use super::status::Status;

/// What becomes of a unit.
#[derive(Debug)]
pub struct Changes<'a> {
    systemd: &'a Systemd,
    unit: String,
    signals: MessageStream,
    /// The first status is given without a change.
    begun: bool,
}

impl Systemd {
    /// Follows a unit: its status now, and again whenever something of it has changed.
    pub async fn follow(&self, unit: &str) -> Result<Changes<'_>, SystemdError> {
        let asked = self.asked("follow", unit);
        let path = object_path(unit);
        let signals = self
            .signals(&path, PROPERTIES, "PropertiesChanged", asked)
            .await?;
        Ok(Changes {
            systemd: self,
            unit: unit.to_owned(),
            signals,
            begun: false,
        })
    }
}

impl Changes<'_> {
    /// The status now, and then the next one that may differ from the last. Changes that come in
    /// quick succession are one. Safe to cancel.
    pub async fn next(&mut self) -> Result<Status, SystemdError> {
        if self.begun {
            let asked = self.systemd.asked("follow", &self.unit);
            match self.signals.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(asked.broken(error)),
                None => {
                    let gone = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
                    return Err(asked.broken(gone.into()));
                }
            }
        }
        // Cancelled from here on, it is asked for at once the next time.
        self.begun = false;
        while let Some(Some(_)) = self.signals.next().now_or_never() {}
        let status = self.systemd.status(&self.unit).await?;
        self.begun = true;
        Ok(status)
    }
}
