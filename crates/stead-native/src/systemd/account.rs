//! Who a service of the system runs as, and what that account can reach.

use std::path::Path;

use stead_model::definition::{Argv, Reload, Service};

use crate::preflight::{self, Finding};
use crate::resolved::Resolved;

/// Whether the account can be had, can run the program, and is not one that others could misuse.
pub(super) fn findings(resolved: &Resolved, host: Option<&Path>) -> Vec<Finding> {
    let service = &resolved.service;
    let program = resolved.program();
    let mut findings = Vec::new();
    let images = std::iter::once(program).chain(host);
    match service.user.as_deref() {
        Some("root" | "0") => {
            for file in images.chain(obeyed(service)) {
                if let Some(open) = preflight::changeable(file) {
                    findings.push(
                        Finding::new(format!(
                            "{} would run as root, and others than root can change {}",
                            file.display(),
                            open.display()
                        ))
                        .hint("give the file and its folders to root alone, or the service another `user`"),
                    );
                }
            }
        }
        None if stead_os::process::account_exists(resolved.name.as_str()) => {
            let name = &resolved.name;
            findings.push(
                Finding::new(format!(
                    "there is an account {name} already, and systemd would run the service as that"
                ))
                .hint(format!(
                    "set user = \"{name}\" if that is meant; else give the service another name"
                )),
            );
        }
        Some(user) if !stead_os::process::account_exists(user) => {
            findings.push(
                Finding::new(format!("there is no account {user}")).hint(format!(
                    "useradd --system {user}; or leave `user` out, and it gets an account of its own"
                )),
            );
        }
        Some(_) => {}
        None => {
            for image in images {
                if let Some(closed) = preflight::out_of_reach(image) {
                    findings.push(
                        Finding::new(format!(
                            "the service's own account cannot run {}: {} is closed to it",
                            image.display(),
                            closed.display()
                        ))
                        .hint("open it to all, or name an account in `user` that may"),
                    );
                }
            }
        }
    }
    findings
}

/// The files besides the program that say what a service does: its environment file, the scripts
/// and other files among its arguments, its further commands.
fn obeyed(service: &Service) -> impl Iterator<Item = &Path> {
    let hooks = [
        &service.before_start,
        &service.after_start,
        &service.before_stop,
        &service.after_stop,
    ];
    let reload = match &service.reload {
        Some(Reload::Command(command)) => Some(command),
        Some(Reload::Signal(_)) | None => None,
    };
    let commands = hooks
        .into_iter()
        .flatten()
        .chain(reload)
        .chain([&service.command]);
    commands
        .flat_map(Argv::words)
        .chain(&service.environment_file)
        .map(Path::new)
        .filter(|path| path.is_absolute() && path.is_file())
}
