use serde::{Deserialize, Serialize};

/// An element of `/v1/kv/…`. Members in the order in which Consul writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct KvPair {
    /// How often a session acquired it.
    pub lock_index: u64,
    /// The key.
    pub key: String,
    /// Free for the client.
    pub flags: u64,
    /// Base64 with padding; `null` when empty.
    pub value: Option<String>,
    /// The session that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The revision that created it.
    pub create_index: u64,
    /// The revision that changed it last.
    pub modify_index: u64,
}
