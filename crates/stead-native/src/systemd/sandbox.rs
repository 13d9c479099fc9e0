//! The sandbox profiles as settings of a unit, `systemd.exec(5)`, and what they would break.

use std::path::Path;

use stead_model::definition::{Profile, Service};
use stead_os::systemd::unit::{Section, UnitError};

use crate::place::Scope;
use crate::preflight::{self, Finding};

/// Folders that `ProtectHome=yes` empties.
const HOMES: &[&str] = &["/home", "/root", "/run/user"];

/// Folders that `PrivateTmp=yes` replaces.
const TEMPORARY: &[&str] = &["/tmp", "/var/tmp"];

/// What `standard` sets, for services of the system.
const STANDARD: &[(&str, &str)] = &[
    ("NoNewPrivileges", "yes"),
    ("ProtectSystem", "strict"),
    ("ProtectHome", "yes"),
    ("PrivateTmp", "yes"),
    ("PrivateDevices", "yes"),
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("ProtectKernelTunables", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectControlGroups", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("LockPersonality", "yes"),
    ("RemoveIPC", "yes"),
    // Netlink is how programs list the machine's addresses.
    (
        "RestrictAddressFamilies",
        "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    ),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallErrorNumber", "EPERM"),
    ("UMask", "0027"),
];

/// What `strict` sets beyond that.
const STRICT: &[(&str, &str)] = &[
    ("MemoryDenyWriteExecute", "yes"),
    ("PrivateUsers", "yes"),
    ("ProtectProc", "invisible"),
    ("ProcSubset", "pid"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
    ("SystemCallFilter", "~@privileged @resources"),
    ("UMask", "0077"),
];

/// What a user's own manager, which has no rights to give away, can set.
const USER: &[(&str, &str)] = &[
    ("NoNewPrivileges", "yes"),
    ("RestrictNamespaces", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("LockPersonality", "yes"),
    ("SystemCallArchitectures", "native"),
    ("SystemCallFilter", "@system-service"),
    ("SystemCallErrorNumber", "EPERM"),
];

/// The lowest port that anybody may listen on.
const FREE_PORTS: u16 = 1024;

/// Adds a service's profile to its unit.
pub(super) fn add(section: &mut Section, service: &Service, scope: Scope) -> Result<(), UnitError> {
    let profile = service.sandbox.profile;
    if profile != Profile::Off {
        let settings = match scope {
            Scope::System => STANDARD,
            Scope::User => USER,
        };
        let strict = profile == Profile::Strict;
        for (key, value) in settings {
            // Filters add up; of everything else the stricter one counts.
            let replaced = strict
                && *key != "SystemCallFilter"
                && STRICT.iter().any(|(other, _)| other == key);
            if !replaced {
                section.set(key, value);
            }
        }
        if strict {
            for (key, value) in STRICT {
                section.set(key, value);
            }
        }
        if scope == Scope::System {
            capabilities(section, service, profile);
        }
    }
    if !service.sandbox.write.is_empty() {
        section.list("ReadWritePaths", &service.sandbox.write)?;
    }
    Ok(())
}

/// None, but for the one that a low port takes. In a namespace of its own it would be worth
/// nothing.
fn capabilities(section: &mut Section, service: &Service, profile: Profile) {
    let low = service
        .publish
        .as_ref()
        .and_then(|publish| publish.port)
        .is_some_and(|port| port < FREE_PORTS);
    if low {
        section.set("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE");
        section.set("AmbientCapabilities", "CAP_NET_BIND_SERVICE");
        if profile == Profile::Strict {
            section.remove("PrivateUsers");
        }
    } else {
        section.set("CapabilityBoundingSet", "");
    }
}

/// What a service needs that its profile would not let it have.
pub(super) fn preflight(service: &Service, scope: Scope, host: Option<&Path>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let profile = service.sandbox.profile;
    if profile == Profile::Off {
        return findings;
    }
    let word = if profile == Profile::Strict {
        "strict"
    } else {
        "standard"
    };
    let program = Path::new(service.command.program());
    if scope == Scope::System {
        let mut places = vec![
            ("the program", program),
            ("the working folder", Path::new(&service.directory)),
        ];
        places.extend(host.map(|host| ("stead itself, which would host it,", host)));
        if let (Some(file), Some(_)) = (&service.environment_file, host) {
            places.push(("the environment file", Path::new(file)));
        }
        places.extend(
            service
                .sandbox
                .write
                .iter()
                .map(|folder| ("a folder of sandbox.write", Path::new(folder))),
        );
        for (what, path) in places {
            if let Some(home) = preflight::within(path, HOMES) {
                findings.push(
                    Finding::new(format!(
                        "{what} is {}, and the sandbox profile \"{word}\" hides {home}",
                        path.display()
                    ))
                    .hint("put it elsewhere, /opt or /usr/local for instance, or set sandbox.profile = \"off\""),
                );
            } else if let Some(temporary) = preflight::within(path, TEMPORARY) {
                findings.push(
                    Finding::new(format!(
                        "{what} is {}, and the sandbox profile \"{word}\" gives the service a {temporary} of its own",
                        path.display()
                    ))
                    .hint("put it elsewhere, or set sandbox.profile = \"off\""),
                );
            }
        }
        if let Some(file) = &service.pid_file {
            let folder = Path::new(file).parent().unwrap_or(Path::new("/"));
            let allowed = service
                .sandbox
                .write
                .iter()
                .any(|it| folder.starts_with(it));
            if !allowed {
                findings.push(
                    Finding::new(format!(
                        "pid_file is {file}, in a folder that the sandbox profile \"{word}\" keeps from being written"
                    ))
                    .hint("name the folder in sandbox.write"),
                );
            }
        }
    }
    if profile == Profile::Strict && preflight::compiles_as_it_runs(program) {
        findings.push(
            Finding::new(format!(
                "{} compiles code while it runs, which the sandbox profile \"strict\" forbids",
                program.display()
            ))
            .hint("\"standard\" lets it"),
        );
    }
    findings
}
