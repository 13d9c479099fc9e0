use serde::{Deserialize, Serialize};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::decode::{Decode, Key, Node};
use super::error::{Fault, Faults};
use super::section::section;
use super::value::{Argv, Period};
use crate::name::CheckName;

/// A check of a service: what is tried, how often, and how many results in a row count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, unique in the service. Default: the kind (`http`), for the second of a kind
    /// with its number (`http-2`).
    pub name: CheckName,
    /// What is tried.
    #[serde(flatten)]
    pub kind: CheckKind,
    /// Time from one try to the next. Has no meaning for a heartbeat.
    #[serde(default = "interval")]
    pub interval: Period,
    /// A try that takes longer is a failure. Has no meaning for a heartbeat.
    #[serde(default = "timeout")]
    pub timeout: Period,
    /// Successes in a row that make it Healthy.
    #[serde(default = "healthy_after")]
    pub healthy_after: u32,
    /// Failures in a row that make it Unhealthy.
    #[serde(default = "unhealthy_after")]
    pub unhealthy_after: u32,
}

/// What a check tries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckKind {
    /// GET of this URL answers with a status from 200 to 299.
    Http(String),
    /// A connection to this `host:port` is accepted.
    Tcp(String),
    /// `grpc.health.v1.Health/Check` at `host:port` or `host:port/service` answers SERVING.
    Grpc(String),
    /// The command ends with 0.
    Exec(Argv),
    /// The program reports itself at least this often.
    Heartbeat(Period),
}

impl Check {
    /// The default of `interval`.
    pub const INTERVAL: Period = Period::from_secs(5);
    /// The default of `timeout`.
    pub const TIMEOUT: Period = Period::from_secs(2);
    /// The default of `healthy_after`.
    pub const HEALTHY_AFTER: u32 = 3;
    /// The default of `unhealthy_after`.
    pub const UNHEALTHY_AFTER: u32 = 5;
}

fn interval() -> Period {
    Check::INTERVAL
}

fn timeout() -> Period {
    Check::TIMEOUT
}

fn healthy_after() -> u32 {
    Check::HEALTHY_AFTER
}

fn unhealthy_after() -> u32 {
    Check::UNHEALTHY_AFTER
}

impl CheckKind {
    /// The key that chooses it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Grpc(_) => "grpc",
            Self::Exec(_) => "exec",
            Self::Heartbeat(_) => "heartbeat",
        }
    }
}

/// The kinds, as keys: a check has exactly one of them.
const KINDS: [&str; 5] = ["http", "tcp", "grpc", "exec", "heartbeat"];

section! {
    /// A check as the file has it: with every kind it could have.
    struct Written {
        /// A URL, `http://` or `https://`: it works if GET answers with a status from 200 to 299.
        http: Option<String> = None;
        /// A `host:port`: it works if a connection is accepted.
        tcp: Option<String> = None;
        /// A `host:port` or `host:port/service`: it works if the gRPC health service answers SERVING.
        grpc: Option<String> = None;
        /// A command: it works if that ends with 0.
        exec: Option<Argv> = None;
        /// The program reports itself at least this often; `interval` and `timeout` do not apply.
        heartbeat: Option<Period> = None;
        /// Its name, unique in the service; absent: the key of its kind, from the second on with a number (`http-2`).
        name: Option<CheckName> = None;
        /// The time from one try to the next.
        interval: Period = Check::INTERVAL;
        /// A try that takes longer is a failure.
        timeout: Period = Check::TIMEOUT;
        /// So many successes in a row make it Healthy.
        healthy_after: u32 = Check::HEALTHY_AFTER;
        /// So many failures in a row make it Unhealthy.
        unhealthy_after: u32 = Check::UNHEALTHY_AFTER;
    }
}

impl Decode for Check {
    const KIND: &'static str = "a table";
    const KEYS: &'static [Key] = Written::KEYS;

    fn decode(node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let table = node.table(faults)?;
        let noted = faults.len();
        let written = Written::decode(node, faults)?;
        let given: Vec<_> = KINDS
            .into_iter()
            .filter(|kind| table.contains_key(*kind))
            .collect();
        match given.as_slice() {
            [] => {
                let mistyped = KINDS
                    .into_iter()
                    .any(|kind| faults.suggested_since(noted, kind));
                if !mistyped {
                    let message = format!("{} says nothing to try", node.path);
                    faults.add(
                        Fault::new(node.path.clone(), message)
                            .at(node.span.clone())
                            .hint(format!("give one of {}", KINDS.join(", "))),
                    );
                }
                return None;
            }
            [_] => {}
            [first, others @ ..] => {
                for other in others {
                    let message = format!(
                        "{} has both `{first}` and `{other}`; write two checks",
                        node.path
                    );
                    faults.add(fault_at(node, table, other, message));
                }
                return None;
            }
        }
        if table.contains_key("heartbeat") {
            for key in ["interval", "timeout"] {
                if table.contains_key(key) {
                    let message = format!(
                        "{}: a heartbeat has no `{key}`; the program reports by itself",
                        node.path
                    );
                    faults.add(fault_at(node, table, key, message));
                }
            }
        }
        let kind = (written.http.map(CheckKind::Http))
            .or(written.tcp.map(CheckKind::Tcp))
            .or(written.grpc.map(CheckKind::Grpc))
            .or(written.exec.map(CheckKind::Exec))
            .or(written.heartbeat.map(CheckKind::Heartbeat))?;
        Some(Self {
            name: match written.name {
                Some(name) => name,
                None => CheckName::new(default_name(node, kind.word())).ok()?,
            },
            kind,
            interval: written.interval,
            timeout: written.timeout,
            healthy_after: written.healthy_after,
            unhealthy_after: written.unhealthy_after,
        })
    }
}

fn fault_at(node: &Node<'_>, table: &DeTable<'_>, key: &str, message: String) -> Fault {
    let fault = Fault::new(node.path.key(key), message);
    match table.get_key_value(key) {
        Some((key, _)) => fault.at(key.span()),
        None => fault.at(node.span.clone()),
    }
}

/// `http`, and where checks of that kind without a name stand before it, `http-2`, `http-3`, …
fn default_name(node: &Node<'_>, kind: &str) -> String {
    let unnamed = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
        DeValue::Table(table) => table.contains_key(kind) && !table.contains_key("name"),
        _ => false,
    };
    match node.before.iter().filter(|value| unnamed(value)).count() {
        0 => kind.to_owned(),
        earlier => format!("{kind}-{}", earlier + 1),
    }
}
