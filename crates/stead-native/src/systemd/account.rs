//! Who a service of the system runs as, and what that account can reach.

use std::path::Path;

use crate::preflight::{self, Finding};

/// Whether the account can be had, can run the program, and is not one that others could misuse.
pub(super) fn findings(user: Option<&str>, program: &Path, host: Option<&Path>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let images = std::iter::once(program).chain(host);
    match user {
        Some("root") => {
            for image in images {
                if let Some(open) = preflight::changeable(image) {
                    findings.push(
                        Finding::new(format!(
                            "{} would run as root, and others than root can change {}",
                            image.display(),
                            open.display()
                        ))
                        .hint("give the file and its folders to root alone, or the service another `user`"),
                    );
                }
            }
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
