use std::time::Duration;

/// One assignment of a message. Units and meaning are those of `sd_notify(3)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// `READY=1`: the start, or a reload, is done.
    Ready,
    /// `RELOADING=1`: a reload has begun.
    Reloading,
    /// `STOPPING=1`: the stop has begun.
    Stopping,
    /// `MONOTONIC_USEC=…`: when the message was made, on `CLOCK_MONOTONIC`.
    Monotonic(Duration),
    /// `STATUS=…`: the state in words, for people.
    Status(String),
    /// `ERRNO=…`: the error of the system that made it fail.
    Errno(i32),
    /// `BUSERROR=…`: the D-Bus error that made it fail.
    BusError(String),
    /// `EXIT_STATUS=…`: the status it will exit with.
    ExitStatus(i32),
    /// `MAINPID=…`: which process is the main one.
    MainPid(u32),
    /// `WATCHDOG=1`: it is alive.
    Watchdog,
    /// `WATCHDOG=trigger`: it has found itself broken.
    WatchdogTrigger,
    /// `WATCHDOG_USEC=…`: the watchdog's new timeout.
    WatchdogTimeout(Duration),
    /// `EXTEND_TIMEOUT_USEC=…`: the next message comes within this time; until then the start or
    /// stop has not timed out.
    ExtendTimeout(Duration),
    /// `BARRIER=1`: the sender waits until the descriptor beside it is closed.
    Barrier,
    /// Anything else, as it was.
    Other(String, String),
}

impl Field {
    /// `MONOTONIC_USEC` of this moment, which goes with [`Field::Reloading`].
    pub fn monotonic_now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let seconds = Duration::from_secs(now.tv_sec.unsigned_abs());
        Self::Monotonic(seconds + Duration::from_nanos(now.tv_nsec.unsigned_abs()))
    }
}

/// The fields of one datagram, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(pub Vec<Field>);

impl Message {
    /// Reads a datagram. Lines that are no assignment or whose value is no number where one
    /// belongs are left out, as systemd does; invalid UTF-8 is replaced.
    pub fn parse(datagram: &[u8]) -> Self {
        let text = String::from_utf8_lossy(datagram);
        let lines = text.split(['\n', '\0']).filter(|line| !line.is_empty());
        Self(lines.filter_map(Field::parse).collect())
    }

    /// The datagram: one line each. What cannot be in a line (a newline in a status, say) ends
    /// up as a space.
    pub fn to_datagram(&self) -> Vec<u8> {
        let lines: Vec<String> = self.0.iter().map(Field::to_line).collect();
        lines.join("\n").into_bytes()
    }

    /// Whether a field is in it.
    pub fn has(&self, field: &Field) -> bool {
        self.0.contains(field)
    }

    /// The status it gives; the last one counts.
    pub fn status(&self) -> Option<&str> {
        self.last(|field| match field {
            Field::Status(status) => Some(status.as_str()),
            _ => None,
        })
    }

    /// The main process it names.
    pub fn main_pid(&self) -> Option<u32> {
        self.last(|field| match field {
            Field::MainPid(pid) => Some(*pid),
            _ => None,
        })
    }

    /// The time within which it promises another message.
    pub fn extend_timeout(&self) -> Option<Duration> {
        self.last(|field| match field {
            Field::ExtendTimeout(time) => Some(*time),
            _ => None,
        })
    }

    /// The timeout it sets for its watchdog.
    pub fn watchdog_timeout(&self) -> Option<Duration> {
        self.last(|field| match field {
            Field::WatchdogTimeout(time) => Some(*time),
            _ => None,
        })
    }

    fn last<'a, T>(&'a self, pick: impl Fn(&'a Field) -> Option<T>) -> Option<T> {
        self.0.iter().rev().find_map(pick)
    }
}

impl Field {
    fn parse(line: &str) -> Option<Self> {
        let (key, value) = line.split_once('=')?;
        let micros = || value.parse().ok().map(Duration::from_micros);
        Some(match (key, value) {
            ("READY", "1") => Self::Ready,
            ("RELOADING", "1") => Self::Reloading,
            ("STOPPING", "1") => Self::Stopping,
            ("WATCHDOG", "1") => Self::Watchdog,
            ("WATCHDOG", "trigger") => Self::WatchdogTrigger,
            ("BARRIER", "1") => Self::Barrier,
            ("STATUS", _) => Self::Status(value.to_owned()),
            ("BUSERROR", _) => Self::BusError(value.to_owned()),
            ("ERRNO", _) => Self::Errno(value.parse().ok()?),
            ("EXIT_STATUS", _) => Self::ExitStatus(value.parse().ok()?),
            ("MAINPID", _) => Self::MainPid(value.parse().ok().filter(|pid| *pid > 0)?),
            ("MONOTONIC_USEC", _) => Self::Monotonic(micros()?),
            ("WATCHDOG_USEC", _) => Self::WatchdogTimeout(micros()?),
            ("EXTEND_TIMEOUT_USEC", _) => Self::ExtendTimeout(micros()?),
            ("", _) => return None,
            _ => Self::Other(key.to_owned(), value.to_owned()),
        })
    }

    fn to_line(&self) -> String {
        let line = match self {
            Self::Ready => "READY=1".to_owned(),
            Self::Reloading => "RELOADING=1".to_owned(),
            Self::Stopping => "STOPPING=1".to_owned(),
            Self::Watchdog => "WATCHDOG=1".to_owned(),
            Self::WatchdogTrigger => "WATCHDOG=trigger".to_owned(),
            Self::Barrier => "BARRIER=1".to_owned(),
            Self::Status(status) => format!("STATUS={status}"),
            Self::BusError(error) => format!("BUSERROR={error}"),
            Self::Errno(errno) => format!("ERRNO={errno}"),
            Self::ExitStatus(status) => format!("EXIT_STATUS={status}"),
            Self::MainPid(pid) => format!("MAINPID={pid}"),
            Self::Monotonic(time) => format!("MONOTONIC_USEC={}", time.as_micros()),
            Self::WatchdogTimeout(time) => format!("WATCHDOG_USEC={}", time.as_micros()),
            Self::ExtendTimeout(time) => format!("EXTEND_TIMEOUT_USEC={}", time.as_micros()),
            Self::Other(key, value) => format!("{key}={value}"),
        };
        line.replace(['\n', '\0'], " ")
    }
}
