//! Changes of the catalogue: many in one transaction, folded to their net effect.

mod stage;

use std::collections::HashMap;

use bytes::Bytes;
use stead_api::consul::{Check, Node, Service, Status};
use stead_store::Write;

use self::stage::Stage;
use crate::registry::check_name;
use crate::{Name, Registry, RegistryError, keys};

/// A check's output is cut to this many bytes.
const OUTPUT_MAX: usize = 4096;

/// What a removal costs of a transaction's operations: the node's guards, record and tombstones.
const NODE_COST: usize = 12;
/// A service's guard, record and tombstones.
const SERVICE_COST: usize = 4;
/// A check's guard, record and output.
const CHECK_COST: usize = 3;

/// Changes of the catalogue, in order. Done together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    ops: Vec<Op>,
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckState {
    /// The verdict.
    pub status: Status,
    /// What it is based on; cut to 4 KiB.
    pub output: String,
}

#[derive(Clone, Debug)]
enum Op {
    Node(Node),
    KeepNode(Node),
    Service(Name, Service),
    Check(Check),
    SetCheck(Name, Name, CheckState),
    RemoveNode(Name),
    RemoveService(Name, Name),
    RemoveCheck(Name, Name),
    Write(Bytes, Option<Bytes>),
}

impl Batch {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Registers a node, or changes it. It needs a name and an address.
    pub fn node(&mut self, node: Node) -> &mut Self {
        self.push(Op::Node(node))
    }

    /// Registers a node unless it is there; one that is there stays as it is.
    pub fn keep_node(&mut self, node: Node) -> &mut Self {
        self.push(Op::KeepNode(node))
    }

    /// Registers a service on a node that is there. An empty id is the name.
    pub fn service(&mut self, node: &str, service: Service) -> &mut Self {
        self.push(Op::Service(node.into(), service))
    }

    /// Registers a check on a node that is there, with its status and output. An empty id is the
    /// name. Its service's name and tags are filled in.
    pub fn check(&mut self, check: Check) -> &mut Self {
        self.push(Op::Check(check))
    }

    /// Changes what a check says. A changed output alone wakes no watcher.
    pub fn set_check(&mut self, node: &str, id: &str, state: CheckState) -> &mut Self {
        self.push(Op::SetCheck(node.into(), id.into(), state))
    }

    /// Removes a node with all that is on it. Absent is no error, here and below.
    pub fn remove_node(&mut self, node: &str) -> &mut Self {
        self.push(Op::RemoveNode(node.into()))
    }

    /// Removes a service instance with its checks.
    pub fn remove_service(&mut self, node: &str, id: &str) -> &mut Self {
        self.push(Op::RemoveService(node.into(), id.into()))
    }

    /// Removes a check.
    pub fn remove_check(&mut self, node: &str, id: &str) -> &mut Self {
        self.push(Op::RemoveCheck(node.into(), id.into()))
    }

    /// Writes or deletes a key beside the catalogue.
    pub(crate) fn write(&mut self, key: Bytes, value: Option<Bytes>) -> &mut Self {
        self.push(Op::Write(key, value))
    }

    fn push(&mut self, op: Op) -> &mut Self {
        self.ops.push(op);
        self
    }

    /// Fills in what follows from the rest, and refuses what cannot be kept.
    fn normalise(&mut self, datacenter: &str) -> Result<(), RegistryError> {
        for op in &mut self.ops {
            match op {
                Op::Node(node) | Op::KeepNode(node) => {
                    if node.node.is_empty() {
                        return Err(RegistryError::MissingNode);
                    }
                    check_name("node", &node.node)?;
                    datacenter.clone_into(&mut node.datacenter);
                }
                Op::Service(node, service) => {
                    if node.is_empty() {
                        return Err(RegistryError::MissingNode);
                    }
                    if service.service.is_empty() {
                        return Err(RegistryError::MissingServiceName);
                    }
                    if service.id.is_empty() {
                        service.id.clone_from(&service.service);
                    }
                    check_name("service", &service.service)?;
                    check_name("service", &service.id)?;
                }
                Op::Check(check) => {
                    if check.node.is_empty() {
                        return Err(RegistryError::MissingNode);
                    }
                    if check.check_id.is_empty() {
                        check.check_id.clone_from(&check.name);
                    }
                    if check.check_id.is_empty() {
                        return Err(RegistryError::MissingCheckName);
                    }
                    check_name("check", &check.check_id)?;
                    cut(&mut check.output);
                }
                Op::SetCheck(_, _, state) => cut(&mut state.output),
                Op::RemoveNode(node) | Op::RemoveService(node, _) | Op::RemoveCheck(node, _) => {
                    if node.is_empty() {
                        return Err(RegistryError::MissingNode);
                    }
                }
                Op::Write(..) => {}
            }
        }
        Ok(())
    }

    /// Where changes that may meet take turns.
    fn turn(&self) -> Bytes {
        let node = self.ops.iter().find_map(|op| match op {
            Op::Node(node) | Op::KeepNode(node) => Some(node.node.as_str()),
            Op::Check(check) => Some(check.node.as_str()),
            Op::Service(node, _)
            | Op::SetCheck(node, _, _)
            | Op::RemoveNode(node)
            | Op::RemoveService(node, _)
            | Op::RemoveCheck(node, _) => Some(node),
            Op::Write(..) => None,
        });
        keys::node(node.unwrap_or_default())
    }
}

impl Registry {
    /// Removes a node with all that is on it. One with more than a transaction holds loses its
    /// services and checks first; the node itself goes last.
    pub async fn remove_node(&self, node: &str) -> Result<(), RegistryError> {
        let limit = self.limits().operations;
        loop {
            let on_node = self.view().nodes.get(node).cloned().unwrap_or_default();
            let mut checks: HashMap<&str, usize> = HashMap::new();
            for check in on_node.checks.values() {
                *checks.entry(&check.service_id).or_default() += 1;
            }
            let mut batch = Batch::new();
            let mut cost = NODE_COST;
            let services = on_node.services.keys().map(|id| {
                let own = checks.get(&**id).copied().unwrap_or(0);
                (
                    SERVICE_COST + CHECK_COST * own,
                    Op::RemoveService(node.into(), id.clone()),
                )
            });
            let own = on_node
                .checks
                .iter()
                .filter(|(_, check)| check.service_id.is_empty());
            let own = own.map(|(id, _)| (CHECK_COST, Op::RemoveCheck(node.into(), id.clone())));
            let mut all = true;
            for (more, op) in services.chain(own) {
                if cost + more > limit && !batch.is_empty() {
                    all = false;
                    break;
                }
                cost += more;
                batch.push(op);
            }
            if all {
                batch.remove_node(node);
                return self.catalog(batch).await;
            }
            self.catalog(batch).await?;
        }
    }

    /// Does all changes of a batch in one transaction, or none. Records that are already as they
    /// should be keep their index.
    pub async fn catalog(&self, mut batch: Batch) -> Result<(), RegistryError> {
        batch.normalise(self.datacenter())?;
        let turn = batch.turn();
        self.change(&turn, |view| {
            let mut staged = Stage::new(view);
            let mut beside: HashMap<&Bytes, &Option<Bytes>> = HashMap::new();
            for op in &batch.ops {
                match op {
                    Op::Node(node) => staged.node(node)?,
                    Op::KeepNode(node) => staged.keep_node(node)?,
                    Op::Service(node, service) => staged.service(node, service)?,
                    Op::Check(check) => staged.check(check)?,
                    Op::SetCheck(node, id, state) => staged.set_check(node, id, state)?,
                    Op::RemoveNode(node) => staged.remove_node(node),
                    Op::RemoveService(node, id) => staged.remove_service(node, id),
                    Op::RemoveCheck(node, id) => staged.remove_check(node, id),
                    Op::Write(key, value) => {
                        beside.insert(key, value);
                    }
                }
            }
            let mut txn = staged.finish();
            txn.writes
                .extend(beside.into_iter().map(|(key, value)| match value {
                    Some(value) => Write::Put {
                        key: key.clone(),
                        value: value.clone(),
                        lease: None,
                    },
                    None => Write::Delete(key.clone()),
                }));
            Ok((txn, ()))
        })
        .await
    }
}

fn cut(output: &mut String) {
    if output.len() > OUTPUT_MAX {
        let mut end = OUTPUT_MAX;
        while !output.is_char_boundary(end) {
            end -= 1;
        }
        output.truncate(end);
    }
}
