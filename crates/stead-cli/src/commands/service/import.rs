//! `stead service import`: another tool's file as a definition.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{Common, Output};
use crate::failure::{Failure, USAGE};
use crate::output;

/// What a file came to, as scripts read it.
#[derive(Serialize)]
struct Shown {
    /// `WinSW`, `NSSM` or `systemd`.
    format: String,
    /// The definition, with the notes on top.
    definition: String,
    /// What it does not say, or says differently.
    notes: Vec<String>,
}

pub(super) fn run(common: &Common, file: &Path) -> Result<ExitCode, Failure> {
    let cannot = format!("cannot import {}", file.display());
    let bytes = std::fs::read(file).map_err(|error| Failure::of(USAGE, &cannot, &error))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let imported = stead_import::import(&bytes, &name).map_err(|error| {
        let hint = error.hint();
        let failure = Failure::of(USAGE, cannot, &error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    match common.output {
        Output::Json => output::json(&Shown {
            format: imported.format.to_string(),
            definition: imported.toml,
            notes: imported.notes.iter().map(ToString::to_string).collect(),
        })?,
        Output::Table => output::line(imported.toml.trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}
