//! Shapes of Consul's HTTP API, version 1.
//!
//! What goes out carries Go's field names, and `null`, `[]` and `{}` where Consul has them. What
//! comes in is read by [`decode`]: keys match in any case, unknown keys are ignored, `null` counts
//! as absent.

mod agent;
mod catalog;
mod decode;
mod duration;
mod kv;

pub use agent::{
    AgentCheckUpdate, AgentConfig, AgentMember, AgentSelf, AgentService, CheckDefinition,
    ServiceDefinition,
};
pub use catalog::{
    CatalogDeregistration, CatalogRegistration, CatalogService, Check, CheckInput, Expose, Node,
    NodeInput, NodeServiceList, NodeServices, Proxy, Service, ServiceAddress, ServiceHealth,
    ServiceInput, Status, UnknownStatus, Unset, Weights,
};
pub use decode::{DecodeError, decode};
pub use duration::{GoDuration, format_duration, parse_duration};
pub use kv::KvPair;
