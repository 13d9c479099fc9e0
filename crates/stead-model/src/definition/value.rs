//! The small values of a definition: lengths of time, sizes, signals, command lines.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time, written `"500ms"`, `"10s"`, `"1m30s"`, `"7d"`: whole numbers, each with one
/// of the units `d`, `h`, `m`, `s`, `ms`, largest first, each at most once.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Period(u64);

/// The longest [`Period`], in days: a hundred years.
pub const PERIOD_MAX_DAYS: u64 = 36_500;

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeriodError {
    /// It is not made of numbers and units.
    #[error("{0:?} is not a length of time; write it like \"10s\", \"1m30s\", \"500ms\" or \"7d\"")]
    Shape(String),
    /// A number without a unit.
    #[error("{0:?} has no unit; write it like \"{1}s\" or \"{1}ms\"")]
    NoUnit(String, String),
    /// A unit there is not.
    #[error("{unit:?} in {text:?} is no unit of time; the units are d, h, m, s and ms")]
    Unit {
        /// The whole text.
        text: String,
        /// What stands where a unit should.
        unit: String,
    },
    /// The units are not in order, or one stands twice.
    #[error("{0:?} has its units out of order; write the largest first, each once")]
    Order(String),
    /// It is below zero.
    #[error("{0:?} is negative; a length of time is not")]
    Negative(String),
    /// It is longer than [`PERIOD_MAX_DAYS`].
    #[error("{0:?} is too long; at most {PERIOD_MAX_DAYS}d are allowed")]
    TooLong(String),
}

impl Period {
    /// Nothing at all.
    pub const ZERO: Self = Self(0);

    /// So many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// So many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000)
    }

    /// As the standard library's duration.
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        period.get()
    }
}

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let mut rest = text.trim();
        if let Some(number) = rest.strip_prefix('-')
            && number.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err(PeriodError::Negative(text.to_owned()));
        }
        let mut millis: u64 = 0;
        let mut next_unit = 0;
        while !rest.is_empty() || next_unit == 0 {
            let digits = leading(rest, |c| c.is_ascii_digit());
            if digits.is_empty() {
                return Err(PeriodError::Shape(text.to_owned()));
            }
            rest = &rest[digits.len()..];
            let unit = leading(rest, char::is_alphabetic);
            rest = rest[unit.len()..].trim_start();
            if unit.is_empty() && !rest.is_empty() {
                return Err(PeriodError::Shape(text.to_owned()));
            }
            if unit.is_empty() {
                return Err(PeriodError::NoUnit(text.to_owned(), digits.to_owned()));
            }
            let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else {
                return Err(PeriodError::Unit {
                    text: text.to_owned(),
                    unit: unit.to_owned(),
                });
            };
            if index < next_unit {
                return Err(PeriodError::Order(text.to_owned()));
            }
            next_unit = index + 1;
            millis = digits
                .parse::<u64>()
                .ok()
                .and_then(|number| number.checked_mul(UNITS[index].1))
                .and_then(|part| part.checked_add(millis))
                .filter(|sum| *sum <= PERIOD_MAX_DAYS * UNITS[0].1)
                .ok_or_else(|| PeriodError::TooLong(text.to_owned()))?;
        }
        Ok(Self(millis))
    }
}

fn leading(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    &text[..end]
}

/// The largest units first: `7d`, `5m30s`. Below two minutes seconds are not split: `90s`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0s");
        }
        if (60_001..120_000).contains(&self.0) && self.0.is_multiple_of(1_000) {
            return f.pad(&format!("{}s", self.0 / 1_000));
        }
        let mut rest = self.0;
        let mut text = String::new();
        for (unit, millis) in UNITS {
            if rest >= millis {
                write!(text, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        f.pad(&text)
    }
}

/// A number of bytes, written `"10MiB"`, `"64KiB"`, `"1GiB"`, or as a plain number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(u64);

const SIZE_UNITS: [(&str, u64); 4] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ByteSizeError {
    /// It is not a whole number with a unit.
    #[error("{0:?} is not a size; write it like \"10MiB\", \"64KiB\", \"1GiB\" or 4096")]
    Shape(String),
    /// A unit of thousands.
    #[error("{unit:?} in {text:?} is no unit of size; the units are B, KiB, MiB, GiB and TiB")]
    Unit {
        /// The whole text.
        text: String,
        /// What stands where a unit should.
        unit: String,
    },
    /// It does not fit 63 bits.
    #[error("{0:?} is too large")]
    TooLarge(String),
}

impl ByteSize {
    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1,048,576 bytes.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let trimmed = text.trim();
        let digits = leading(trimmed, |c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(ByteSizeError::Shape(text.to_owned()));
        }
        let unit = trimmed[digits.len()..].trim_start();
        let factor = if unit.is_empty() || unit == "B" {
            1
        } else {
            SIZE_UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .map(|(_, factor)| *factor)
                .ok_or_else(|| ByteSizeError::Unit {
                    text: text.to_owned(),
                    unit: unit.to_owned(),
                })?
        };
        digits
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor))
            .filter(|bytes| i64::try_from(*bytes).is_ok())
            .map(Self)
            .ok_or_else(|| ByteSizeError::TooLarge(text.to_owned()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, factor) in SIZE_UNITS {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return f.pad(&format!("{}{unit}", self.0 / factor));
            }
        }
        f.pad(&format!("{}B", self.0))
    }
}

macro_rules! through_text {
    ($($type:ty, $error:ty;)*) => {$(
        impl TryFrom<String> for $type {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )*};
}

through_text! {
    Period, PeriodError;
    ByteSize, ByteSizeError;
}

/// A program and its arguments, as they are: no shell ever sees them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Argv(Vec<String>);

/// Why a list of words is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArgvError {
    /// The list is empty.
    #[error("the command is empty; name at least the program")]
    Empty,
    /// The first word is empty.
    #[error("the command's program is an empty text")]
    EmptyProgram,
    /// A word has a NUL byte, which no system can pass on.
    #[error("argument {index} has a NUL byte, which no program can be given")]
    Nul {
        /// Which word, from 0 (the program).
        index: usize,
    },
}

impl Argv {
    /// The words as a command.
    pub fn new(words: Vec<String>) -> Result<Self, ArgvError> {
        match words.first() {
            None => return Err(ArgvError::Empty),
            Some(program) if program.is_empty() => return Err(ArgvError::EmptyProgram),
            Some(_) => {}
        }
        if let Some(index) = words.iter().position(|word| word.contains('\0')) {
            return Err(ArgvError::Nul { index });
        }
        Ok(Self(words))
    }

    /// What stands in for a faulty command until the rules have judged the rest of its service.
    /// It never leaves the decoder: a definition with a fault is not handed out.
    pub(crate) fn placeholder() -> Self {
        Self(vec!["?".to_owned()])
    }

    /// The program: never empty.
    pub fn program(&self) -> &str {
        &self.0[0]
    }

    /// What follows the program.
    pub fn arguments(&self) -> &[String] {
        &self.0[1..]
    }

    /// All words, the program first.
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

impl TryFrom<Vec<String>> for Argv {
    type Error = ArgvError;

    fn try_from(words: Vec<String>) -> Result<Self, ArgvError> {
        Self::new(words)
    }
}

impl From<Argv> for Vec<String> {
    fn from(argv: Argv) -> Self {
        argv.0
    }
}

/// For a person to read: words with spaces or quotes are quoted.
impl fmt::Display for Argv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            if word.is_empty()
                || word.contains(|c: char| c.is_whitespace() || c == '"' || c == '\'')
            {
                write!(f, "{word:?}")?;
            } else {
                f.write_str(word)?;
            }
        }
        Ok(())
    }
}
