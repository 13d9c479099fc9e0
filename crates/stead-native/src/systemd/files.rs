//! The files of an installed service: put there whole or not at all.

use std::path::{Path, PathBuf};

use stead_os::systemd::blocking::Systemd as Bus;
use stead_os::systemd::{Enabled, LoadState, SystemdError};

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

/// Whether Stead has made a unit file: a plain file that begins so. A link never is.
pub(super) fn is_ours(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_file())
        && std::fs::read_to_string(path)
            .is_ok_and(|text| text.lines().take(2).any(|line| line.starts_with(MARK)))
}

/// Whether a unit is in the way of an installation, and ours.
pub(super) fn standing(
    bus: &Bus,
    files: &Files,
    name: &str,
    enable: bool,
) -> Result<Standing, NativeError> {
    let (definition, unit) = (&files.definition, &files.unit);
    let there = unit.0.symlink_metadata().is_ok();
    let taken = |by| NativeError::Taken {
        name: name.to_owned(),
        by,
    };
    if there && !is_ours(&unit.0) {
        return Err(taken(Some(unit.0.clone())));
    }
    let enabled = match bus.status(&unit_name(name)) {
        Ok(status) if !there => return Err(taken(status.fragment)),
        Ok(status) => status.enabled == Some(Enabled::Yes),
        Err(SystemdError::NoSuchUnit { .. }) => false,
        Err(error) => return Err(failure(error)),
    };
    if !there && !definition.0.exists() {
        return Ok(Standing::Free);
    }
    let has = |(path, text): &(PathBuf, String)| {
        std::fs::read(path).is_ok_and(|found| found == text.as_bytes())
    };
    Ok(if has(definition) && has(unit) && enabled == enable {
        Standing::Same
    } else {
        Standing::Other
    })
}

/// Writes the files and has systemd take them; what was there before is put back otherwise.
pub(super) fn put(bus: &Bus, files: &Files, name: &str, enable: bool) -> Result<(), NativeError> {
    let unit = unit_name(name);
    let was_enabled = bus
        .status(&unit)
        .is_ok_and(|status| status.enabled == Some(Enabled::Yes));
    let mut before = Vec::new();
    for (path, _) in [&files.definition, &files.unit] {
        // What cannot be read could not be put back.
        let text = match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(NativeError::file("read", path, source)),
        };
        before.push((path.clone(), text));
    }
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
        // What cannot be put back is left; the error that led here is what counts.
        let _ = bus.disable(&[&unit]);
        for (path, text) in before {
            let _ = match text {
                Some(text) => place::write(&path, &text),
                None => std::fs::remove_file(&path),
            };
        }
        let _ = bus.reload();
        if was_enabled {
            let _ = bus.enable(&[&unit]);
        }
    })
}
