//! The view is told commits and says which cells changed.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use stead_api::consul::{Check, Node, Service, Status};
use stead_store::{Change, Commit, Entry, Revision};

use super::{Cell, NodeView, View};
use crate::Name;
use crate::keys::{self, Grave, Place};
use crate::kv::KvEntry;

/// What commits changed for watchers.
#[derive(Default, Debug)]
pub(crate) struct Changed {
    /// Cells, keys and trees left aside.
    pub(crate) cells: HashSet<Cell>,
    /// Keys of the key-value store.
    pub(crate) keys: HashSet<Bytes>,
}

impl View {
    /// The state that a list of every entry describes, as of `revision`.
    ///
    /// Every cell's index is at least what a view that followed each commit has.
    pub(crate) fn load(entries: Vec<Entry>, revision: Revision) -> Self {
        let mut view = Self::default();
        let mut changed = Changed::default();
        for entry in entries {
            let at = entry.modified;
            let place = keys::parse(&entry.key);
            view.put(&entry, &mut changed);
            match place {
                Some(Place::Grave(grave)) => view.age(&grave, at, &mut changed),
                // What the record was before is not in the list.
                Some(Place::Service(..)) => view.age(&Grave::Services, at, &mut changed),
                Some(Place::Check(..)) => view.age(&Grave::Checks, at, &mut changed),
                _ => {}
            }
        }
        view.revision = revision;
        view
    }

    /// Applies one commit and notes what changed.
    pub(crate) fn apply(&mut self, commit: &Commit, changed: &mut Changed) {
        for change in &commit.changes {
            match change {
                Change::Put(entry) => self.put(entry, changed),
                Change::Delete(key) => self.delete(key, commit.revision, changed),
            }
        }
        self.revision = commit.revision;
    }

    /// Takes over the indexes of a view that this one replaces, so that none goes backwards.
    pub(crate) fn outgrow(&mut self, older: &Self) {
        for (cell, stamp) in &older.cells {
            let mine = self.cells.entry(cell.clone()).or_default();
            mine.index = mine.index.max(stamp.index);
            mine.content = mine.content.max(stamp.content).max(self.revision);
        }
        self.floor = self.floor.max(older.floor);
        self.kv_changed = self.revision;
    }

    fn put(&mut self, entry: &Entry, changed: &mut Changed) {
        let at = entry.modified;
        match keys::parse(&entry.key) {
            Some(Place::Node(name)) => {
                if let Some(record) = record::<Node>(entry) {
                    self.put_node(name, record, at, changed);
                }
            }
            Some(Place::Service(node, id)) => {
                if let Some(record) = record::<Service>(entry) {
                    self.put_service(node, id, record, at, changed);
                }
            }
            Some(Place::Check(node, id)) => {
                if let Some(record) = record::<Check>(entry) {
                    self.put_check(&node, id, record, at, changed);
                }
            }
            Some(Place::Output(node, id)) => {
                let output = String::from_utf8_lossy(&entry.value).into_owned();
                self.set_output(&node, &id, output, at);
            }
            Some(Place::Kv(key)) => {
                if let Some(value) = KvEntry::from_stored(entry) {
                    self.kv.insert(key.clone(), value);
                    self.kv_changed = self.kv_changed.max(at);
                    changed.keys.insert(key);
                } else {
                    tracing::warn!(?key, "a stored key-value entry cannot be read; skipped");
                }
            }
            Some(Place::Grave(grave)) => self.bury(grave, at),
            Some(Place::Floor) => {
                if let Ok(floor) = entry.value[..].try_into() {
                    self.floor = self.floor.max(Revision(u64::from_be_bytes(floor)));
                    self.kv_changed = self.kv_changed.max(at);
                }
            }
            Some(Place::AgentService(..) | Place::AgentCheck(..) | Place::Format) => {}
            None => tracing::warn!(key = ?entry.key, "an unknown key in the store; skipped"),
        }
    }

    fn delete(&mut self, key: &Bytes, at: Revision, changed: &mut Changed) {
        match keys::parse(key) {
            Some(Place::Node(name)) => self.delete_node(&name, at, changed),
            Some(Place::Service(node, id)) => self.delete_service(&node, &id, at, changed),
            Some(Place::Check(node, id)) => self.delete_check(&node, &id, at, changed),
            Some(Place::Output(node, id)) => self.set_output(&node, &id, String::new(), at),
            Some(Place::Kv(key)) => {
                self.kv.remove(&key);
                self.kv_changed = at;
                changed.keys.insert(key);
            }
            Some(Place::Grave(Grave::Key(key))) => {
                self.dead_keys.remove(&key);
            }
            Some(Place::Grave(Grave::Tree(prefix))) => {
                self.dead_trees.remove(&prefix);
            }
            Some(Place::Grave(grave)) => {
                self.graves.remove(&grave);
            }
            _ => {}
        }
    }

    fn put_node(&mut self, name: Name, mut record: Node, at: Revision, changed: &mut Changed) {
        record.node = name.to_string();
        let node = self.nodes.entry(name.clone()).or_default();
        node.record = Some(Arc::new(record));
        let services = service_names(node);
        self.touch(Cell::Nodes, at, changed);
        self.touch(Cell::Node(name), at, changed);
        for service in services {
            self.touch(Cell::Instances(service.clone()), at, changed);
            self.touch(Cell::Health(service), at, changed);
        }
    }

    fn delete_node(&mut self, name: &Name, at: Revision, changed: &mut Changed) {
        let Some(node) = self.nodes.get_mut(name) else {
            return;
        };
        node.record = None;
        let services = service_names(node);
        self.drop_if_empty(name);
        self.touch(Cell::Nodes, at, changed);
        self.touch(Cell::Node(name.clone()), at, changed);
        for service in services {
            self.touch(Cell::Instances(service.clone()), at, changed);
            self.touch(Cell::Health(service), at, changed);
        }
    }

    fn put_service(
        &mut self,
        node_name: Name,
        id: Name,
        mut record: Service,
        at: Revision,
        changed: &mut Changed,
    ) {
        record.id = id.to_string();
        let record = Arc::new(record);
        let name = Name::from(record.service.as_str());
        let node = self.nodes.entry(node_name.clone()).or_default();
        let old = node.services.insert(id.clone(), Arc::clone(&record));
        // In a list that is loaded, what the instance stands on may be newer than itself.
        let ground = node.record.iter().map(|node| node.modify_index);
        let checks = node
            .checks
            .values()
            .filter(|check| check.service_id.is_empty())
            .map(|check| check.modify_index);
        let instances_at = Revision(ground.max().unwrap_or_default()).max(at);
        let health_at = Revision(checks.max().unwrap_or_default()).max(instances_at);

        let place = (node_name.clone(), id);
        let mut listed = false;
        if let Some(old) = old {
            let old_name = Name::from(old.service.as_str());
            if old_name != name {
                self.touch(Cell::Instances(old_name.clone()), at, changed);
                self.touch(Cell::Health(old_name), at, changed);
            }
            if old_name_differs(&old, &record) {
                listed |= self.unlist(&place, &old);
                listed |= self.list(place, &record);
            } else {
                self.list_again(place, &record);
            }
        } else {
            listed = self.list(place, &record);
        }
        if listed {
            self.touch(Cell::Services, at, changed);
        }
        self.touch(Cell::AnyInstance, at, changed);
        self.touch(Cell::Node(node_name), at, changed);
        self.touch(Cell::Instances(name.clone()), instances_at, changed);
        self.touch(Cell::Health(name), health_at, changed);
    }

    fn delete_service(&mut self, node: &Name, id: &Name, at: Revision, changed: &mut Changed) {
        let Some(record) = self.nodes.get_mut(node).and_then(|n| n.services.remove(id)) else {
            return;
        };
        self.drop_if_empty(node);
        let name = Name::from(record.service.as_str());
        if self.unlist(&(node.clone(), id.clone()), &record) {
            self.touch(Cell::Services, at, changed);
        }
        self.touch(Cell::AnyInstance, at, changed);
        self.touch(Cell::Node(node.clone()), at, changed);
        self.touch(Cell::Instances(name.clone()), at, changed);
        self.touch(Cell::Health(name), at, changed);
    }

    fn put_check(
        &mut self,
        node_name: &Name,
        id: Name,
        mut record: Check,
        at: Revision,
        changed: &mut Changed,
    ) {
        record.node = node_name.to_string();
        record.check_id = id.to_string();
        let node = self.nodes.entry(node_name.clone()).or_default();
        let old = node.checks.get(&id).cloned();
        if let Some(old) = &old {
            record.output.clone_from(&old.output);
        }
        let record = Arc::new(record);
        node.checks.insert(id, Arc::clone(&record));
        for check in old.iter().chain([&record]) {
            self.touch_check(node_name, check, at, changed);
        }
    }

    fn delete_check(&mut self, node: &Name, id: &Name, at: Revision, changed: &mut Changed) {
        let Some(record) = self.nodes.get_mut(node).and_then(|n| n.checks.remove(id)) else {
            return;
        };
        self.touch_check(node, &record, at, changed);
        self.drop_if_empty(node);
    }

    /// A changed output alone makes answers stale but wakes nobody.
    fn set_output(&mut self, node: &Name, id: &Name, output: String, at: Revision) {
        let Some(check) = self.nodes.get_mut(node).and_then(|n| n.checks.get_mut(id)) else {
            return;
        };
        Arc::make_mut(check).output = output;
        let check = Arc::clone(check);
        for cell in self.cells_of_check(node, &check) {
            let stamp = self.cells.entry(cell).or_default();
            stamp.content = stamp.content.max(at);
        }
    }

    fn touch_check(&mut self, node: &Name, check: &Check, at: Revision, changed: &mut Changed) {
        for cell in self.cells_of_check(node, check) {
            self.touch(cell, at, changed);
        }
    }

    fn cells_of_check(&self, node: &Name, check: &Check) -> Vec<Cell> {
        let mut cells = vec![
            Cell::NodeChecks(node.clone()),
            Cell::Checks(None),
            Cell::Checks(Some(check.status)),
        ];
        if check.service_id.is_empty() {
            let services = self.nodes.get(node).map(service_names).unwrap_or_default();
            cells.extend(services.into_iter().map(Cell::Health));
        } else {
            let service = Name::from(check.service_name.as_str());
            cells.push(Cell::ServiceChecks(service.clone()));
            cells.push(Cell::Health(service));
        }
        cells
    }

    fn bury(&mut self, grave: Grave, at: Revision) {
        match grave {
            Grave::Key(key) => {
                self.dead_keys.insert(key, at);
                self.kv_changed = self.kv_changed.max(at);
            }
            Grave::Tree(prefix) => {
                self.dead_trees.insert(prefix, at);
                self.kv_changed = self.kv_changed.max(at);
            }
            other => {
                self.graves.insert(other, at);
            }
        }
    }

    /// Lets a tombstone that was listed advance the cells it stands for. One that arrives in a
    /// commit need not: the deletion beside it says exactly what it changed.
    fn age(&mut self, grave: &Grave, at: Revision, changed: &mut Changed) {
        let cells = match grave {
            Grave::Nodes => vec![Cell::Nodes],
            Grave::Node(node) => vec![Cell::Node(node.clone())],
            Grave::NodeChecks(node) => {
                let services = self.nodes.get(node).map(service_names).unwrap_or_default();
                let mut cells = vec![Cell::NodeChecks(node.clone())];
                cells.extend(services.into_iter().map(Cell::Health));
                cells
            }
            Grave::Services => vec![Cell::Services, Cell::AnyInstance],
            Grave::Service(name) => vec![
                Cell::Instances(name.clone()),
                Cell::Health(name.clone()),
                Cell::ServiceChecks(name.clone()),
            ],
            Grave::ServiceChecks(name) => vec![
                Cell::Health(name.clone()),
                Cell::ServiceChecks(name.clone()),
            ],
            Grave::Checks => [
                None,
                Some(Status::Passing),
                Some(Status::Warning),
                Some(Status::Critical),
            ]
            .map(Cell::Checks)
            .to_vec(),
            Grave::Key(_) | Grave::Tree(_) => Vec::new(),
        };
        for cell in cells {
            self.touch(cell, at, changed);
        }
    }

    fn touch(&mut self, cell: Cell, at: Revision, changed: &mut Changed) {
        let stamp = self.cells.entry(cell.clone()).or_default();
        stamp.index = stamp.index.max(at);
        stamp.content = stamp.content.max(at);
        changed.cells.insert(cell);
    }

    /// Adds an instance; whether the list of services with their tags changed.
    fn list(&mut self, place: (Name, Name), record: &Arc<Service>) -> bool {
        let service = self
            .services
            .entry(record.service.as_str().into())
            .or_default();
        let mut changed = service.instances.is_empty();
        service.instances.insert(place, Arc::clone(record));
        for tag in &record.tags {
            let count = service.tags.entry(tag.as_str().into()).or_insert(0);
            *count += 1;
            changed |= *count == 1;
        }
        changed
    }

    fn list_again(&mut self, place: (Name, Name), record: &Arc<Service>) {
        if let Some(service) = self.services.get_mut(record.service.as_str()) {
            service.instances.insert(place, Arc::clone(record));
        }
    }

    /// Removes an instance; whether the list of services with their tags changed.
    fn unlist(&mut self, place: &(Name, Name), record: &Service) -> bool {
        let Some(service) = self.services.get_mut(record.service.as_str()) else {
            return false;
        };
        let mut changed = false;
        service.instances.remove(place);
        for tag in &record.tags {
            if let Some(count) = service.tags.get_mut(tag.as_str()) {
                *count -= 1;
                if *count == 0 {
                    service.tags.remove(tag.as_str());
                    changed = true;
                }
            }
        }
        if service.instances.is_empty() {
            self.services.remove(record.service.as_str());
            changed = true;
        }
        changed
    }

    fn drop_if_empty(&mut self, name: &Name) {
        let empty = self.nodes.get(name).is_some_and(|node| {
            node.record.is_none() && node.services.is_empty() && node.checks.is_empty()
        });
        if empty {
            self.nodes.remove(name);
        }
    }
}

fn old_name_differs(old: &Service, new: &Service) -> bool {
    old.service != new.service || old.tags != new.tags
}

fn service_names(node: &NodeView) -> Vec<Name> {
    let mut names: Vec<Name> = node
        .services
        .values()
        .map(|service| Name::from(service.service.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A stored record with the indexes of its entry.
trait Stamped: serde::de::DeserializeOwned {
    fn stamp(&mut self, created: u64, modified: u64);
}

macro_rules! stamped {
    ($($record:ty),*) => {$(
        impl Stamped for $record {
            fn stamp(&mut self, created: u64, modified: u64) {
                self.create_index = created;
                self.modify_index = modified;
            }
        }
    )*};
}
stamped!(Node, Service, Check);

fn record<T: Stamped>(entry: &Entry) -> Option<T> {
    match serde_json::from_slice::<T>(&entry.value) {
        Ok(mut record) => {
            record.stamp(entry.created.0, entry.modified.0);
            Some(record)
        }
        Err(error) => {
            tracing::warn!(key = ?entry.key, %error, "a stored record cannot be read; skipped");
            None
        }
    }
}
