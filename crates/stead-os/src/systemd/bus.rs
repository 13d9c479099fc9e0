use std::fmt::Write as _;
use std::path::PathBuf;

use tokio::sync::OnceCell;
use zbus::{Connection, MatchRule, Message, MessageStream, connection, message};

use super::error::{Asked, SystemdError};
use super::properties::Properties;
use super::status::Status;

pub(super) const DESTINATION: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
pub(super) const MANAGER: &str = "org.freedesktop.systemd1.Manager";
pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// How many signals wait for their reader; then the connection stops reading until one is taken.
const MAX_SIGNALS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(256).unwrap();

/// Which manager: the system's, or that of the user this process runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The system's.
    #[default]
    System,
    /// The user's own, as `systemctl --user`.
    User,
}

/// Which of a unit's processes get a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The main process.
    Main,
    /// The control process: an `ExecReload=` that runs, say.
    Control,
    /// All of them.
    All,
}

/// A connection to systemd's manager.
///
/// Signals come only to who has asked for them, which the first that waits for a job or follows a
/// unit does; a connection that only asks costs one round trip for each question.
#[derive(Debug)]
pub struct Systemd {
    pub(super) connection: Connection,
    pub(super) address: String,
    subscribed: OnceCell<()>,
}

impl Systemd {
    /// Connects to the manager over the bus.
    ///
    /// The system's bus is at `DBUS_SYSTEM_BUS_ADDRESS`, else `/run/dbus/system_bus_socket`; the
    /// user's at `DBUS_SESSION_BUS_ADDRESS`, else `bus` in `XDG_RUNTIME_DIR`, else in
    /// `/run/user/UID`.
    pub async fn connect(scope: Scope) -> Result<Self, SystemdError> {
        Self::connect_to(&address(scope)).await
    }

    /// Connects to the manager over the bus at a D-Bus address (`unix:path=…`).
    pub async fn connect_to(address: &str) -> Result<Self, SystemdError> {
        let connection = async { connection::Builder::address(address).build().await };
        let connection = connection.await.map_err(|source| SystemdError::NoBus {
            address: address.to_owned(),
            source: Box::new(source),
        })?;
        Ok(Self {
            connection,
            address: address.to_owned(),
            subscribed: OnceCell::new(),
        })
    }

    /// Reads all unit files again (`systemctl daemon-reload`).
    pub async fn reload(&self) -> Result<(), SystemdError> {
        let asked = self.asked("reload", "the unit files");
        self.manager("Reload", (), asked).await.map(drop)
    }

    /// Sends a signal, by its number, to a unit's processes.
    pub async fn kill(&self, unit: &str, whom: Whom, signal: i32) -> Result<(), SystemdError> {
        let whom = match whom {
            Whom::Main => "main",
            Whom::Control => "control",
            Whom::All => "all",
        };
        let asked = self.asked("signal", unit);
        self.manager("KillUnit", (unit, whom, signal), asked)
            .await
            .map(drop)
    }

    /// Forgets that a unit failed, and how often it was started of late.
    pub async fn reset_failed(&self, unit: &str) -> Result<(), SystemdError> {
        let asked = self.asked("reset", unit);
        self.manager("ResetFailedUnit", (unit,), asked)
            .await
            .map(drop)
    }

    /// A unit's status, in one round trip. A unit that is not loaded is loaded for it.
    pub async fn status(&self, unit: &str) -> Result<Status, SystemdError> {
        Status::of(&self.properties(unit).await?).ok_or_else(|| SystemdError::NoSuchUnit {
            unit: unit.to_owned(),
        })
    }

    /// systemd's own version, as it gives it: `252.39-1~deb12u2`.
    pub async fn version(&self) -> Result<String, SystemdError> {
        let asked = self.asked("ask for", "its version");
        let reply = self.call(
            MANAGER_PATH,
            PROPERTIES,
            "Get",
            &(MANAGER, "Version"),
            asked,
        );
        let reply = reply.await?;
        let value: zbus::OwnedVariant = body(&reply, asked)?;
        String::try_from(value).map_err(|error| asked.broken(error))
    }

    /// All properties of a unit, whatever its type.
    pub(super) async fn properties(&self, unit: &str) -> Result<Properties, SystemdError> {
        let asked = self.asked("ask for", unit);
        let path = object_path(unit);
        let reply = self.call(&path, PROPERTIES, "GetAll", ("",), asked).await?;
        Ok(Properties(body(&reply, asked)?))
    }

    pub(super) fn asked<'a>(&'a self, operation: &'static str, subject: &'a str) -> Asked<'a> {
        Asked {
            operation,
            subject,
            address: &self.address,
        }
    }

    /// Calls a method of the manager.
    pub(super) async fn manager<B>(
        &self,
        method: &str,
        arguments: B,
        asked: Asked<'_>,
    ) -> Result<Message, SystemdError>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.call(MANAGER_PATH, MANAGER, method, arguments, asked)
            .await
    }

    async fn call<B>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        arguments: B,
        asked: Asked<'_>,
    ) -> Result<Message, SystemdError>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        self.connection
            .call_method(Some(DESTINATION), path, Some(interface), method, &arguments)
            .await
            .map_err(|error| asked.error(error))
    }

    /// The signals that match, from now on: nothing that follows an answer to a later call is
    /// missed.
    pub(super) async fn signals(
        &self,
        path: &str,
        interface: &str,
        member: &str,
        asked: Asked<'_>,
    ) -> Result<MessageStream, SystemdError> {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender(DESTINATION)
            .path(path)
            .interface(interface)
            .member(member)
            .build()
            .map_err(|error| asked.broken(error))?;
        let signals = MessageStream::for_match_rule(rule, &self.connection, Some(MAX_SIGNALS));
        let signals = signals.await.map_err(|error| asked.error(error))?;
        self.subscribed
            .get_or_try_init(async || self.manager("Subscribe", (), asked).await.map(drop))
            .await?;
        Ok(signals)
    }

    /// The signals of the manager itself.
    pub(super) async fn manager_signals(
        &self,
        member: &str,
        asked: Asked<'_>,
    ) -> Result<MessageStream, SystemdError> {
        self.signals(MANAGER_PATH, MANAGER, member, asked).await
    }
}

/// What a reply holds.
pub(super) fn body<T>(reply: &Message, asked: Asked<'_>) -> Result<T, SystemdError>
where
    T: for<'a> zbus::wire::DynamicDeserialize<'a>,
{
    reply
        .body()
        .deserialize()
        .map_err(|error| asked.broken(error))
}

/// Where a unit's object is: every byte that is no letter or digit of ASCII, and a first digit,
/// is written as `_` and its code.
pub(super) fn object_path(unit: &str) -> String {
    let mut path = format!("{MANAGER_PATH}/unit/");
    if unit.is_empty() {
        path.push('_');
    }
    for (index, byte) in unit.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && index > 0) {
            path.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(path, "_{byte:02x}");
        }
    }
    path
}

fn address(scope: Scope) -> String {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    match scope {
        Scope::System => variable("DBUS_SYSTEM_BUS_ADDRESS")
            .unwrap_or_else(|| "unix:path=/run/dbus/system_bus_socket".to_owned()),
        Scope::User => variable("DBUS_SESSION_BUS_ADDRESS").unwrap_or_else(|| {
            let folder = variable("XDG_RUNTIME_DIR").map_or_else(
                || {
                    let user = rustix::process::geteuid().as_raw();
                    PathBuf::from(format!("/run/user/{user}"))
                },
                PathBuf::from,
            );
            format!("unix:path={}/bus", folder.display())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::object_path;

    #[test]
    fn unit_names_are_escaped() {
        for (unit, path) in [
            ("a.service", "a_2eservice"),
            ("1a-b@x.socket", "_31a_2db_40x_2esocket"),
            ("é", "_c3_a9"),
            ("", "_"),
        ] {
            assert_eq!(
                object_path(unit),
                format!("/org/freedesktop/systemd1/unit/{path}")
            );
        }
    }
}
