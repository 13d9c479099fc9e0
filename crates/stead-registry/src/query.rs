//! What can be asked of the registry, and how it is answered from a view.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use stead_api::consul::{
    CatalogService, Check, Node, NodeServiceList, NodeServices, Service, ServiceHealth, Status,
};
use stead_store::Revision;

use crate::Name;
use crate::view::{Cell, View};

/// A node's facts that must all be present, by key.
pub type NodeMeta = BTreeMap<String, String>;

/// A question. Equal questions share one answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// All nodes, or those with these facts.
    Nodes {
        /// Facts the node must have.
        meta: NodeMeta,
    },
    /// The names of services, each with the tags of its instances.
    Services {
        /// Facts the node must have.
        meta: NodeMeta,
    },
    /// The instances of a service.
    Instances {
        /// The service's name.
        service: Name,
        /// Tags an instance must have; see [`tags`].
        tags: Vec<Name>,
        /// Facts the node must have.
        meta: NodeMeta,
    },
    /// A node with its services by id; `null` for an unknown one.
    Node {
        /// The node's name.
        node: Name,
    },
    /// A node with the list of its services.
    NodeServices {
        /// The node's name.
        node: Name,
    },
    /// The instances of a service with their nodes and checks.
    Health {
        /// The service's name.
        service: Name,
        /// Tags an instance must have; see [`tags`].
        tags: Vec<Name>,
        /// Which instances.
        filter: HealthFilter,
        /// Facts the node must have.
        meta: NodeMeta,
    },
    /// The checks on a node.
    NodeChecks {
        /// The node's name.
        node: Name,
    },
    /// The checks of a service's instances.
    ServiceChecks {
        /// The service's name.
        service: Name,
        /// Facts the node must have.
        meta: NodeMeta,
    },
    /// The checks of all nodes.
    Checks {
        /// In this state; `None`: in any.
        status: Option<Status>,
        /// Facts the node must have.
        meta: NodeMeta,
    },
    /// One key with its value, as a list of one.
    Key {
        /// The key.
        key: Bytes,
    },
    /// The bare value of one key.
    Raw {
        /// The key.
        key: Bytes,
    },
    /// Every key with this prefix, with its value.
    Tree {
        /// The prefix.
        prefix: Bytes,
    },
    /// The names of the keys with this prefix.
    Keys {
        /// The prefix.
        prefix: Bytes,
        /// Names are cut after its first occurrence behind the prefix; empty: not cut.
        separator: String,
    },
}

/// Which instances an answer on health has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HealthFilter {
    /// All.
    Any,
    /// Those whose every check passes.
    Passing,
}

/// Tags in their canonical order, each once.
pub fn tags<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Vec<Name> {
    let mut tags: Vec<Name> = tags
        .into_iter()
        .map(|tag| Name::from(tag.as_ref()))
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// How old an answer is, before it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age {
    /// What the client compares.
    pub(crate) index: Revision,
    /// Two answers of one content are the same bytes.
    pub(crate) content: Revision,
}

impl Query {
    /// Whether it is about keys, whose answers' indexes are exact, and which clients compare even
    /// where only the names of the keys are asked for.
    pub(crate) fn of_keys(&self) -> bool {
        matches!(
            self,
            Self::Key { .. } | Self::Raw { .. } | Self::Tree { .. } | Self::Keys { .. }
        )
    }

    /// The cells that say when the answer changed.
    pub(crate) fn cells(&self) -> Vec<Cell> {
        let (cell, meta) = match self {
            Self::Nodes { .. } => return vec![Cell::Nodes],
            Self::Services { meta } if meta.is_empty() => return vec![Cell::Services],
            Self::Services { meta } => (Cell::AnyInstance, meta),
            Self::Instances { service, .. } => return vec![Cell::Instances(service.clone())],
            Self::Node { node } | Self::NodeServices { node } => {
                return vec![Cell::Node(node.clone())];
            }
            Self::Health { service, .. } => return vec![Cell::Health(service.clone())],
            Self::NodeChecks { node } => return vec![Cell::NodeChecks(node.clone())],
            Self::ServiceChecks { service, meta } => (Cell::ServiceChecks(service.clone()), meta),
            Self::Checks { status, meta } => (Cell::Checks(*status), meta),
            Self::Key { key } | Self::Raw { key } => return vec![Cell::Key(key.clone())],
            Self::Tree { prefix } | Self::Keys { prefix, .. } => {
                return vec![Cell::Tree(prefix.clone())];
            }
        };
        if meta.is_empty() {
            vec![cell]
        } else {
            vec![cell, Cell::Nodes]
        }
    }

    /// When the content changed last, a bound from above that is cheap to have.
    pub(crate) fn content(&self, view: &View) -> Revision {
        match self {
            Self::Key { .. } | Self::Raw { .. } | Self::Tree { .. } | Self::Keys { .. } => {
                view.kv_changed.max(view.base())
            }
            _ => self
                .cells()
                .iter()
                .map(|cell| view.stamp(cell).content)
                .fold(view.base(), Revision::max),
        }
    }

    /// The answer's index.
    pub(crate) fn index(&self, view: &View) -> Revision {
        match self {
            Self::Key { key } | Self::Raw { key } => view.key_index(key),
            Self::Tree { prefix } | Self::Keys { prefix, .. } => view.tree_index(prefix),
            _ => self
                .cells()
                .iter()
                .map(|cell| view.stamp(cell).index)
                .fold(view.base(), Revision::max),
        }
    }

    /// The answer's bytes; `None` where there is nothing to answer with.
    pub(crate) fn body(&self, view: &View) -> Option<Bytes> {
        match self {
            Self::Nodes { meta } => {
                let nodes: Vec<&Node> = view
                    .nodes
                    .values()
                    .filter_map(|node| node.record.as_deref())
                    .filter(|node| has(node, meta))
                    .collect();
                Some(json(&nodes))
            }
            Self::Services { meta } => Some(services(view, meta)),
            Self::Instances {
                service,
                tags,
                meta,
            } => {
                let found: Vec<CatalogService<'_>> = instances(view, service, tags, meta)
                    .map(|(node, service)| CatalogService::new(node, service))
                    .collect();
                Some(json(&found))
            }
            Self::Node { node } => Some(json(&node_services(view, node))),
            Self::NodeServices { node } => {
                let found = node_services(view, node);
                Some(json(&match found {
                    Some(found) => NodeServiceList {
                        node: Some(found.node),
                        services: Some(found.services.into_values().collect()),
                    },
                    None => NodeServiceList {
                        node: None,
                        services: None,
                    },
                }))
            }
            Self::Health {
                service,
                tags,
                filter,
                meta,
            } => {
                let mut checks = ChecksByService::default();
                let found: Vec<ServiceHealth> = instances(view, service, tags, meta)
                    .map(|(node, service)| ServiceHealth {
                        checks: checks.of(view, &node.node, &service.id),
                        node: Arc::clone(node),
                        service: Arc::clone(service),
                    })
                    .filter(|found| match filter {
                        HealthFilter::Any => true,
                        HealthFilter::Passing => {
                            let mut checks = found.checks.iter();
                            checks.all(|check| check.status == Status::Passing)
                        }
                    })
                    .collect();
                Some(json(&found))
            }
            Self::NodeChecks { node } => {
                let checks: Vec<&Check> = view
                    .nodes
                    .get(node)
                    .iter()
                    .flat_map(|node| node.checks.values())
                    .map(|check| &**check)
                    .collect();
                Some(json(&checks))
            }
            Self::ServiceChecks { service, meta } => {
                let mut checks = ChecksByService::default();
                let found: Vec<Arc<Check>> = instances(view, service, &[], meta)
                    .flat_map(|(node, service)| {
                        let of_service = checks.of(view, &node.node, &service.id).into_iter();
                        of_service.filter(|check| !check.service_id.is_empty())
                    })
                    .collect();
                Some(json(&found))
            }
            Self::Checks { status, meta } => {
                let checks: Vec<&Check> = view
                    .nodes
                    .values()
                    .filter(|node| node.record.as_deref().is_some_and(|node| has(node, meta)))
                    .flat_map(|node| node.checks.values())
                    .filter(|check| status.is_none_or(|status| check.status == status))
                    .map(|check| &**check)
                    .collect();
                Some(json(&checks))
            }
            Self::Key { .. } | Self::Raw { .. } | Self::Tree { .. } | Self::Keys { .. } => {
                self.body_of_keys(view)
            }
        }
    }

    fn body_of_keys(&self, view: &View) -> Option<Bytes> {
        match self {
            Self::Key { key } => {
                let entry = view.kv.get(key)?;
                Some(json(&[entry.pair(key)]))
            }
            Self::Raw { key } => view.kv.get(key).map(|entry| entry.value.clone()),
            Self::Tree { prefix } => {
                let pairs: Vec<_> = view
                    .below(prefix)
                    .map(|(key, entry)| entry.pair(key))
                    .collect();
                (!pairs.is_empty()).then(|| json(&pairs))
            }
            Self::Keys { prefix, separator } => {
                let keys = key_names(view, prefix, separator);
                (!keys.is_empty()).then(|| json(&keys))
            }
            _ => None,
        }
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Bytes {
    match serde_json::to_vec(value) {
        Ok(bytes) => bytes.into(),
        // Strings, numbers and maps with string keys are all there is in these shapes.
        Err(error) => unreachable!("an answer that is no JSON: {error}"),
    }
}

fn has(node: &Node, meta: &NodeMeta) -> bool {
    meta.iter()
        .all(|(key, value)| node.meta.as_ref().and_then(|meta| meta.get(key)) == Some(value))
}

fn services(view: &View, meta: &NodeMeta) -> Bytes {
    if meta.is_empty() {
        let all: BTreeMap<&str, Vec<&str>> = view
            .services
            .iter()
            .map(|(name, service)| (&**name, service.tags.keys().map(|tag| &**tag).collect()))
            .collect();
        return json(&all);
    }
    let mut found: BTreeMap<&str, std::collections::BTreeSet<&str>> = BTreeMap::new();
    for node in view.nodes.values() {
        if !node.record.as_deref().is_some_and(|node| has(node, meta)) {
            continue;
        }
        for service in node.services.values() {
            let tags = found.entry(&service.service).or_default();
            tags.extend(service.tags.iter().map(String::as_str));
        }
    }
    json(&found)
}

/// The instances of a service with their nodes, those with every tag and fact.
fn instances<'a>(
    view: &'a View,
    service: &str,
    tags: &'a [Name],
    meta: &'a NodeMeta,
) -> impl Iterator<Item = (&'a Arc<Node>, &'a Arc<Service>)> {
    view.services
        .get(service)
        .into_iter()
        .flat_map(|service| service.instances.iter())
        .filter_map(|((node, _), service)| Some((view.node(node)?, service)))
        .filter(move |(node, service)| {
            has(node, meta)
                && tags
                    .iter()
                    .all(|tag| service.tags.iter().any(|have| **have == **tag))
        })
}

/// The checks of the node that was asked for last, by service. Instances come ordered by node, so
/// each node is taken apart once, however many instances it has.
#[derive(Default)]
struct ChecksByService<'a> {
    node: &'a str,
    by_service: HashMap<&'a str, Vec<Arc<Check>>>,
}

impl<'a> ChecksByService<'a> {
    /// The node's own checks, then the instance's.
    fn of(&mut self, view: &'a View, node: &'a str, service: &str) -> Vec<Arc<Check>> {
        if self.node != node {
            self.node = node;
            self.by_service.clear();
            for check in view
                .nodes
                .get(node)
                .iter()
                .flat_map(|node| node.checks.values())
            {
                let checks = self.by_service.entry(&check.service_id).or_default();
                checks.push(Arc::clone(check));
            }
        }
        let parts = ["", service].map(|of| self.by_service.get(of));
        parts.into_iter().flatten().flatten().cloned().collect()
    }
}

fn node_services(view: &View, name: &str) -> Option<NodeServices> {
    let node = view.nodes.get(name)?;
    Some(NodeServices {
        node: Arc::clone(node.record.as_ref()?),
        services: node
            .services
            .iter()
            .map(|(id, service)| (id.to_string(), Arc::clone(service)))
            .collect(),
    })
}

fn key_names(view: &View, prefix: &Bytes, separator: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (key, _) in view.below(prefix) {
        let key = String::from_utf8_lossy(key);
        let name = match behind(&key, prefix.len(), separator) {
            Some(end) => &key[..end],
            None => &key[..],
        };
        if names.last().is_none_or(|last| last != name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Where the separator's first occurrence behind the prefix ends.
fn behind(key: &str, prefix: usize, separator: &str) -> Option<usize> {
    if separator.is_empty() {
        return None;
    }
    let at = key.get(prefix..)?.find(separator)?;
    Some(prefix + at + separator.len())
}
