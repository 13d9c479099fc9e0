//! How a service fails.

use std::fmt;
use std::num::NonZeroU8;

/// Why a service could not go on, and the exit status that says so, which is
/// never 0.
///
/// Every error converts into it by `?`, with status 1.
///
/// ```
/// fn read() -> Result<(), stead::Error> {
///     std::fs::read("/there/is/no/such/file")?;
///     Ok(())
/// }
/// assert!(read().is_err());
/// ```
pub struct Error {
    status: NonZeroU8,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Error {
    /// A failure with an exit status of its own.
    pub fn exit(
        status: NonZeroU8,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            status,
            source: source.into(),
        }
    }

    /// The exit status.
    pub fn status(&self) -> NonZeroU8 {
        self.status
    }

    /// The error with all its causes, from the nearest to the farthest.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.source.to_string();
        let mut cause = self.source.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

// Like every "any error" type it is no `std::error::Error` itself: the
// conversion below would overlap with that of a type into itself.
impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Error {
    fn from(source: E) -> Self {
        Self::exit(NonZeroU8::MIN, source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (exit status {})", self.chain(), self.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the till")]
    struct Till(#[source] std::io::Error);

    #[test]
    fn causes_and_status() {
        let plain = Error::from(Till(std::io::Error::other("it is stuck")));
        assert_eq!(plain.chain(), "cannot open the till: it is stuck");
        assert_eq!(plain.status().get(), 1);
        let told = Error::exit(NonZeroU8::new(78).unwrap(), "bad configuration");
        assert_eq!(
            (told.to_string().as_str(), told.status().get()),
            ("bad configuration", 78)
        );
    }
}
