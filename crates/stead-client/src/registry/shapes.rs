//! The parts of Consul's answers that a reader needs; what else they hold is
//! passed over. Lists and maps that are `null` read as empty.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// A node, `/v1/catalog/nodes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CatalogNode {
    /// Its id, a UUID.
    #[serde(rename = "ID", default)]
    pub id: String,
    /// Its name.
    pub node: String,
    /// Its address.
    pub address: String,
    /// The data centre it is in.
    #[serde(default)]
    pub datacenter: String,
    /// What was said about it.
    #[serde(default, deserialize_with = "nullable")]
    pub meta: BTreeMap<String, String>,
}

/// An instance of a service, `/v1/catalog/service/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CatalogService {
    /// The node it runs on.
    pub node: String,
    /// The node's address.
    pub address: String,
    /// The instance's id, unique on its node.
    #[serde(rename = "ServiceID")]
    pub service_id: String,
    /// The service's name.
    pub service_name: String,
    /// Its tags.
    #[serde(default, deserialize_with = "nullable")]
    pub service_tags: Vec<String>,
    /// Its own address; empty where it is the node's.
    #[serde(default)]
    pub service_address: String,
    /// Its port; 0 for none.
    #[serde(default)]
    pub service_port: u16,
    /// What was said about it.
    #[serde(default, deserialize_with = "nullable")]
    pub service_meta: BTreeMap<String, String>,
}

/// An instance of a service with its node and checks,
/// `/v1/health/service/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthEntry {
    /// The node it runs on.
    pub node: HealthNode,
    /// The instance.
    pub service: HealthService,
    /// The node's checks and its own.
    #[serde(default, deserialize_with = "nullable")]
    pub checks: Vec<HealthCheck>,
}

/// The node of a [`HealthEntry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthNode {
    /// Its name.
    pub node: String,
    /// Its address.
    pub address: String,
}

/// The instance of a [`HealthEntry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthService {
    /// The instance's id, unique on its node.
    #[serde(rename = "ID")]
    pub id: String,
    /// The service's name.
    pub service: String,
    /// Its tags.
    #[serde(default, deserialize_with = "nullable")]
    pub tags: Vec<String>,
    /// Its own address; empty where it is the node's.
    #[serde(default)]
    pub address: String,
    /// Its port; 0 for none.
    #[serde(default)]
    pub port: u16,
    /// What was said about it.
    #[serde(default, deserialize_with = "nullable")]
    pub meta: BTreeMap<String, String>,
    /// Its share of the load.
    #[serde(default)]
    pub weights: Weights,
}

/// An instance's share of the load by its state, relative to its peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Weights {
    /// While all checks pass.
    pub passing: u32,
    /// While one warns.
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

/// A check of a [`HealthEntry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HealthCheck {
    /// Its id, unique on its node.
    #[serde(rename = "CheckID")]
    pub check_id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// `passing`, `warning` or `critical`.
    pub status: String,
    /// What it last said.
    #[serde(default)]
    pub output: String,
}

/// A key with its value, `/v1/kv/KEY`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KvEntry {
    /// The key.
    pub key: String,
    /// The value in base64; see [`bytes`](Self::bytes).
    pub value: Option<String>,
    /// A number the writer chose.
    #[serde(default)]
    pub flags: u64,
    /// How often a lock on it was acquired.
    #[serde(default)]
    pub lock_index: u64,
    /// The session that holds the lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// When it came to be.
    pub create_index: u64,
    /// When it last changed.
    pub modify_index: u64,
}

impl HealthEntry {
    /// Where the instance takes requests: `host:port`, the host being the
    /// service's own address or else its node's.
    pub fn authority(&self) -> String {
        let host = if self.service.address.is_empty() {
            &self.node.address
        } else {
            &self.service.address
        };
        if host.contains(':') {
            format!("[{host}]:{}", self.service.port)
        } else {
            format!("{host}:{}", self.service.port)
        }
    }

    /// The weight that counts now: 0 while a check is critical.
    pub fn weight(&self) -> u32 {
        let any = |status: &str| self.checks.iter().any(|check| check.status == status);
        if any("critical") {
            0
        } else if any("warning") {
            self.service.weights.warning
        } else {
            self.service.weights.passing
        }
    }
}

fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
