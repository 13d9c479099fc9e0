use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A node of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Node {
    /// A UUID, or empty.
    #[serde(rename = "ID")]
    pub id: String,
    /// The name.
    pub node: String,
    /// The address, `host` or IP.
    pub address: String,
    /// The data centre it is in.
    pub datacenter: String,
    /// Addresses by tag (`lan`, `wan`, …); `null` when none were given.
    pub tagged_addresses: Option<BTreeMap<String, String>>,
    /// Free-form facts; `null` when none were given.
    pub meta: Option<BTreeMap<String, String>>,
    /// The revision that created it.
    pub create_index: u64,
    /// The revision that changed it last.
    pub modify_index: u64,
}

/// An address with a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceAddress {
    /// The host.
    #[serde(alias = "address")]
    pub address: String,
    /// The port.
    #[serde(alias = "port")]
    pub port: u16,
}

/// How much of the load an instance takes, by the state of its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Weights {
    /// While all checks pass. Default 1.
    #[serde(alias = "passing")]
    pub passing: u32,
    /// While one is in warning. Default 1.
    #[serde(alias = "warning")]
    pub warning: u32,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            passing: 1,
            warning: 1,
        }
    }
}

/// An object without a member, `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unset {}

/// Proxy settings, which clients expect to find and which are always unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Proxy {
    /// Always `{}`.
    pub mesh_gateway: Unset,
    /// Always `{}`.
    pub expose: Expose,
}

/// Exposed paths of a proxy, always unset.
pub type Expose = Unset;

/// An instance of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Service {
    /// Unique on its node.
    #[serde(rename = "ID")]
    pub id: String,
    /// The service's name, shared by its instances.
    pub service: String,
    /// In the order given; never `null`.
    pub tags: Vec<String>,
    /// Empty: the node's.
    pub address: String,
    /// Addresses by tag; left out when there are none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tagged_addresses: BTreeMap<String, ServiceAddress>,
    /// Free-form facts; `null` when none were given.
    pub meta: Option<BTreeMap<String, String>>,
    /// 0: none.
    pub port: u16,
    /// Load weights.
    pub weights: Weights,
    /// Whether others may change the tags.
    pub enable_tag_override: bool,
    /// Always unset.
    pub proxy: Proxy,
    /// Always unset.
    pub connect: Unset,
    /// The revision that created it.
    pub create_index: u64,
    /// The revision that changed it last.
    pub modify_index: u64,
}

/// A check's verdict.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Well.
    Passing,
    /// Still in use, observed.
    Warning,
    /// Not to be used; what a check is before its first verdict.
    #[default]
    Critical,
}

impl Status {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no [`Status`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        match word {
            "passing" => Ok(Self::Passing),
            "warning" => Ok(Self::Warning),
            "critical" => Ok(Self::Critical),
            _ => Err(UnknownStatus),
        }
    }
}

/// A check of a node or of one service instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Check {
    /// The node's name.
    pub node: String,
    /// Unique on the node.
    #[serde(rename = "CheckID")]
    pub check_id: String,
    /// For people.
    pub name: String,
    /// The verdict.
    pub status: Status,
    /// For people.
    pub notes: String,
    /// What the last run said.
    pub output: String,
    /// The instance it belongs to; empty: the node.
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    /// The instance's service.
    pub service_name: String,
    /// The instance's tags; never `null`.
    pub service_tags: Vec<String>,
    /// `ttl`, `http`, …; empty when unknown.
    #[serde(rename = "Type")]
    pub kind: String,
    /// What was registered about how it is run.
    pub definition: Map<String, Value>,
    /// The revision that created it.
    pub create_index: u64,
    /// The revision that changed it last, the output left aside.
    pub modify_index: u64,
}

/// One element of `/v1/health/service/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServiceHealth {
    /// Where it runs.
    pub node: Arc<Node>,
    /// The instance.
    pub service: Arc<Service>,
    /// The node's checks and the instance's own.
    pub checks: Vec<Arc<Check>>,
}

/// One element of `/v1/catalog/service/NAME`: a service with its node, flat.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(
    missing_docs,
    reason = "each is the field of `Node` or `Service` of that name"
)]
pub struct CatalogService<'a> {
    #[serde(rename = "ID")]
    pub id: &'a str,
    pub node: &'a str,
    pub address: &'a str,
    pub datacenter: &'a str,
    pub tagged_addresses: &'a Option<BTreeMap<String, String>>,
    pub node_meta: &'a Option<BTreeMap<String, String>>,
    pub service_kind: &'static str,
    #[serde(rename = "ServiceID")]
    pub service_id: &'a str,
    pub service_name: &'a str,
    pub service_tags: &'a [String],
    pub service_address: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub service_tagged_addresses: &'a BTreeMap<String, ServiceAddress>,
    pub service_weights: Weights,
    /// `{}` when there are none.
    pub service_meta: BTreeMap<&'a str, &'a str>,
    pub service_port: u16,
    pub service_enable_tag_override: bool,
    pub service_proxy: Proxy,
    pub service_connect: Unset,
    pub create_index: u64,
    pub modify_index: u64,
}

impl<'a> CatalogService<'a> {
    /// Lays a service and its node out flat.
    pub fn new(node: &'a Node, service: &'a Service) -> Self {
        Self {
            id: &node.id,
            node: &node.node,
            address: &node.address,
            datacenter: &node.datacenter,
            tagged_addresses: &node.tagged_addresses,
            node_meta: &node.meta,
            service_kind: "",
            service_id: &service.id,
            service_name: &service.service,
            service_tags: &service.tags,
            service_address: &service.address,
            service_tagged_addresses: &service.tagged_addresses,
            service_weights: service.weights,
            service_meta: service
                .meta
                .iter()
                .flatten()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            service_port: service.port,
            service_enable_tag_override: service.enable_tag_override,
            service_proxy: service.proxy,
            service_connect: service.connect,
            create_index: service.create_index,
            modify_index: service.modify_index,
        }
    }
}

/// `/v1/catalog/node/NAME`; an unknown node is `null` in its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeServices {
    /// The node.
    pub node: Arc<Node>,
    /// Its services by id.
    pub services: BTreeMap<String, Arc<Service>>,
}

/// `/v1/catalog/node-services/NAME`; both members are `null` for an unknown node.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NodeServiceList {
    /// The node.
    pub node: Option<Arc<Node>>,
    /// Its services, ordered by id.
    pub services: Option<Vec<Arc<Service>>>,
}

/// The node's part of a registration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct NodeInput {
    /// See [`Node::id`].
    pub id: String,
    /// See [`Node::node`].
    pub node: String,
    /// See [`Node::address`].
    pub address: String,
    /// See [`Node::tagged_addresses`].
    pub taggedaddresses: Option<BTreeMap<String, String>>,
    /// See [`Node::meta`].
    pub nodemeta: Option<BTreeMap<String, String>>,
}

/// The service's part of a catalogue registration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "lowercase")]
#[allow(missing_docs, reason = "each is the field of `Service` of that name")]
pub struct ServiceInput {
    pub id: String,
    pub service: String,
    pub tags: Vec<String>,
    pub address: String,
    pub taggedaddresses: BTreeMap<String, ServiceAddress>,
    pub meta: Option<BTreeMap<String, String>>,
    pub port: u16,
    pub weights: Option<Weights>,
    pub enabletagoverride: bool,
}

/// A check's part of a catalogue registration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "lowercase")]
#[allow(missing_docs, reason = "each is the field of `Check` of that name")]
pub struct CheckInput {
    pub node: String,
    pub checkid: String,
    pub name: String,
    pub status: String,
    pub notes: String,
    pub output: String,
    pub serviceid: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub definition: Map<String, Value>,
}

/// `PUT /v1/catalog/register`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct CatalogRegistration {
    /// See [`Node::id`].
    pub id: String,
    /// See [`Node::node`].
    pub node: String,
    /// See [`Node::address`].
    pub address: String,
    /// See [`Node::tagged_addresses`].
    pub taggedaddresses: Option<BTreeMap<String, String>>,
    /// See [`Node::meta`].
    pub nodemeta: Option<BTreeMap<String, String>>,
    /// Must be this data centre, or empty.
    pub datacenter: String,
    /// A service to register on the node.
    pub service: Option<ServiceInput>,
    /// One check.
    pub check: Option<CheckInput>,
    /// More checks.
    pub checks: Vec<CheckInput>,
    /// Leaves an existing node as it is.
    pub skipnodeupdate: bool,
}

/// `PUT /v1/catalog/deregister`: the check, else the service, else the node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct CatalogDeregistration {
    /// The node.
    pub node: String,
    /// Must be this data centre, or empty.
    pub datacenter: String,
    /// A check to remove.
    pub checkid: String,
    /// A service to remove, with its checks.
    pub serviceid: String,
}
