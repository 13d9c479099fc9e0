//! What the supervisor says through environment variables.

use std::ffi::OsString;
use std::time::Duration;

#[cfg(feature = "registry")]
use stead_client::RegistryAddress;

/// How long a heartbeat holds where nobody says.
#[cfg(feature = "registry")]
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// The surroundings of this process. What made no sense is in `complaints`, and
/// as if it were not set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) service: Option<String>,
    #[cfg(feature = "registry")]
    pub(crate) registry: RegistryAddress,
    #[cfg(feature = "registry")]
    pub(crate) heartbeat: Option<Heartbeat>,
    pub(crate) notify_socket: Option<OsString>,
    pub(crate) watchdog: Option<Duration>,
    pub(crate) log_format: LogFormat,
    pub(crate) complaints: Vec<String>,
}

/// The shape of the log's lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// A check to report.
#[cfg(feature = "registry")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    pub(crate) check: String,
    /// How long a report holds.
    pub(crate) interval: Duration,
}

impl Environment {
    pub(crate) fn of_this_process() -> Self {
        Self::read(|name| std::env::var_os(name), std::process::id())
    }

    /// Reads it from `variable`, for the process `pid`. An empty variable is as
    /// good as none.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> Self {
        let mut complaints = Vec::new();
        let mut text = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            value
                .into_string()
                .map_err(|_| complaints.push(format!("{name} is not UTF-8")))
                .ok()
        };
        let service = text("STEAD_SERVICE");
        #[cfg(feature = "registry")]
        let (stead_addr, consul_addr) = (text("STEAD_ADDR"), text("CONSUL_HTTP_ADDR"));
        #[cfg(feature = "registry")]
        let (check, interval) = (text("STEAD_HEARTBEAT"), text("STEAD_HEARTBEAT_INTERVAL"));
        let (usec, for_pid) = (text("WATCHDOG_USEC"), text("WATCHDOG_PID"));
        let format = text("STEAD_LOG_FORMAT");

        #[cfg(feature = "registry")]
        let registry = RegistryAddress::find(None, stead_addr.as_deref(), consul_addr.as_deref())
            .unwrap_or_else(|error| {
                complaints.push(error.to_string());
                RegistryAddress::default()
            });
        #[cfg(feature = "registry")]
        let interval = interval.map_or(HEARTBEAT_INTERVAL, |text| {
            duration(&text).unwrap_or_else(|| {
                complaints.push(format!(
                    "STEAD_HEARTBEAT_INTERVAL is no duration such as 15s: {text:?}"
                ));
                HEARTBEAT_INTERVAL
            })
        });
        let watchdog = usec.and_then(|usec| match usec.parse() {
            Ok(usec) if usec > 0 => Some(Duration::from_micros(usec)),
            _ => {
                complaints.push(format!(
                    "WATCHDOG_USEC is no number of microseconds: {usec:?}"
                ));
                None
            }
        });
        let ours = for_pid.is_none_or(|text| text.parse() == Ok(pid));
        let log_format = match format.as_deref() {
            None | Some("human") => LogFormat::Human,
            Some("json") => LogFormat::Json,
            Some(other) => {
                complaints.push(format!(
                    "STEAD_LOG_FORMAT is neither human nor json: {other:?}"
                ));
                LogFormat::Human
            }
        };
        Self {
            service,
            #[cfg(feature = "registry")]
            registry,
            #[cfg(feature = "registry")]
            heartbeat: check.map(|check| Heartbeat { check, interval }),
            notify_socket: variable("NOTIFY_SOCKET").filter(|value| !value.is_empty()),
            watchdog: watchdog.filter(|_| ours),
            log_format,
            complaints,
        }
    }
}

#[cfg(feature = "registry")]
/// Reads a duration as definitions write it: `500ms`, `15s`, `1m30s`. Zero is
/// none.
fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let milliseconds: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        rest = &rest[letters..];
        let part = Duration::from_millis(amount.checked_mul(milliseconds)?);
        total = total.checked_add(part)?;
    }
    (!total.is_zero()).then_some(total)
}

#[cfg(all(test, feature = "registry"))]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Environment {
        Environment::read(
            |wanted| {
                let (_, value) = variables.iter().find(|(name, _)| *name == wanted)?;
                Some(value.into())
            },
            7,
        )
    }

    #[test]
    fn nothing_set() {
        assert_eq!(read(&[]), Environment::default());
        let empty = [
            ("STEAD_SERVICE", ""),
            ("NOTIFY_SOCKET", ""),
            ("STEAD_HEARTBEAT", ""),
            ("WATCHDOG_USEC", ""),
        ];
        assert_eq!(read(&empty), Environment::default());
    }

    #[test]
    fn all_set() {
        let environment = read(&[
            ("STEAD_SERVICE", "orders-2"),
            ("STEAD_ADDR", "http://127.0.0.1:18500"),
            ("CONSUL_HTTP_ADDR", "other:1"),
            ("STEAD_HEARTBEAT", "service:orders"),
            ("STEAD_HEARTBEAT_INTERVAL", "1m30s"),
            ("NOTIFY_SOCKET", "@stead"),
            ("WATCHDOG_USEC", "2000000"),
            ("WATCHDOG_PID", "7"),
            ("STEAD_LOG_FORMAT", "json"),
        ]);
        assert_eq!(
            environment,
            Environment {
                service: Some("orders-2".into()),
                registry: "127.0.0.1:18500".parse().unwrap(),
                heartbeat: Some(Heartbeat {
                    check: "service:orders".into(),
                    interval: Duration::from_secs(90),
                }),
                notify_socket: Some("@stead".into()),
                watchdog: Some(Duration::from_secs(2)),
                log_format: LogFormat::Json,
                complaints: Vec::new(),
            }
        );
    }

    #[test]
    fn the_watchdog_is_ours_or_nobody_s() {
        let usec = ("WATCHDOG_USEC", "10");
        assert!(read(&[usec]).watchdog.is_some());
        assert!(read(&[usec, ("WATCHDOG_PID", "7")]).watchdog.is_some());
        assert!(read(&[usec, ("WATCHDOG_PID", "8")]).watchdog.is_none());
        assert!(read(&[usec, ("WATCHDOG_PID", "x")]).watchdog.is_none());
    }

    #[test]
    fn nonsense_is_complained_of_and_passed_over() {
        for variable in [
            ("STEAD_ADDR", "https://x"),
            ("STEAD_HEARTBEAT_INTERVAL", "soon"),
            ("WATCHDOG_USEC", "0"),
            ("WATCHDOG_USEC", "-1"),
            ("STEAD_LOG_FORMAT", "xml"),
        ] {
            let mut environment = read(&[variable]);
            let complaints = std::mem::take(&mut environment.complaints);
            assert_eq!(complaints.len(), 1, "{variable:?}");
            assert!(complaints[0].contains(variable.1), "{complaints:?}");
            assert_eq!(environment, Environment::default(), "{variable:?}");
        }
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("15s", Some(15_000)),
            ("1m30s", Some(90_000)),
            ("2h", Some(7_200_000)),
            ("1d", Some(86_400_000)),
            ("", None),
            ("0s", None),
            ("15", None),
            ("s", None),
            ("15 s", None),
            ("1.5s", None),
            ("15S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
        ] {
            let expected = expected.map(Duration::from_millis);
            assert_eq!(duration(text), expected, "{text:?}");
        }
    }
}
