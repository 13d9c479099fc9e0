//! `stead service logs`: what a service has written, as the journal has it.

use std::process::{Command, ExitCode};

use stead_native::Manager;

use super::failure;
use crate::cli::ServiceLogs;
use crate::failure::{FAILED, Failure};

pub(super) fn run(
    manager: &dyn Manager,
    options: &ServiceLogs,
    user_unit: bool,
) -> Result<ExitCode, Failure> {
    let name = &options.name;
    let cannot = format!("cannot read what {name} wrote");
    let shown = manager
        .status(name)
        .map_err(|error| failure(&error, &cannot))?;
    let mut command = Command::new("journalctl");
    command.args(["--quiet", "--no-pager", "--output", "cat"]);
    command.arg(if user_unit { "--user-unit" } else { "--unit" });
    command.arg(&shown.unit);
    // What systemd says about the unit is no output of the program.
    command.arg(format!("SYSLOG_IDENTIFIER={name}"));
    if let Some(lines) = options.lines {
        command.arg("--lines").arg(lines.to_string());
    } else if options.follow {
        command.arg("--lines=all");
    }
    if options.follow {
        command.arg("--follow");
    }
    let status = command
        .status()
        .map_err(|error| Failure::of(FAILED, "cannot run journalctl", &error).during(cannot))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(FAILED)))
}
