//! The registry's state in memory: immutable snapshots that share what did not change.

mod apply;
mod cells;

use std::sync::Arc;

use bytes::Bytes;
use imbl::{HashMap, OrdMap};
use stead_api::consul::{Check, Node, Service};
use stead_store::Revision;

pub(crate) use apply::Changed;
pub(crate) use cells::{Cell, Stamp};

use crate::Name;
use crate::keys::Grave;
use crate::kv::KvEntry;

/// The state as of one revision. Cloning is cheap.
#[derive(Clone, Default)]
pub(crate) struct View {
    /// Everything up to here is in it.
    pub(crate) revision: Revision,
    pub(crate) nodes: OrdMap<Name, NodeView>,
    pub(crate) services: OrdMap<Name, ServiceView>,
    pub(crate) kv: OrdMap<Bytes, KvEntry>,
    /// Tombstones of keys, and of everything below a prefix.
    pub(crate) dead_keys: OrdMap<Bytes, Revision>,
    pub(crate) dead_trees: OrdMap<Bytes, Revision>,
    /// All other tombstones.
    pub(crate) graves: HashMap<Grave, Revision>,
    /// Tombstones up to here may have been forgotten.
    pub(crate) floor: Revision,
    /// When a key, or a key's tombstone, changed last.
    pub(crate) kv_changed: Revision,
    cells: HashMap<Cell, Stamp>,
}

/// A node and what is on it. Without a record it only holds the parts of a commit in between.
#[derive(Clone, Default)]
pub(crate) struct NodeView {
    pub(crate) record: Option<Arc<Node>>,
    pub(crate) services: OrdMap<Name, Arc<Service>>,
    pub(crate) checks: OrdMap<Name, Arc<Check>>,
}

/// A service's instances by node and id, and how many of them carry each tag.
#[derive(Clone, Default)]
pub(crate) struct ServiceView {
    pub(crate) instances: OrdMap<(Name, Name), Arc<Service>>,
    pub(crate) tags: OrdMap<Name, usize>,
}

impl View {
    pub(crate) fn node(&self, node: &str) -> Option<&Arc<Node>> {
        self.nodes.get(node)?.record.as_ref()
    }

    pub(crate) fn service(&self, node: &str, id: &str) -> Option<&Arc<Service>> {
        self.nodes.get(node)?.services.get(id)
    }

    pub(crate) fn check(&self, node: &str, id: &str) -> Option<&Arc<Check>> {
        self.nodes.get(node)?.checks.get(id)
    }

    /// How many tombstones are kept.
    pub(crate) fn graves(&self) -> usize {
        self.graves.len() + self.dead_keys.len() + self.dead_trees.len()
    }

    /// The index of what was never there: not 0, which clients take for an error.
    pub(crate) fn base(&self) -> Revision {
        self.floor.max(Revision(1))
    }

    /// The index and the content's age of a cell.
    pub(crate) fn stamp(&self, cell: &Cell) -> Stamp {
        let stamp = self.cells.get(cell).copied().unwrap_or_default();
        Stamp {
            index: stamp.index.max(self.base()),
            content: stamp.content.max(self.base()),
        }
    }

    /// The index of one key, whether it is there or not.
    pub(crate) fn key_index(&self, key: &[u8]) -> Revision {
        if let Some(entry) = self.kv.get(key) {
            return entry.modified;
        }
        let own = self.dead_keys.get(key).copied().unwrap_or_default();
        own.max(self.tree_above(key)).max(self.base())
    }

    /// The index of everything below a prefix.
    pub(crate) fn tree_index(&self, prefix: &Bytes) -> Revision {
        let live = self.below(prefix).map(|(_, entry)| entry.modified).max();
        let dead = starting(&self.dead_keys, prefix).map(|(_, at)| *at).max();
        let trees = starting(&self.dead_trees, prefix).map(|(_, at)| *at).max();
        [live, dead, trees]
            .into_iter()
            .flatten()
            .fold(self.base().max(self.tree_above(prefix)), Revision::max)
    }

    /// Keys below a prefix, ascending.
    pub(crate) fn below<'a>(
        &'a self,
        prefix: &'a Bytes,
    ) -> impl Iterator<Item = (&'a Bytes, &'a KvEntry)> {
        starting(&self.kv, prefix)
    }

    /// When a tree that holds `key` was deleted last.
    fn tree_above(&self, key: &[u8]) -> Revision {
        if self.dead_trees.is_empty() {
            return Revision(0);
        }
        (0..=key.len())
            .filter_map(|length| self.dead_trees.get(&key[..length]))
            .copied()
            .max()
            .unwrap_or_default()
    }
}

fn starting<'a, V: Clone>(
    map: &'a OrdMap<Bytes, V>,
    prefix: &'a Bytes,
) -> impl Iterator<Item = (&'a Bytes, &'a V)> {
    map.range(prefix.clone()..)
        .take_while(move |(key, _)| key.starts_with(prefix))
}
