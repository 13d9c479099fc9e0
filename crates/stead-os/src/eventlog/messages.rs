//! The events Stead and programs of its SDK put into the Windows event log: stable numbers, for
//! task triggers and collection policies to hang on.
//!
//! This file is read twice: by the crate, and by its build script, which makes the message table
//! of it that the event viewer takes the texts from.

/// How bad it is, in the event log's three words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// `EVENTLOG_INFORMATION_TYPE`.
    Information,
    /// `EVENTLOG_WARNING_TYPE`.
    Warning,
    /// `EVENTLOG_ERROR_TYPE`.
    Error,
}

impl Level {
    /// The word, as the viewer shows it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Information => "Information",
            Self::Warning => "Warning",
            Self::Error => "Error",
        }
    }

    /// The severity in the two highest bits of a message identifier (`winerror.h`).
    const fn severity(self) -> u32 {
        match self {
            Self::Information => 0b01 << 30,
            Self::Warning => 0b10 << 30,
            Self::Error => 0b11 << 30,
        }
    }
}

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What the viewer shows as "Event ID" and filters by. Never used for anything else again.
    pub id: u16,
    /// How bad it is.
    pub level: Level,
    /// Its name in the log's fields and in the documentation.
    pub name: &'static str,
    /// What the insert strings are, in their order. One more follows them: the rest of what is
    /// known, one `name: value` a line.
    pub inserts: &'static [&'static str],
    /// The text, in the syntax of `FormatMessageW`: `%1` is the first insert string.
    pub text: &'static str,
}

impl Event {
    /// The whole 32 bits by which the text is found in the message table.
    pub const fn message_id(self) -> u32 {
        self.level.severity() | self.id as u32
    }

    /// The event called so.
    pub fn named(name: &str) -> Option<Self> {
        EVENTS.iter().copied().find(|event| event.name == name)
    }

    /// The event of this number.
    pub fn numbered(id: u16) -> Option<Self> {
        EVENTS.iter().copied().find(|event| event.id == id)
    }

    /// The event for a message of which only the level is known.
    pub const fn generic(level: Level) -> Self {
        match level {
            Level::Information => INFORMATION,
            Level::Warning => WARNING,
            Level::Error => ERROR,
        }
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $constant:ident = $id:literal $level:ident $name:literal [$($insert:literal),*] $text:literal;)+) => {
        $(
            $(#[$doc])*
            pub const $constant: Event = Event {
                id: $id,
                level: Level::$level,
                name: $name,
                inserts: &[$($insert),*],
                text: $text,
            };
        )+

        /// Every event, by rising number.
        pub const EVENTS: &[Event] = &[$($constant,)+];
    };
}

events! {
    /// Anything worth a line.
    INFORMATION = 1 Information "information" ["message"] "%1%2";
    /// Anything that asks for a look.
    WARNING = 2 Warning "warning" ["message"] "%1%2";
    /// Anything that failed.
    ERROR = 3 Error "error" ["message"] "%1%2";
    /// A service's program was started.
    STARTED = 100 Information "started" ["service", "pid"] "Service %1 was started as process %2.%3";
    /// A service is ready for work.
    READY = 101 Information "ready" ["service"] "Service %1 is ready.%2";
    /// A service was told to stop.
    STOPPING = 102 Information "stopping" ["service", "cause"] "Service %1 is being stopped: %2.%3";
    /// A service has ended as it should.
    STOPPED = 103 Information "stopped" ["service", "end"] "Service %1 has stopped: %2.%3";
    /// A service follows a new configuration.
    RELOADED = 104 Information "reloaded" ["service"] "Service %1 has read its configuration anew.%2";
    /// A service does no work until it is resumed.
    PAUSED = 105 Information "paused" ["service"] "Service %1 is paused.%2";
    /// A service does its work again.
    RESUMED = 106 Information "resumed" ["service"] "Service %1 was resumed.%2";
    /// A control reached a service.
    CONTROL = 107 Information "control" ["service", "control"] "Service %1 was sent the control %2.%3";
    /// All checks of a service are Healthy after they were not.
    HEALTHY = 108 Information "healthy" ["service"] "Service %1 is healthy again.%2";
    /// A service was made known to the service control manager.
    INSTALLED = 109 Information "installed" ["service"] "Service %1 was installed.%2";
    /// A service was removed from the service control manager.
    UNINSTALLED = 110 Information "uninstalled" ["service"] "Service %1 was uninstalled.%2";
    /// A service that failed will be started again.
    RESTARTING = 200 Warning "restarting" ["service", "cause", "delay"] "Service %1 failed (%2) and is started again in %3.%4";
    /// The checks of a service say that it does not do its work.
    UNHEALTHY = 201 Warning "unhealthy" ["service", "cause"] "Service %1 is unhealthy: %2.%3";
    /// A service keeps the configuration it had, as the new one is of no use.
    RELOAD_FAILED = 202 Warning "reload-failed" ["service", "cause"] "Service %1 keeps the configuration it had: %2.%3";
    /// A service did not end in time, and its process tree was killed.
    KILLED = 203 Warning "killed" ["service", "grace"] "Service %1 did not end within %2 and was killed with everything it had started.%3";
    /// A service ended as it should not, or could not be started.
    FAILED = 300 Error "failed" ["service", "cause"] "Service %1 failed: %2.%3";
    /// A service failed too often and is left alone.
    GAVE_UP = 301 Error "gave-up" ["service", "failures", "window"] "Service %1 failed %2 times within %3 and stays down until it is started by hand.%4";
    /// A program of the SDK panicked.
    PANICKED = 302 Error "panicked" ["service", "panic"] "Service %1 panicked: %2%3";
}
