use std::collections::{BTreeMap, BTreeSet};

use super::Definition;
use crate::name::ServiceName;

/// The services in layers: those of one layer depend on none of it, and only on services of the
/// layers before. All of a layer may be started at once.
///
/// Services that depend on each other in a circle, which no parsed definition has, come last.
pub fn start_order(definition: &Definition) -> Vec<Vec<ServiceName>> {
    let (mut layers, circular) = layers(definition);
    if !circular.is_empty() {
        layers.push(circular.into_iter().cloned().collect());
    }
    layers
}

/// The reverse of [`start_order`]: the services nobody depends on first.
pub fn stop_order(definition: &Definition) -> Vec<Vec<ServiceName>> {
    let mut layers = start_order(definition);
    layers.reverse();
    layers
}

/// The services that name `service` in their `depends_on`.
pub fn dependents(definition: &Definition, service: &ServiceName) -> Vec<ServiceName> {
    definition
        .services
        .iter()
        .filter(|(_, other)| other.depends_on.contains(service))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Circles of services, each from its first name in alphabetical order on. A service that depends
/// on itself is none.
pub(crate) fn cycles(definition: &Definition) -> Vec<Vec<ServiceName>> {
    let (_, circular) = layers(definition);
    let mut visited: BTreeSet<&ServiceName> = BTreeSet::new();
    let mut cycles = Vec::new();
    for start in &circular {
        // Each of these services has a dependency among them, so the walk ends only where it
        // meets itself or an earlier walk.
        let mut walk: Vec<&ServiceName> = Vec::new();
        let mut places: BTreeMap<&ServiceName, usize> = BTreeMap::new();
        let mut here = *start;
        while visited.insert(here) {
            places.insert(here, walk.len());
            walk.push(here);
            let next = definition.services[here]
                .depends_on
                .iter()
                .find(|name| *name != here && circular.contains(name));
            let Some(next) = next else { break };
            here = next;
        }
        if let Some(from) = places.get(here) {
            let mut cycle = walk.split_off(*from);
            if cycle.len() < 2 {
                continue;
            }
            let first = (0..cycle.len()).min_by_key(|index| cycle[*index]);
            cycle.rotate_left(first.unwrap_or_default());
            cycles.push(cycle.into_iter().cloned().collect());
        }
    }
    cycles
}

/// The layers, and the services that fit into none because of a circle.
fn layers(definition: &Definition) -> (Vec<Vec<ServiceName>>, BTreeSet<&ServiceName>) {
    let mut waiting: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut waited_for: BTreeMap<&ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, service) in &definition.services {
        let dependencies: BTreeSet<_> = service
            .depends_on
            .iter()
            .filter(|other| *other != name && definition.services.contains_key(*other))
            .collect();
        waiting.insert(name, dependencies.len());
        for other in dependencies {
            waited_for.entry(other).or_default().push(name);
        }
    }
    let mut layers = Vec::new();
    let mut layer: Vec<&ServiceName> = waiting
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| *name)
        .collect();
    while !layer.is_empty() {
        let mut next = Vec::new();
        for name in &layer {
            waiting.remove(name);
            for dependent in waited_for.get(name).into_iter().flatten() {
                if let Some(count) = waiting.get_mut(dependent) {
                    *count -= 1;
                    if *count == 0 {
                        next.push(*dependent);
                    }
                }
            }
        }
        layers.push(layer.into_iter().cloned().collect());
        next.sort_unstable();
        layer = next;
    }
    (layers, waiting.into_keys().collect())
}
