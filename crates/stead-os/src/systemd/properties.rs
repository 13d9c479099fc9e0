use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use zbus::OwnedVariant;

/// A unit's properties by their names, whatever its type.
#[derive(Debug)]
pub(super) struct Properties(pub(super) HashMap<String, OwnedVariant>);

impl Properties {
    pub(super) fn get<T>(&self, name: &str) -> Option<T>
    where
        T: TryFrom<OwnedVariant>,
    {
        let value = self.0.get(name)?.try_clone().ok()?;
        T::try_from(value).ok()
    }

    /// A text; empty where it is not there.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default()
    }

    /// A text that means nothing when it is empty.
    pub(super) fn said(&self, name: &str) -> Option<String> {
        self.get(name).filter(|text: &String| !text.is_empty())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.get(name).unwrap_or_default()
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.get(name).unwrap_or_default()
    }

    /// A process id; 0 means none.
    pub(super) fn process(&self, name: &str) -> Option<u32> {
        self.get(name).filter(|pid| *pid != 0)
    }

    /// An amount; all bits set means that it is not known or has no limit.
    pub(super) fn amount(&self, name: &str) -> Option<u64> {
        self.get(name).filter(|amount| *amount != u64::MAX)
    }

    /// Microseconds; 0 and all bits set mean that there is no such time.
    pub(super) fn time(&self, name: &str) -> Option<Duration> {
        self.amount(name)
            .filter(|micros| *micros != 0)
            .map(Duration::from_micros)
    }

    pub(super) fn moment(&self, name: &str) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(self.time(name)?)
    }
}
