//! A batch over a view: what each record was and is to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use stead_api::consul::{Check, Node, Service};
use stead_store::{Guard, KeyRange, Revision, Txn, Write};

use super::CheckState;
use crate::keys::{self, Grave};
use crate::kv::bury;
use crate::view::View;
use crate::{Name, RegistryError};

type Place = (Name, Name);

pub(super) struct Stage<'a> {
    view: &'a View,
    nodes: BTreeMap<Name, Slot<Node>>,
    services: BTreeMap<Place, Slot<Service>>,
    checks: BTreeMap<Place, Slot<Check>>,
    graves: BTreeSet<Grave>,
    /// Ranges that must hold nothing newer than the view.
    quiet: BTreeSet<Bytes>,
}

struct Slot<T> {
    old: Option<Arc<T>>,
    new: Option<T>,
}

impl<T: Clone> Slot<T> {
    fn new(old: Option<&Arc<T>>) -> Self {
        Self {
            old: old.cloned(),
            new: old.map(|old| T::clone(old)),
        }
    }
}

impl<'a> Stage<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        Self {
            view,
            nodes: BTreeMap::new(),
            services: BTreeMap::new(),
            checks: BTreeMap::new(),
            graves: BTreeSet::new(),
            quiet: BTreeSet::new(),
        }
    }

    pub(super) fn node(&mut self, node: &Node) -> Result<(), RegistryError> {
        if node.address.is_empty() {
            return Err(RegistryError::MissingAddress);
        }
        let slot = self.node_slot(&node.node);
        let mut node = node.clone();
        if let Some(old) = &slot.new
            && node.id.is_empty()
        {
            node.id.clone_from(&old.id);
        }
        slot.new = Some(node);
        Ok(())
    }

    pub(super) fn keep_node(&mut self, node: &Node) -> Result<(), RegistryError> {
        if self.node_slot(&node.node).new.is_some() {
            return Ok(());
        }
        self.node(node)
    }

    pub(super) fn service(&mut self, node: &Name, service: &Service) -> Result<(), RegistryError> {
        self.need_node(node)?;
        let place = (node.clone(), Name::from(service.id.as_str()));
        let slot = self.service_slot(&place);
        let old = slot.new.replace(service.clone());
        let Some(old) = old else {
            return Ok(());
        };
        if old.service == service.service && old.tags == service.tags {
            return Ok(());
        }
        // The instance's checks carry its name and tags.
        for id in self.checks_of(node, |check| check.service_id == service.id) {
            if let Some(check) = &mut self.check_slot(&(node.clone(), id)).new {
                check.service_name.clone_from(&service.service);
                check.service_tags.clone_from(&service.tags);
            }
        }
        if old.service != service.service {
            let old_name = Name::from(old.service.as_str());
            self.graves.insert(Grave::Services);
            self.graves.insert(Grave::Service(old_name.clone()));
            self.graves.insert(Grave::ServiceChecks(old_name));
        }
        Ok(())
    }

    pub(super) fn check(&mut self, check: &Check) -> Result<(), RegistryError> {
        let node = Name::from(check.node.as_str());
        self.need_node(&node)?;
        let mut check = check.clone();
        if !check.service_id.is_empty() {
            let place = (node.clone(), Name::from(check.service_id.as_str()));
            let Some(service) = &self.service_slot(&place).new else {
                return Err(RegistryError::NoSuchService {
                    node: check.node,
                    id: check.service_id,
                });
            };
            check.service_name.clone_from(&service.service);
            check.service_tags.clone_from(&service.tags);
        }
        let place = (node.clone(), Name::from(check.check_id.as_str()));
        let service_name = check.service_name.clone();
        if let Some(old) = self.check_slot(&place).new.replace(check)
            && old.service_name != service_name
        {
            self.bury_check(&node, &old);
        }
        Ok(())
    }

    pub(super) fn set_check(
        &mut self,
        node: &Name,
        id: &Name,
        state: &CheckState,
    ) -> Result<(), RegistryError> {
        let place = (node.clone(), id.clone());
        let Some(check) = &mut self.check_slot(&place).new else {
            return Err(RegistryError::NoSuchCheck { id: id.to_string() });
        };
        check.status = state.status;
        check.output.clone_from(&state.output);
        Ok(())
    }

    pub(super) fn remove_node(&mut self, node: &Name) {
        if self.node_slot(node).new.is_none() {
            return;
        }
        let services: Vec<Name> = self
            .view
            .nodes
            .get(node)
            .iter()
            .flat_map(|node| node.services.keys().cloned())
            .chain(
                self.services
                    .keys()
                    .filter(|(on, _)| on == node)
                    .map(|(_, id)| id.clone()),
            )
            .collect();
        for id in services {
            self.remove_service(node, &id);
        }
        for id in self.checks_of(node, |_| true) {
            self.remove_check(node, &id);
        }
        self.node_slot(node).new = None;
        self.graves.insert(Grave::Nodes);
        self.graves.insert(Grave::Node(node.clone()));
        self.quiet.insert(keys::service(node, ""));
        self.quiet.insert(keys::check(node, ""));
    }

    pub(super) fn remove_service(&mut self, node: &Name, id: &Name) {
        let slot = self.service_slot(&(node.clone(), id.clone()));
        let Some(service) = slot.new.take() else {
            return;
        };
        for check in self.checks_of(node, |check| *check.service_id == **id) {
            self.remove_check(node, &check);
        }
        self.graves.insert(Grave::Services);
        self.graves.insert(Grave::Service(service.service.into()));
        self.graves.insert(Grave::Node(node.clone()));
        // A check that was registered on it since would be left behind.
        self.quiet.insert(keys::check(node, ""));
    }

    pub(super) fn remove_check(&mut self, node: &Name, id: &Name) {
        let slot = self.check_slot(&(node.clone(), id.clone()));
        if let Some(check) = slot.new.take() {
            self.bury_check(node, &check);
        }
    }

    /// The transaction that makes the difference.
    pub(super) fn finish(self) -> Txn {
        let mut txn = Txn::default();
        let before = txn.writes.len();
        for (name, slot) in &self.nodes {
            record(&mut txn, keys::node(name), slot, |new, old| {
                new.create_index = old.create_index;
                new.modify_index = old.modify_index;
            });
        }
        for ((node, id), slot) in &self.services {
            record(&mut txn, keys::service(node, id), slot, |new, old| {
                new.create_index = old.create_index;
                new.modify_index = old.modify_index;
            });
        }
        for ((node, id), slot) in &self.checks {
            let quiet = Slot {
                old: slot.old.clone(),
                new: slot.new.as_ref().map(|check| Check {
                    output: String::new(),
                    ..check.clone()
                }),
            };
            record(&mut txn, keys::check(node, id), &quiet, |new, old| {
                new.output.clone_from(&old.output);
                new.create_index = old.create_index;
                new.modify_index = old.modify_index;
            });
            let old = slot.old.as_ref().map_or("", |check| &check.output);
            let new = slot.new.as_ref().map_or("", |check| &check.output);
            if old != new {
                let key = keys::output(node, id);
                txn.writes.push(match new {
                    "" => Write::Delete(key),
                    new => Write::Put {
                        key,
                        value: Bytes::copy_from_slice(new.as_bytes()),
                        lease: None,
                    },
                });
            }
        }
        if txn.writes.len() > before {
            txn.writes
                .extend(self.graves.into_iter().map(|grave| bury(&grave)));
        }
        let seen = self.view.revision;
        let quiet = self.quiet.into_iter();
        txn.guards
            .extend(quiet.map(|prefix| Guard::Unchanged(KeyRange::prefix(prefix), seen)));
        txn
    }

    fn bury_check(&mut self, node: &Name, check: &Check) {
        self.graves.insert(Grave::Checks);
        self.graves.insert(Grave::NodeChecks(node.clone()));
        if !check.service_id.is_empty() {
            let service = Name::from(check.service_name.as_str());
            self.graves.insert(Grave::ServiceChecks(service));
        }
    }

    fn need_node(&mut self, node: &Name) -> Result<(), RegistryError> {
        match self.node_slot(node).new {
            Some(_) => Ok(()),
            None => Err(RegistryError::NoSuchNode {
                node: node.to_string(),
            }),
        }
    }

    fn node_slot(&mut self, name: &str) -> &mut Slot<Node> {
        let view = self.view;
        let slot = self.nodes.entry(name.into());
        slot.or_insert_with(|| Slot::new(view.node(name)))
    }

    fn service_slot(&mut self, place: &Place) -> &mut Slot<Service> {
        let view = self.view;
        let slot = self.services.entry(place.clone());
        slot.or_insert_with(|| Slot::new(view.service(&place.0, &place.1)))
    }

    fn check_slot(&mut self, place: &Place) -> &mut Slot<Check> {
        let view = self.view;
        let slot = self.checks.entry(place.clone());
        slot.or_insert_with(|| Slot::new(view.check(&place.0, &place.1)))
    }

    /// The ids of a node's checks, staged ones included.
    fn checks_of(&self, node: &Name, of: impl Fn(&Check) -> bool) -> BTreeSet<Name> {
        let kept = self.view.nodes.get(node).into_iter();
        let kept = kept.flat_map(|node| node.checks.iter());
        let kept = kept
            .filter(|(_, check)| of(check))
            .map(|(id, _)| id.clone());
        let staged = self
            .checks
            .iter()
            .filter(|((on, _), slot)| on == node && slot.new.as_ref().is_some_and(&of));
        kept.chain(staged.map(|((_, id), _)| id.clone())).collect()
    }
}

/// Guards a record and, if it differs, writes it.
fn record<T>(txn: &mut Txn, key: Bytes, slot: &Slot<T>, adopt: impl Fn(&mut T, &T))
where
    T: Clone + PartialEq + Serialize + Indexed,
{
    txn.guards.push(match &slot.old {
        Some(old) => Guard::Modified(key.clone(), Revision(old.modified())),
        None => Guard::Absent(key.clone()),
    });
    match (&slot.old, &slot.new) {
        (None, None) => {}
        (Some(_), None) => txn.writes.push(Write::Delete(key)),
        (old, Some(new)) => {
            if let Some(old) = old {
                let mut same = new.clone();
                adopt(&mut same, old);
                if same == **old {
                    return;
                }
            }
            let value = match serde_json::to_vec(new) {
                Ok(value) => value,
                // Strings, numbers and maps with string keys are all there is in a record.
                Err(error) => unreachable!("a record that is no JSON: {error}"),
            };
            txn.writes.push(Write::Put {
                key,
                value: value.into(),
                lease: None,
            });
        }
    }
}

pub(super) trait Indexed {
    fn modified(&self) -> u64;
}

macro_rules! indexed {
    ($($record:ty),*) => {$(
        impl Indexed for $record {
            fn modified(&self) -> u64 {
                self.modify_index
            }
        }
    )*};
}
indexed!(Node, Service, Check);
