//! The words a definition chooses from: each enum with its spelling in one place.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word that is none of those allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is none of {}", .allowed.join(", "))]
pub struct WordError {
    /// What was written.
    pub word: String,
    /// What may be.
    pub allowed: &'static [&'static str],
}

macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every word, in the order of the documentation.
            pub const WORDS: &'static [&'static str] = &[$($word,)+];

            /// Every value, in the same order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl From<$name> for &'static str {
            fn from(value: $name) -> Self {
                value.word()
            }
        }

        impl TryFrom<String> for $name {
            type Error = WordError;

            fn try_from(word: String) -> Result<Self, WordError> {
                word.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

macro_rules! exact_words {
    ($($name:ident)+) => {$(
        impl FromStr for $name {
            type Err = WordError;

            fn from_str(word: &str) -> Result<Self, WordError> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|value| value.word() == word)
                    .ok_or_else(|| WordError { word: word.to_owned(), allowed: Self::WORDS })
            }
        }
    )+};
}

words! {
    /// When a service is started.
    Start {
        /// With the machine, or with `up`.
        Automatic = "automatic",
        /// With the machine, once the rest has settled (two minutes after, as on Windows).
        Delayed = "delayed",
        /// When somebody asks.
        Manual = "manual",
        /// Never, not even when asked.
        Disabled = "disabled",
    }
}

words! {
    /// How Stead knows that a program does its work.
    Ready {
        /// It is, once it is spawned.
        Spawned = "spawned",
        /// It says so: `READY=1` by the protocol of `sd_notify(3)`.
        Notify = "notify",
        /// Once all its checks are Healthy.
        Healthy = "healthy",
    }
}

words! {
    /// After which end a program is started again.
    RestartWhen {
        /// After every end that nobody asked for.
        Always = "always",
        /// After an end that is no success.
        OnFailure = "on-failure",
        /// Never.
        Never = "never",
    }
}

words! {
    /// How far a program is shut off from the machine.
    Profile {
        /// Not at all.
        Off = "off",
        /// What nearly every program bears.
        Standard = "standard",
        /// As far as the manager can.
        Strict = "strict",
    }
}

words! {
    /// The service's own security identifier on Windows (`sc sidtype`).
    SidType {
        /// None.
        None = "none",
        /// In the token.
        Unrestricted = "unrestricted",
        /// In the token, which then may write only where that identifier is named.
        Restricted = "restricted",
    }
}

words! {
    /// What Windows does when the service fails to start with the machine (`sc config error=`).
    ErrorControl {
        /// Nothing.
        Ignore = "ignore",
        /// Logs it.
        Normal = "normal",
        /// Restarts with the last known good configuration.
        Severe = "severe",
        /// As severe, and gives up booting when that fails too.
        Critical = "critical",
    }
}

words! {
    /// How launchd weighs the program against others (`ProcessType` of `launchd.plist(5)`).
    ProcessType {
        /// Work nobody waits for.
        Background = "background",
        /// launchd's own default.
        Standard = "standard",
        /// As its XPC activity says.
        Adaptive = "adaptive",
        /// As an application in front.
        Interactive = "interactive",
    }
}

words! {
    /// A signal by its name, with or without `SIG`. Those that mean the same on every Unix.
    Signal {
        /// Hang up; by custom: reload.
        Hup = "SIGHUP",
        /// Interrupt, as Ctrl+C.
        Int = "SIGINT",
        /// Quit; by custom: stop gracefully.
        Quit = "SIGQUIT",
        /// Abort, with a core dump.
        Abrt = "SIGABRT",
        /// Kill: cannot be handled.
        Kill = "SIGKILL",
        /// The program's own.
        Usr1 = "SIGUSR1",
        /// The program's own.
        Usr2 = "SIGUSR2",
        /// A pipe without a reader.
        Pipe = "SIGPIPE",
        /// A timer.
        Alrm = "SIGALRM",
        /// End, please.
        Term = "SIGTERM",
        /// Continue.
        Cont = "SIGCONT",
        /// Background read; some servers add a worker.
        Ttin = "SIGTTIN",
        /// Background write; some servers remove a worker.
        Ttou = "SIGTTOU",
        /// The window changed; some servers drain.
        Winch = "SIGWINCH",
    }
}

exact_words! { Start Ready RestartWhen Profile SidType ErrorControl ProcessType }

impl FromStr for Signal {
    type Err = WordError;

    fn from_str(word: &str) -> Result<Self, WordError> {
        let short = |signal: &Self| signal.word().trim_start_matches("SIG");
        Self::ALL
            .iter()
            .copied()
            .find(|signal| signal.word() == word || short(signal) == word)
            .ok_or_else(|| WordError {
                word: word.to_owned(),
                allowed: Self::WORDS,
            })
    }
}
