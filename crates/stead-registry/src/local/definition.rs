//! What a registration at the agent means for the catalogue.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Map;
use stead_api::consul::{Check, CheckDefinition, Node, Service, ServiceAddress, Status};

use super::LocalOptions;
use crate::RegistryError;
use crate::batch::Batch;

/// The check that a node's agent is there.
const SELF_CHECK: &str = "serfHealth";
/// The service that the registry itself is.
const SELF_SERVICE: &str = "consul";

/// The node, the registry's own service and the node's own check.
pub(super) fn stage_self(batch: &mut Batch, options: &LocalOptions) {
    let mut node = options.node.clone();
    if node.tagged_addresses.is_none() {
        let address = &node.address;
        let family = match address.parse() {
            Ok(IpAddr::V6(_)) => ["lan_ipv6", "wan_ipv6"],
            _ => ["lan_ipv4", "wan_ipv4"],
        };
        let tags = ["lan", "wan"].into_iter().chain(family);
        let tagged = tags.map(|tag| (tag.to_owned(), address.clone()));
        node.tagged_addresses = Some(tagged.collect());
    }
    let meta = node.meta.get_or_insert_with(BTreeMap::new);
    meta.entry("consul-network-segment".to_owned()).or_default();
    let name = node.node.clone();
    batch.node(node);
    if options.server_port != 0 {
        let meta = [("version", options.version.clone())];
        let meta = meta.map(|(key, value)| (key.to_owned(), value));
        batch.service(
            &name,
            Service {
                id: SELF_SERVICE.to_owned(),
                service: SELF_SERVICE.to_owned(),
                port: options.server_port,
                meta: Some(BTreeMap::from(meta)),
                ..Service::default()
            },
        );
    }
    batch.check(Check {
        node: name,
        check_id: SELF_CHECK.to_owned(),
        name: "Serf Health Status".to_owned(),
        status: Status::Passing,
        output: "Agent alive and reachable".to_owned(),
        ..Check::default()
    });
}

/// A service with an address of its own is found by it under the usual tags.
pub(super) fn tag_addresses(service: &mut Service) {
    let tags = match service.address.parse() {
        Ok(IpAddr::V4(_)) => ["lan_ipv4", "wan_ipv4"],
        Ok(IpAddr::V6(_)) => ["lan_ipv6", "wan_ipv6"],
        Err(_) => return,
    };
    for tag in tags {
        let tagged = service.tagged_addresses.entry(tag.to_owned());
        tagged.or_insert_with(|| ServiceAddress {
            address: service.address.clone(),
            port: service.port,
        });
    }
}

/// Gives a service's checks their ids and names.
pub(super) fn resolve_checks(
    service: &Service,
    checks: Vec<CheckDefinition>,
    kept: bool,
) -> Result<Vec<CheckDefinition>, RegistryError> {
    let several = checks.len() > 1;
    let mut resolved: Vec<CheckDefinition> = Vec::with_capacity(checks.len());
    for (place, mut check) in checks.into_iter().enumerate() {
        if check.id.is_empty() {
            check.id = std::mem::take(&mut check.checkid);
        }
        if check.id.is_empty() {
            check.id = if several {
                format!("service:{}:{}", service.id, place + 1)
            } else {
                format!("service:{}", service.id)
            };
        }
        if check.name.is_empty() {
            check.name = format!("Service '{}' check", service.service);
        }
        check.serviceid.clone_from(&service.id);
        check.kept = kept;
        let check = resolve(check)?;
        if resolved.iter().any(|other| other.id == check.id) {
            return Err(RegistryError::InvalidCheck {
                why: format!("two checks have the id {:?}", check.id),
            });
        }
        resolved.push(check);
    }
    Ok(resolved)
}

/// Fills in a check's id and refuses one that makes no sense.
pub(super) fn resolve_check(mut check: CheckDefinition) -> Result<CheckDefinition, RegistryError> {
    check.kept = false;
    resolve(check)
}

fn resolve(mut check: CheckDefinition) -> Result<CheckDefinition, RegistryError> {
    if check.id.is_empty() {
        check.id = std::mem::take(&mut check.checkid);
    }
    if check.id.is_empty() {
        check.id.clone_from(&check.name);
    }
    check.checkid.clear();
    if check.id.is_empty() {
        return Err(RegistryError::MissingCheckName);
    }
    if check.args.is_empty() {
        check.args = std::mem::take(&mut check.scriptargs);
    }
    check.scriptargs.clear();
    let invalid = |why: &str| {
        Err(RegistryError::InvalidCheck {
            why: why.to_owned(),
        })
    };
    if check.kept {
        return Ok(check);
    }
    let alias = !check.aliasnode.is_empty() || !check.aliasservice.is_empty();
    let runs = [
        !check.http.is_empty(),
        !check.tcp.is_empty(),
        !check.grpc.is_empty(),
        !check.args.is_empty(),
    ];
    match runs.iter().filter(|run| **run).count() {
        0 if alias => {}
        0 if check.ttl.0.is_zero() => return invalid("TTL must be > 0 for TTL checks"),
        1 if !check.ttl.0.is_zero() => {
            return invalid("Interval and TTL cannot both be specified");
        }
        1 if check.interval.0.is_zero() => {
            return invalid("Interval must be > 0 for Script, HTTP, or TCP checks");
        }
        0 | 1 => {}
        _ => return invalid("more than one of HTTP, TCP, GRPC and Args is set"),
    }
    if !check.status.is_empty() && check.status.parse::<Status>().is_err() {
        return invalid("Bad check status");
    }
    Ok(check)
}

/// The word for how a check is run.
pub(super) fn kind(check: &CheckDefinition) -> &'static str {
    if !check.http.is_empty() {
        "http"
    } else if !check.tcp.is_empty() {
        "tcp"
    } else if !check.grpc.is_empty() {
        "grpc"
    } else if !check.args.is_empty() {
        "script"
    } else if check.kept || !check.ttl.0.is_zero() {
        // A kept check is told its verdicts as one with a time to live is.
        "ttl"
    } else {
        "alias"
    }
}

/// The catalogue's record of a check. One that is there keeps its verdict, unless one is given.
pub(super) fn check_record(
    node: &str,
    definition: &CheckDefinition,
    known: Option<&Check>,
) -> Result<Check, RegistryError> {
    let given = match definition.status.as_str() {
        "" => None,
        word => Some(word.parse().map_err(|_| RegistryError::InvalidCheck {
            why: "Bad check status".to_owned(),
        })?),
    };
    let status = given.or(known.map(|check| check.status));
    Ok(Check {
        node: node.to_owned(),
        check_id: definition.id.clone(),
        name: definition.name.clone(),
        status: status.unwrap_or_default(),
        notes: definition.notes.clone(),
        output: known.map(|check| check.output.clone()).unwrap_or_default(),
        service_id: definition.serviceid.clone(),
        kind: kind(definition).to_owned(),
        definition: Map::new(),
        ..Check::default()
    })
}

/// Where the registrations of a check take turns: with those of its service.
pub(super) fn turn(check: &CheckDefinition) -> &str {
    match check.serviceid.as_str() {
        "" => &check.id,
        service => service,
    }
}

impl LocalOptions {
    /// An agent on a node of this name and address.
    pub fn new(node: &str, address: &str) -> Self {
        Self {
            node: Node {
                node: node.to_owned(),
                address: address.to_owned(),
                ..Node::default()
            },
            ..Self::default()
        }
    }
}
