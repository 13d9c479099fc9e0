use super::bus::Systemd;
use super::error::SystemdError;
use super::properties::Properties;

/// The units that a unit has to do with, by name. What systemd adds by itself is among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relations {
    /// Must run for it to start (`Requires=`, `BindsTo=`, `Requisite=`).
    pub requires: Vec<String>,
    /// Are started with it (`Wants=`).
    pub wants: Vec<String>,
    /// Cannot run without it: what stops when it is stopped.
    pub required_by: Vec<String>,
    /// Start it with them; a target among them has it started at boot.
    pub wanted_by: Vec<String>,
    /// Start after it, if both start.
    pub before: Vec<String>,
    /// Start before it, if both start.
    pub after: Vec<String>,
    /// Start it when something happens: its sockets, timers and paths.
    pub triggered_by: Vec<String>,
}

impl Systemd {
    /// What a unit depends on, and what depends on it. Only units that are loaded are known to
    /// systemd, and so to this.
    pub async fn relations(&self, unit: &str) -> Result<Relations, SystemdError> {
        let properties = self.properties(unit).await?;
        if super::status::Status::of(&properties).is_none() {
            return Err(SystemdError::NoSuchUnit {
                unit: unit.to_owned(),
            });
        }
        Ok(Relations::of(&properties))
    }
}

impl Relations {
    fn of(unit: &Properties) -> Self {
        let all = |names: &[&str]| {
            let mut units: Vec<String> = names.iter().flat_map(|it| unit.texts(it)).collect();
            units.sort_unstable();
            units.dedup();
            units
        };
        Self {
            requires: all(&["Requires", "BindsTo", "Requisite"]),
            wants: all(&["Wants"]),
            required_by: all(&["RequiredBy", "BoundBy", "RequisiteOf", "ConsistsOf"]),
            wanted_by: all(&["WantedBy"]),
            before: all(&["Before"]),
            after: all(&["After"]),
            triggered_by: all(&["TriggeredBy"]),
        }
    }
}
