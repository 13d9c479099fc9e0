//! Limits of a program: put into force, or reported as not.

use std::path::Path;

use super::super::{Command, LimitNotEnforced};
use super::cgroup::{self, Hierarchy};

/// The limit on descriptors to set; one above what this process may grant is not enforced.
pub(super) fn open_files(
    command: &Command,
    not_enforced: &mut Vec<LimitNotEnforced>,
) -> Option<u64> {
    let wanted = command.limits.open_files?;
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    match hard {
        Some(hard) if wanted > hard && !rustix::process::geteuid().is_root() => {
            not_enforced.push(LimitNotEnforced {
                limit: "open_files",
                reason: format!("the hard limit is {hard} and only root may raise it"),
            });
            None
        }
        _ => Some(wanted),
    }
}

/// Puts the limits of a command on its cgroup.
pub(super) fn limit(
    command: &Command,
    hierarchy: &Hierarchy,
    cgroup: &Path,
    not_enforced: &mut Vec<LimitNotEnforced>,
) {
    const PERIOD: u64 = 100_000;
    let limits = command.limits;
    let mut put = |limit, controller, file, value: Option<String>| {
        let Some(value) = value else { return };
        let result = hierarchy.enable(controller).and_then(|()| {
            cgroup::set(cgroup, file, &value).map_err(|error| format!("cannot set {file}: {error}"))
        });
        if let Err(reason) = result {
            not_enforced.push(LimitNotEnforced { limit, reason });
        }
    };
    put(
        "memory",
        "memory",
        "memory.max",
        limits.memory.map(|bytes| bytes.to_string()),
    );
    // The definition admits only sensible numbers; the kernel refuses less than a millisecond.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let quota = |processors: f64| (processors * PERIOD as f64) as u64;
    put(
        "cpu",
        "cpu",
        "cpu.max",
        limits.cpu.map(|cpu| format!("{} {PERIOD}", quota(cpu))),
    );
    put(
        "tasks",
        "pids",
        "pids.max",
        limits.tasks.map(|tasks| tasks.to_string()),
    );
    if limits.memory.is_some() {
        // Missing where there is no swap, and then there is nothing to limit.
        let _ = cgroup::set(cgroup, "memory.swap.max", "0");
    }
}

/// Reports the limits that only a cgroup could put into force.
pub(super) fn report_without_cgroup(command: &Command, not_enforced: &mut Vec<LimitNotEnforced>) {
    let limits = command.limits;
    for (limit, wanted) in [
        ("memory", limits.memory.is_some()),
        ("cpu", limits.cpu.is_some()),
        ("tasks", limits.tasks.is_some()),
    ] {
        if wanted {
            not_enforced.push(LimitNotEnforced {
                limit,
                reason: "no cgroup v2 tree is writable here".to_owned(),
            });
        }
    }
}
