//! What must hold between the values of a definition. The same rules judge a file and JSON.

use std::collections::{BTreeMap, BTreeSet};

use super::decode::nearest;
use super::error::{EXPLAINED_MAX, Fault, Faults};
use super::order::cycles;
use super::path::Path;
use super::value::Period;
use super::words::{Ready, Start};
use super::{CheckKind, Definition, RecoveryKind, Service};
use crate::name::ServiceName;
use crate::restart::RESTART_LIMIT_MAX;

/// Whether there are services besides those of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// There are none: a dependency on one is an error.
    None,
    /// There may be, in other files.
    Elsewhere,
}

/// Notes what is wrong. `declared` are the names of all services of the file, also of those that
/// could not be decoded: depending on such a one is no second error.
pub(crate) fn check(
    definition: &Definition,
    declared: &BTreeSet<String>,
    others: Others,
    faults: &mut Faults,
) {
    let services = Path::ROOT.key("services");
    let mut folded: BTreeMap<String, &str> = BTreeMap::new();
    for (name, service) in &definition.services {
        let path = services.key(name.as_str());
        if let Some(other) = folded.insert(name.as_str().to_lowercase(), name.as_str()) {
            let message = format!(
                "the services `{other}` and `{name}` differ in case only, which Windows and macOS do not see"
            );
            faults.add(Fault::new(path.clone(), message).at_key());
        }
        let known = Known { declared, others };
        dependencies(definition, known, name.as_str(), service, &path, faults);
        times(service, &path, faults);
        amounts(service, &path, faults);
        places(service, &path, faults);
        checks(service, &path, faults);
        sections(service, &path, faults);
    }
    for cycle in cycles(definition) {
        let from = &cycle[0];
        let next = cycle.get(1).unwrap_or(from);
        let index = definition.services[from]
            .depends_on
            .iter()
            .position(|name| name == next)
            .unwrap_or_default();
        let path = services.key(from.as_str()).key("depends_on");
        let path = faults.element(&path, index);
        let names: Vec<_> = cycle
            .iter()
            .chain([from])
            .map(ServiceName::as_str)
            .collect();
        let message = format!(
            "the services depend on each other in a circle: {}",
            names.join(" → ")
        );
        faults.add(Fault::new(path, message).hint("take one of these dependencies out"));
    }
}

/// The names that a service may depend on.
#[derive(Clone, Copy)]
struct Known<'a> {
    declared: &'a BTreeSet<String>,
    others: Others,
}

fn dependencies(
    definition: &Definition,
    known: Known<'_>,
    name: &str,
    service: &Service,
    path: &Path,
    faults: &mut Faults,
) {
    let path = path.key("depends_on");
    let mut seen = BTreeSet::new();
    for (index, other) in service.depends_on.iter().enumerate() {
        let path = faults.element(&path, index);
        if other == name {
            let message = format!("the service {name} depends on itself");
            faults.add(Fault::new(path, message));
        } else if !seen.insert(other) {
            let message = format!("{name} depends on {other} twice");
            faults.add(Fault::new(path, message));
        } else if known.others == Others::None && !known.declared.contains(other.as_str()) {
            let known = known
                .declared
                .iter()
                .map(String::as_str)
                .filter(|it| *it != name);
            let suggestion = (faults.len() < EXPLAINED_MAX)
                .then(|| nearest(other.as_str(), known))
                .flatten();
            let message = format!("{name} depends on {other}, which is no service of this file");
            faults.add(Fault::new(path, message).suggest(suggestion));
        } else if service.start != Start::Disabled
            && definition
                .services
                .get(other)
                .is_some_and(|other| other.start == Start::Disabled)
        {
            let message = format!("{name} depends on {other}, which is disabled");
            faults.add(Fault::new(path, message));
        }
    }
}

fn times(service: &Service, path: &Path, faults: &mut Faults) {
    let mut positive = |keys: &[&str], period: Period| {
        if period.is_zero() {
            let path = below(path, keys);
            let message = format!("{path} must be longer than 0s");
            faults.add(Fault::new(path, message));
        }
    };
    positive(&["ready_timeout"], service.ready_timeout);
    positive(&["hook_timeout"], service.hook_timeout);
    positive(&["restart", "window"], service.restart.window);
    positive(&["logs", "max_age"], service.logs.max_age);
    positive(
        &["windows", "preshutdown_timeout"],
        service.windows.preshutdown_timeout,
    );
    if let Some(watchdog) = service.systemd.watchdog {
        positive(&["systemd", "watchdog"], watchdog);
    }
    let restart = &service.restart;
    if restart.delay > restart.max_delay {
        let path = below(path, &["restart", "delay"]);
        let message = format!(
            "{path} is {}, longer than max_delay, which is {}",
            restart.delay, restart.max_delay
        );
        faults.add(Fault::new(path, message));
    }
}

fn amounts(service: &Service, path: &Path, faults: &mut Faults) {
    let mut positive = |keys: &[&str], is_zero: bool| {
        if is_zero {
            let path = below(path, keys);
            let message = format!("{path} must be more than 0");
            faults.add(Fault::new(path, message));
        }
    };
    let limits = &service.limits;
    positive(&["logs", "max_size"], service.logs.max_size.bytes() == 0);
    positive(
        &["limits", "memory"],
        limits.memory.is_some_and(|memory| memory.bytes() == 0),
    );
    positive(
        &["limits", "cpu"],
        limits
            .cpu
            .is_some_and(|cpu| !(cpu.is_finite() && cpu > 0.0)),
    );
    positive(&["limits", "tasks"], limits.tasks == Some(0));
    positive(&["limits", "open_files"], limits.open_files == Some(0));
    if let Some(publish) = &service.publish {
        positive(&["publish", "port"], publish.port == Some(0));
        positive(
            &["publish", "weights", "passing"],
            publish.weights.passing == 0,
        );
    }
    if service.restart.limit > RESTART_LIMIT_MAX {
        let path = below(path, &["restart", "limit"]);
        let message = format!("{path} must be at most {RESTART_LIMIT_MAX}");
        faults.add(Fault::new(path, message).hint("0 is no limit"));
    }
}

fn places(service: &Service, path: &Path, faults: &mut Faults) {
    let texts = [
        ("directory", Some(&service.directory)),
        ("environment_file", service.environment_file.as_ref()),
        ("pid_file", service.pid_file.as_ref()),
        ("user", service.user.as_ref()),
    ];
    for (key, text) in texts {
        if text.is_some_and(String::is_empty) {
            let path = path.key(key);
            let message = format!("{path} is empty");
            faults.add(Fault::new(path, message));
        }
    }
    for name in service.environment.keys() {
        let path = path.key("environment").key(name);
        if name.is_empty() {
            faults.add(Fault::new(path, "an environment variable has an empty name").at_key());
        } else if name.contains('=') {
            let message = format!("the name of the environment variable {name:?} has a `=` in it");
            faults.add(Fault::new(path, message).at_key());
        }
    }
}

fn checks(service: &Service, path: &Path, faults: &mut Faults) {
    if service.checks.is_empty() && !faults.concern(&path.key("checks")) {
        if service.ready == Ready::Healthy {
            let path = path.key("ready");
            let message = format!("{path} is \"healthy\", but the service has no check");
            faults.add(Fault::new(path, message));
        }
        if service.restart.on_unhealthy {
            let path = below(path, &["restart", "on_unhealthy"]);
            let message = format!("{path} is true, but the service has no check");
            faults.add(Fault::new(path, message));
        }
    }
    let path = path.key("checks");
    let mut names = BTreeMap::new();
    for (index, check) in service.checks.iter().enumerate() {
        let path = faults.element(&path, index);
        if let Some(first) = names.insert(&check.name, index) {
            let message = format!(
                "two checks are called `{}`: the {} and the {} of the service",
                check.name,
                ordinal(first),
                ordinal(index),
            );
            faults.add(Fault::new(path.key("name"), message));
        }
        let zeros = [
            ("interval", check.interval.is_zero()),
            ("timeout", check.timeout.is_zero()),
        ];
        for (key, _) in zeros.into_iter().filter(|(_, is_zero)| *is_zero) {
            let path = path.key(key);
            let message = format!("{path} must be longer than 0s");
            faults.add(Fault::new(path, message));
        }
        let counts = [
            ("healthy_after", check.healthy_after),
            ("unhealthy_after", check.unhealthy_after),
        ];
        for (key, _) in counts.into_iter().filter(|(_, count)| *count == 0) {
            let path = path.key(key);
            let message = format!("{path} must be at least 1");
            faults.add(Fault::new(path, message));
        }
        if let Some(problem) = check.kind.problem() {
            let path = path.key(check.kind.word());
            let message = format!("{path}: {problem}");
            faults.add(Fault::new(path, message));
        }
    }
}

fn sections(service: &Service, path: &Path, faults: &mut Faults) {
    if let Some(recovery) = &service.windows.recovery
        && recovery.command.is_none()
        && let Some(index) = recovery
            .actions
            .iter()
            .position(|action| action.kind == RecoveryKind::Run)
    {
        let path = below(path, &["windows", "recovery"]);
        let message = format!("{path} has the action `run` but no `command` to run");
        let path = faults.element(&path.key("actions"), index);
        faults.add(Fault::new(path, message));
    }
    for (index, privilege) in service.windows.privileges.iter().enumerate() {
        if !(privilege.starts_with("Se") && privilege.ends_with("Privilege")) {
            let path = faults.element(&below(path, &["windows", "privileges"]), index);
            let message = format!(
                "{path}: {privilege:?} is no privilege; their names are like SeChangeNotifyPrivilege"
            );
            faults.add(Fault::new(path, message));
        }
    }
    for (index, document) in service.config.watch.iter().enumerate() {
        if !document.starts_with('/') {
            let path = faults.element(&below(path, &["config", "watch"]), index);
            let message = format!("{path}: the path of a document starts with `/`");
            let meant = format!("/{document}");
            faults.add(Fault::new(path, message).suggest(Some(meant)));
        }
    }
}

fn below(path: &Path, keys: &[&str]) -> Path {
    keys.iter().fold(path.clone(), |path, key| path.key(key))
}

fn ordinal(index: usize) -> String {
    match index + 1 {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        number => format!("{number}th"),
    }
}

impl CheckKind {
    /// What is wrong with what is to be tried.
    fn problem(&self) -> Option<String> {
        match self {
            Self::Http(url) => {
                let Some(rest) = url
                    .strip_prefix("http://")
                    .or_else(|| url.strip_prefix("https://"))
                else {
                    return Some(format!(
                        "{url:?} is no URL of a check; it starts with http:// or https://"
                    ));
                };
                if let Some(odd) = url
                    .chars()
                    .find(|c| c.is_whitespace() || c.is_control() || !c.is_ascii())
                {
                    return Some(format!("the URL {url:?} has the character {odd:?} in it"));
                }
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let host_port = authority.rsplit('@').next().unwrap_or_default();
                host_and_port(host_port, Port::Optional)
                    .err()
                    .map(|problem| format!("in the URL {url:?}, {problem}"))
            }
            Self::Tcp(target) => host_and_port(target, Port::Required)
                .err()
                .map(|problem| format!("in {target:?}, {problem}; write \"host:port\"")),
            Self::Grpc(target) => {
                let host_port = target.split('/').next().unwrap_or_default();
                host_and_port(host_port, Port::Required)
                    .err()
                    .map(|problem| {
                        format!(
                            "in {target:?}, {problem}; write \"host:port\" or \"host:port/service\""
                        )
                    })
            }
            Self::Heartbeat(period) if period.is_zero() => {
                Some("a heartbeat must be longer than 0s".to_owned())
            }
            Self::Heartbeat(_) | Self::Exec(_) => None,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    Required,
    Optional,
}

/// Judges `host:port`, `[address]:port` and, where that is allowed, either without a port.
fn host_and_port(text: &str, wanted: Port) -> Result<(), String> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Err("the address has a `[` without a `]`".to_owned());
        };
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(format!("{host:?} is no IPv6 address"));
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(format!("{after:?} follows the address")),
        }
    } else {
        match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err("an IPv6 address stands in [ ]".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    if let Some(odd) = host
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')))
    {
        return Err(format!("the host has the character {odd:?} in it"));
    }
    match port {
        None if wanted == Port::Required => Err("the port is missing".to_owned()),
        None => Ok(()),
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => match port.parse::<u16>() {
            Ok(1..) => Ok(()),
            _ => Err(format!("the port {port:?} is not from 1 to 65535")),
        },
        Some(port) => Err(format!("the port {port:?} is no number")),
    }
}
