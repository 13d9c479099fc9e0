//! The files of an installed service: put there whole or not at all.

use std::path::{Path, PathBuf};

use stead_os::systemd::blocking::Systemd as Bus;
use stead_os::systemd::{LoadState, SystemdError};

use super::{MARK, failure, unit_name};
use crate::error::NativeError;
use crate::place;

/// The two files of an installation, each with its text.
pub(super) struct Files {
    /// The definition.
    pub(super) definition: (PathBuf, String),
    /// The unit.
    pub(super) unit: (PathBuf, String),
}

/// What is there already under a name.
pub(super) enum Standing {
    /// Nothing.
    Free,
    /// The same service.
    Same,
    /// Another version of it.
    Other,
}

/// Whether a unit is in the way of an installation, and ours.
pub(super) fn standing(bus: &Bus, files: &Files, name: &str) -> Result<Standing, NativeError> {
    let (definition, unit) = (&files.definition, &files.unit);
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let there = read(&unit.0);
    let ours = there.as_deref().is_some_and(|text| text.contains(MARK));
    match bus.status(&unit_name(name)) {
        Ok(status) if !ours => {
            return Err(NativeError::Taken {
                name: name.to_owned(),
                by: status.fragment,
            });
        }
        Ok(_) | Err(SystemdError::NoSuchUnit { .. }) => {}
        Err(error) => return Err(failure(error)),
    }
    if there.is_none() && !definition.0.exists() {
        return Ok(Standing::Free);
    }
    let same =
        there.as_ref() == Some(&unit.1) && read(&definition.0).as_ref() == Some(&definition.1);
    Ok(if same {
        Standing::Same
    } else {
        Standing::Other
    })
}

/// Writes the files and has systemd take them; what was there before is put back otherwise.
pub(super) fn put(bus: &Bus, files: &Files, name: &str, enable: bool) -> Result<(), NativeError> {
    let before = [&files.definition, &files.unit]
        .map(|(path, _)| (path.clone(), std::fs::read_to_string(path).ok()));
    let unit = unit_name(name);
    let put = || {
        for (path, text) in [&files.definition, &files.unit] {
            place::write(path, text).map_err(|source| NativeError::file("write", path, source))?;
        }
        bus.reload().map_err(failure)?;
        let status = bus.status(&unit).map_err(failure)?;
        if status.load != LoadState::Loaded {
            return Err(NativeError::Manager {
                operation: format!("systemd does not take the unit {unit}"),
                source: status.load_error.unwrap_or_default().into(),
            });
        }
        // A name that is enabled under other targets is so no longer.
        bus.disable(&[&unit]).map_err(failure)?;
        if enable {
            bus.enable(&[&unit]).map_err(failure)?;
        }
        bus.reload().map_err(failure)
    };
    put().inspect_err(|_| {
        for (path, text) in before {
            // What cannot be put back is left; the error that led here is what counts.
            let _ = match text {
                Some(text) => place::write(&path, &text),
                None => std::fs::remove_file(&path),
            };
        }
        let _ = bus.reload();
    })
}
