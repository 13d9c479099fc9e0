use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{GoDuration, Service, ServiceAddress, Weights};

/// `PUT /v1/agent/service/register`. Keys may also be written with underscores.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct ServiceDefinition {
    /// Unique on the node. Empty: the name.
    pub id: String,
    /// The service's name.
    pub name: String,
    /// See [`Service::tags`].
    pub tags: Vec<String>,
    /// See [`Service::address`].
    pub address: String,
    /// See [`Service::tagged_addresses`].
    #[serde(alias = "tagged_addresses")]
    pub taggedaddresses: BTreeMap<String, ServiceAddress>,
    /// See [`Service::meta`].
    pub meta: Option<BTreeMap<String, String>>,
    /// See [`Service::port`].
    pub port: u16,
    /// See [`Service::weights`].
    pub weights: Option<Weights>,
    /// See [`Service::enable_tag_override`].
    #[serde(alias = "enable_tag_override")]
    pub enabletagoverride: bool,
    /// One check.
    pub check: Option<CheckDefinition>,
    /// More checks.
    pub checks: Vec<CheckDefinition>,
}

/// A check of an agent: what is to be run, how often, and what its verdicts mean. Keys may also
/// be written with underscores.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct CheckDefinition {
    /// Unique on the node. Empty: the name, or `service:ID` for a service's check.
    pub id: String,
    /// The same, as a service's check spells it.
    #[serde(alias = "check_id")]
    pub checkid: String,
    /// For people.
    pub name: String,
    /// For people.
    pub notes: String,
    /// The instance it belongs to. Empty: the node.
    #[serde(alias = "service_id")]
    pub serviceid: String,
    /// The first verdict. Empty: critical.
    pub status: String,
    /// Critical when no verdict came for this long.
    pub ttl: GoDuration,
    /// A URL to ask.
    pub http: String,
    /// The HTTP method. Empty: GET.
    pub method: String,
    /// Headers of the HTTP request.
    pub header: BTreeMap<String, Vec<String>>,
    /// The body of the HTTP request.
    pub body: String,
    /// An address to connect to.
    pub tcp: String,
    /// A gRPC health service, `host:port/service`.
    pub grpc: String,
    /// Whether the gRPC health service is asked over TLS.
    #[serde(alias = "grpc_use_tls")]
    pub grpcusetls: bool,
    /// A program to run.
    pub args: Vec<String>,
    /// The same, by its older name.
    #[serde(alias = "script_args")]
    pub scriptargs: Vec<String>,
    /// A node's name whose checks this one mirrors.
    #[serde(alias = "alias_node")]
    pub aliasnode: String,
    /// A service id whose checks this one mirrors.
    #[serde(alias = "alias_service")]
    pub aliasservice: String,
    /// Whether the certificate is left unchecked.
    #[serde(alias = "tls_skip_verify")]
    pub tlsskipverify: bool,
    /// Between two runs.
    pub interval: GoDuration,
    /// For one run. Zero: 10 s.
    pub timeout: GoDuration,
    /// Bytes of output kept. Zero: 4096.
    #[serde(alias = "output_max_size")]
    pub outputmaxsize: usize,
    /// Successes in a row before passing. Zero: one.
    #[serde(alias = "success_before_passing")]
    pub successbeforepassing: u32,
    /// Failures in a row before critical. Zero: one.
    #[serde(alias = "failures_before_critical")]
    pub failuresbeforecritical: u32,
    /// The agent itself keeps it, by rules of its own: there is nothing to run. What a client
    /// says here does not count.
    pub kept: bool,
    /// Removes the service when critical for this long. Zero: never.
    #[serde(alias = "deregister_critical_service_after")]
    pub deregistercriticalserviceafter: GoDuration,
}

/// `PUT /v1/agent/check/update/ID`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "lowercase")]
pub struct AgentCheckUpdate {
    /// The verdict.
    pub status: String,
    /// What it is based on.
    pub output: String,
}

/// An element of `/v1/agent/services`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "each is the field of `Service` of that name")]
pub struct AgentService<'a> {
    #[serde(rename = "ID")]
    pub id: &'a str,
    pub service: &'a str,
    pub tags: &'a [String],
    /// `{}` when there are none.
    pub meta: BTreeMap<&'a str, &'a str>,
    pub port: u16,
    pub address: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tagged_addresses: &'a BTreeMap<String, ServiceAddress>,
    pub weights: Weights,
    pub enable_tag_override: bool,
    pub datacenter: &'a str,
    /// Only where one service is asked for: changes when anything above does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
}

impl<'a> AgentService<'a> {
    /// How the agent shows a service.
    pub fn new(service: &'a Service, datacenter: &'a str) -> Self {
        Self {
            id: &service.id,
            service: &service.service,
            tags: &service.tags,
            meta: service
                .meta
                .iter()
                .flatten()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            port: service.port,
            address: &service.address,
            tagged_addresses: &service.tagged_addresses,
            weights: service.weights,
            enable_tag_override: service.enable_tag_override,
            datacenter,
            content_hash: None,
        }
    }
}

/// The `Config` of `/v1/agent/self`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentConfig {
    /// The data centre.
    pub datacenter: String,
    /// The data centre that decides on access.
    pub primary_datacenter: String,
    /// The node's name.
    pub node_name: String,
    /// The node's UUID.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The source revision; empty when unknown.
    pub revision: String,
    /// Whether this agent is also a server.
    pub server: bool,
    /// The version of the API that is spoken.
    pub version: String,
}

/// `/v1/agent/self`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AgentSelf {
    /// What was configured.
    pub config: AgentConfig,
    /// What was configured, in more detail.
    pub debug_config: BTreeMap<&'static str, serde_json::Value>,
    /// Network coordinate; always `null`.
    pub coord: Option<super::Unset>,
    /// This agent as a member.
    pub member: AgentMember,
    /// Counters by subject.
    pub stats: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
    /// The node's facts.
    pub meta: BTreeMap<String, String>,
    /// Proxy ports; always `null`.
    #[serde(rename = "xDS")]
    pub xds: Option<super::Unset>,
}

/// An element of `/v1/agent/members`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AgentMember {
    /// The node's name.
    pub name: String,
    /// Its address.
    pub addr: String,
    /// Its port; 0 when there is none.
    pub port: u16,
    /// Facts about it.
    pub tags: BTreeMap<String, String>,
    /// 1 alive, 2 leaving, 3 left, 4 failed.
    pub status: u8,
    /// Of the membership protocol.
    pub protocol_min: u8,
    /// Of the membership protocol.
    pub protocol_max: u8,
    /// Of the membership protocol.
    pub protocol_cur: u8,
    /// Of the delegate protocol.
    pub delegate_min: u8,
    /// Of the delegate protocol.
    pub delegate_max: u8,
    /// Of the delegate protocol.
    pub delegate_cur: u8,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consul::decode;

    #[test]
    fn keys_with_underscores_mean_the_same() {
        let plain =
            br#"{"Name":"a","EnableTagOverride":true,"TaggedAddresses":{"lan":{"Address":"h",
            "Port":1}},"Check":{"TLSSkipVerify":true,"DeregisterCriticalServiceAfter":"90m",
            "Interval":5000000000,"Header":{"X-A":["b"]},"ScriptArgs":["x"]}}"#;
        let spelled = br#"{"name":"a","enable_tag_override":true,"tagged_addresses":{"lan":
            {"address":"h","port":1}},"check":{"tls_skip_verify":true,
            "deregister_critical_service_after":"1h30m","interval":"5s",
            "header":{"X-A":["b"]},"script_args":["x"]}}"#;
        let plain: ServiceDefinition = decode(plain).unwrap();
        assert_eq!(plain, decode(spelled).unwrap());
        assert!(plain.enabletagoverride && plain.check.unwrap().tlsskipverify);
        assert_eq!(plain.taggedaddresses["lan"].port, 1);
    }
}
