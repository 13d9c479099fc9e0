//! The order of a stack: who waits for whom, to start and to stop.
//!
//! Pure. A wish to start or stop a service is widened to those it takes along; [`Order::next`]
//! says which of them may be told now. Dependencies are started first and stopped last.

use std::collections::{BTreeMap, BTreeSet};

use stead_model::definition::Definition;
use stead_model::lifecycle::Asker;
use stead_model::name::ServiceName;

/// What the order needs to know of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Those that depend on it may start.
    pub satisfies: bool,
    /// Something of it exists, or is about to.
    pub alive: bool,
}

/// Wishes that wait for their turn.
#[derive(Debug)]
pub struct Order {
    depends_on: BTreeMap<ServiceName, Vec<ServiceName>>,
    dependents: BTreeMap<ServiceName, Vec<ServiceName>>,
    starting: BTreeMap<ServiceName, Asker>,
    stopping: BTreeMap<ServiceName, Asker>,
}

/// Somebody's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Tell it to start.
    Start(ServiceName, Asker),
    /// Tell it to stop.
    Stop(ServiceName, Asker),
}

impl Order {
    /// The order of a definition, which has no cycle: its parser saw to that.
    pub fn new(definition: &Definition) -> Self {
        let depends_on: BTreeMap<_, _> = definition
            .services
            .iter()
            .map(|(name, service)| (name.clone(), service.depends_on.clone()))
            .collect();
        let mut dependents: BTreeMap<ServiceName, Vec<ServiceName>> = BTreeMap::new();
        for (name, on) in &depends_on {
            for dependency in on {
                dependents
                    .entry(dependency.clone())
                    .or_default()
                    .push(name.clone());
            }
        }
        Self {
            depends_on,
            dependents,
            starting: BTreeMap::new(),
            stopping: BTreeMap::new(),
        }
    }

    /// Wishes that a service runs, and so whatever it depends on.
    pub fn start(&mut self, name: &ServiceName, by: &Asker) {
        for each in closure(&self.depends_on, name) {
            self.stopping.remove(&each);
            self.starting.insert(each, by.clone());
        }
    }

    /// Wishes that a service ends, and so whatever depends on it.
    pub fn stop(&mut self, name: &ServiceName, by: &Asker) {
        for each in closure(&self.dependents, name) {
            self.starting.remove(&each);
            self.stopping.insert(each, by.clone());
        }
    }

    /// Whose turn it is, given where everybody stands. Each turn is given once.
    pub fn next(&mut self, standing: impl Fn(&ServiceName) -> Presence) -> Vec<Turn> {
        let stops: Vec<_> = self
            .stopping
            .keys()
            .filter(|name| {
                self.dependents_of(name)
                    .iter()
                    .all(|on| !standing(on).alive && !self.stopping.contains_key(on))
            })
            .cloned()
            .collect();
        let starts: Vec<_> = self
            .starting
            .keys()
            .filter(|name| {
                self.dependencies_of(name).iter().all(|on| {
                    let Presence { satisfies, alive } = standing(on);
                    // One that has done its work and is to do it again comes first.
                    satisfies && (alive || !self.starting.contains_key(on))
                })
            })
            .cloned()
            .collect();
        let mut turns = Vec::new();
        for name in stops {
            if let Some(by) = self.stopping.remove(&name) {
                turns.push(Turn::Stop(name, by));
            }
        }
        for name in starts {
            if let Some(by) = self.starting.remove(&name) {
                turns.push(Turn::Start(name, by));
            }
        }
        turns
    }

    /// The dependency a service waits for, if its start is due and held back.
    pub fn waits_for(
        &self,
        name: &ServiceName,
        satisfies: impl Fn(&ServiceName) -> bool,
    ) -> Option<&ServiceName> {
        self.starting.get(name)?;
        self.dependencies_of(name).iter().find(|on| !satisfies(on))
    }

    /// Whether a stop is wished and held back until the dependents are gone.
    pub fn stop_is_due(&self, name: &ServiceName) -> bool {
        self.stopping.contains_key(name)
    }

    /// Whether any wish waits.
    pub fn is_settled(&self) -> bool {
        self.starting.is_empty() && self.stopping.is_empty()
    }

    fn dependents_of(&self, name: &ServiceName) -> &[ServiceName] {
        self.dependents.get(name).map_or(&[], Vec::as_slice)
    }

    fn dependencies_of(&self, name: &ServiceName) -> &[ServiceName] {
        self.depends_on.get(name).map_or(&[], Vec::as_slice)
    }
}

fn closure(
    edges: &BTreeMap<ServiceName, Vec<ServiceName>>,
    from: &ServiceName,
) -> BTreeSet<ServiceName> {
    let mut found = BTreeSet::new();
    let mut open = vec![from.clone()];
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            open.extend(edges.get(&name).into_iter().flatten().cloned());
        }
    }
    found
}
