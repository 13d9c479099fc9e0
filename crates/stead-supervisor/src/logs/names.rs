//! What the files of one service's log are called, and which of them there are.
//!
//! `orders.log` is written to. A rotated file keeps the moment of its rotation in its name,
//! `orders.log.20261122T225738.123456Z`, and gets `.gz` appended when it has been compressed. So a
//! rotation is one rename, never a chain of them, and the names sort in the order of writing.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// When a file was rotated, to the microsecond in UTC. Unique and rising within one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(i64);

impl Key {
    const SHAPE: &str = "00000000T000000.000000Z";

    /// The key of a rotation now: later than `last`, even when the clock was set back.
    pub(super) fn after(last: Option<Self>, now: Timestamp) -> Self {
        let now = now.as_microsecond();
        Self(last.map_or(now, |last| now.max(last.0 + 1)))
    }

    fn parse(text: &str) -> Option<Self> {
        let shaped = text.len() == Self::SHAPE.len()
            && text
                .bytes()
                .zip(Self::SHAPE.bytes())
                .all(|(byte, shape)| match shape {
                    b'0' => byte.is_ascii_digit(),
                    fixed => byte == fixed,
                });
        if !shaped {
            return None;
        }
        let moment = DateTime::strptime("%Y%m%dT%H%M%S%.fZ", text).ok()?;
        let moment = moment.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(Self(moment.as_microsecond()))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX);
        write!(out, "{}", moment.strftime("%Y%m%dT%H%M%S.%6fZ"))
    }
}

/// One service's files in one folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) dir: PathBuf,
    pub(super) service: String,
}

/// A rotated file as found in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rotated {
    pub(super) key: Key,
    pub(super) form: Form,
}

/// What a rotated file looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Plain,
    /// Complete: the name was given after the content was on the disk.
    Compressed,
    /// A compression under way, or one that a kill cut short.
    Unfinished,
}

impl Folder {
    pub(super) fn current(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.service))
    }

    pub(super) fn path(&self, key: Key, form: Form) -> PathBuf {
        let ending = match form {
            Form::Plain => "",
            Form::Compressed => ".gz",
            Form::Unfinished => ".gz.tmp",
        };
        self.dir.join(format!("{}.log.{key}{ending}", self.service))
    }

    /// Every rotated file, oldest first, leftovers included. A missing folder has none.
    pub(super) fn list(&self) -> io::Result<Vec<Rotated>> {
        let mut found = Vec::new();
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        for entry in entries {
            found.extend(self.recognise(Path::new(&entry?.file_name())));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// The keys of the files that can be read, oldest first.
    pub(super) fn keys(&self) -> io::Result<Vec<Key>> {
        let mut keys: Vec<Key> = self
            .list()?
            .into_iter()
            .filter(|rotated| rotated.form != Form::Unfinished)
            .map(|rotated| rotated.key)
            .collect();
        keys.dedup();
        Ok(keys)
    }

    fn recognise(&self, name: &Path) -> Option<Rotated> {
        let rest = name
            .to_str()?
            .strip_prefix(&self.service)?
            .strip_prefix(".log.")?;
        let (key, form) = if let Some(key) = rest.strip_suffix(".gz.tmp") {
            (key, Form::Unfinished)
        } else if let Some(key) = rest.strip_suffix(".gz") {
            (key, Form::Compressed)
        } else {
            (rest, Form::Plain)
        };
        Some(Rotated {
            key: Key::parse(key)?,
            form,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_rise_when_the_clock_does_not() {
        let now: Timestamp = "2026-11-22T22:57:38.123456789Z".parse().unwrap();
        let first = Key::after(None, now);
        assert_eq!(first.to_string(), "20261122T225738.123456Z");
        assert_eq!(Key::parse(&first.to_string()), Some(first));
        let second = Key::after(Some(first), "2020-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(second.to_string(), "20261122T225738.123457Z");
    }

    #[test]
    fn only_this_services_own_names_are_recognised() {
        let folder = Folder {
            dir: PathBuf::from("x"),
            service: "a".into(),
        };
        let form = |name: &str| {
            folder
                .recognise(Path::new(name))
                .map(|rotated| rotated.form)
        };
        assert_eq!(form("a.log.20261122T225738.123456Z"), Some(Form::Plain));
        assert_eq!(
            form("a.log.20261122T225738.123456Z.gz"),
            Some(Form::Compressed)
        );
        assert_eq!(
            form("a.log.20261122T225738.123456Z.gz.tmp"),
            Some(Form::Unfinished)
        );
        for other in [
            "a.log",
            "a.log.1",
            "a.log.gz",
            "ab.log.20261122T225738.123456Z",
            "a.log.20261322T225738.123456Z",
        ] {
            assert_eq!(form(other), None, "{other}");
        }
    }
}
