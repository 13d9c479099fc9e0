//! `stead service show`.

use std::process::ExitCode;

use serde::Serialize;
use stead_native::Manager;

use super::failure;
use crate::cli::{Common, Output};
use crate::failure::{FAILED, Failure};
use crate::output;

/// What is installed, as scripts read it.
#[derive(Serialize)]
struct Shown {
    name: String,
    files: Vec<File>,
    /// What differs between the manager's files (`-`) and what the definition would give (`+`).
    differences: Vec<String>,
}

#[derive(Serialize)]
struct File {
    path: String,
    text: String,
}

pub(super) fn run(common: &Common, manager: &dyn Manager, name: &str) -> Result<ExitCode, Failure> {
    let installation = manager
        .show(name)
        .map_err(|error| failure(&error, &format!("cannot show {name}")))?;
    let definition = installation
        .definition
        .to_toml()
        .map_err(|error| Failure::from_error(FAILED, &error))?;
    let mut files = vec![File {
        path: installation.definition_path.display().to_string(),
        text: definition,
    }];
    files.extend(installation.given.into_iter().map(|(path, text)| File {
        path: path.display().to_string(),
        text,
    }));
    let shown = Shown {
        name: name.to_owned(),
        files,
        differences: installation.differences,
    };
    if common.output == Output::Json {
        output::json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    for file in &shown.files {
        output::line(&format!("# {}\n{}", file.path, file.text))?;
    }
    if shown.differences.is_empty() {
        output::line("# what the manager has is what the definition says")?;
    } else {
        output::line("# the manager has (-) other than the definition says (+)")?;
        output::line(&shown.differences.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}
