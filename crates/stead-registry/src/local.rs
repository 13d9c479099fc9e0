//! The services and checks of the machine's own agent.
//!
//! The agent has the say over its node: what it registers goes to the catalogue at once and is
//! remembered beside it, so that a restart finds it again. Nothing counts as passing before it
//! was checked in this run: opening sets every check that it finds to critical.

mod definition;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use stead_api::consul::{Check, CheckDefinition, Node, Service, Status};
use stead_store::{KeyRange, ReadAt};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use self::definition::{check_record, kind, resolve_checks};
use crate::batch::{Batch, CheckState};
use crate::keys::{self, Place};
use crate::ttl::{Deadlines, Due};
use crate::{Name, Registry, RegistryError};

/// Registrations that take turns are told apart by this many places.
const TURNS: usize = 64;
/// The shortest [`CheckDefinition::deregistercriticalserviceafter`].
const REAP_MIN: Duration = Duration::from_mins(1);
/// Records of an earlier run that are taken over in one transaction.
const TAKEN_AT_ONCE: usize = 32;
/// What a service costs of a transaction's operations: the node's guard, its own, its record, its
/// definition, and the tombstones of a rename.
const SERVICE_COST: usize = 7;
/// What a check costs: its guard, record, output, definition, and the tombstones of one replaced.
const CHECK_COST: usize = 7;

/// Who the agent is.
#[derive(Clone, Debug, Default)]
pub struct LocalOptions {
    /// The node: name, id and address are needed. The data centre is the registry's.
    pub node: Node,
    /// The port of the `consul` service; 0 when the agent is no server.
    pub server_port: u16,
    /// The version of the API that is spoken, a fact of the `consul` service.
    pub version: String,
}

/// A service to register, with its checks.
#[derive(Clone, Debug, Default)]
pub struct ServiceRegistration {
    /// The instance. An empty id is the name.
    pub service: Service,
    /// Its checks. Ids that are empty become `service:ID`, or `service:ID:1` and so on.
    pub checks: Vec<CheckDefinition>,
    /// The caller says what the checks' verdicts are; there is nothing to run.
    pub kept: bool,
    /// Removes the instance's checks that are not among these.
    pub replace_checks: bool,
}

/// A service of the agent.
#[derive(Clone, Debug)]
pub struct LocalService {
    /// As the catalogue has it.
    pub service: Arc<Service>,
}

/// A check of the agent.
#[derive(Clone, Debug)]
pub struct LocalCheck {
    /// As the catalogue has it.
    pub check: Arc<Check>,
    /// How it is run.
    pub definition: Arc<CheckDefinition>,
}

/// A verdict on a check with a time to live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtlUpdate {
    /// The verdict.
    pub status: Status,
    /// What it is based on.
    pub output: String,
}

/// The agent's own part of the registry. Cheap to clone.
#[derive(Clone)]
pub struct Local {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    options: LocalOptions,
    state: Mutex<State>,
    definitions: watch::Sender<Arc<Definitions>>,
    deadlines: Deadlines,
    turns: Vec<Semaphore>,
    reports: Mutex<HashMap<Name, Arc<TakeReport>>>,
}

/// What becomes of a program's report on a check that somebody else keeps.
type TakeReport = dyn Fn(TtlUpdate) + Send + Sync;

/// The agent's checks by id: what a runner of checks has to do.
pub type Definitions = BTreeMap<Name, Arc<CheckDefinition>>;

#[derive(Default)]
struct State {
    services: BTreeSet<Name>,
    checks: Definitions,
}

impl Local {
    /// Registers the node, the `consul` service and the `serfHealth` check; takes over what an
    /// earlier run of the agent had registered, every check of it critical.
    ///
    /// A node without an id keeps the one it had, or gets a new one.
    pub async fn open(
        registry: &Registry,
        mut options: LocalOptions,
    ) -> Result<Self, RegistryError> {
        let node = &mut options.node;
        if node.id.is_empty() {
            let known = registry.view().node(&node.node).map(|node| node.id.clone());
            node.id = known
                .filter(|id| !id.is_empty())
                .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        }
        let local = Self {
            inner: Arc::new(Inner {
                registry: registry.clone(),
                options,
                state: Mutex::default(),
                definitions: watch::Sender::new(Arc::default()),
                deadlines: Deadlines::default(),
                turns: (0..TURNS).map(|_| Semaphore::new(1)).collect(),
                reports: Mutex::default(),
            }),
        };
        local.take_over().await?;
        let (closing, timer) = (registry.inner.closing.clone(), local.clone());
        registry.inner.tasks.spawn(async move {
            tokio::select! {
                () = timer.keep_deadlines() => {}
                () = closing.cancelled() => {}
            }
        });
        Ok(local)
    }

    /// The registry it is part of.
    pub fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Who the agent is.
    pub fn options(&self) -> &LocalOptions {
        &self.inner.options
    }

    /// The node's name.
    pub fn node(&self) -> &str {
        &self.inner.options.node.node
    }

    /// The agent's services, by id.
    pub fn services(&self) -> Vec<LocalService> {
        let view = self.inner.registry.view();
        let state = self.state();
        let ids = state.services.iter();
        ids.filter_map(|id| {
            let service = Arc::clone(view.service(self.node(), id)?);
            Some(LocalService { service })
        })
        .collect()
    }

    /// One of the agent's services.
    pub fn service(&self, id: &str) -> Option<LocalService> {
        self.state().services.get(id)?;
        let view = self.inner.registry.view();
        let service = Arc::clone(view.service(self.node(), id)?);
        Some(LocalService { service })
    }

    /// The agent's checks, by id.
    pub fn checks(&self) -> Vec<LocalCheck> {
        let view = self.inner.registry.view();
        let state = self.state();
        let checks = state.checks.iter();
        checks
            .filter_map(|(id, definition)| {
                Some(LocalCheck {
                    check: Arc::clone(view.check(self.node(), id)?),
                    definition: Arc::clone(definition),
                })
            })
            .collect()
    }

    /// Follows the definitions of the checks, for whoever runs them.
    pub fn definitions(&self) -> watch::Receiver<Arc<Definitions>> {
        self.inner.definitions.subscribe()
    }

    /// Registers services with their checks, in as few transactions as the store's limits allow
    /// and each service in one. A service that is there is changed; a check that is there keeps
    /// its verdict.
    pub async fn register_services(
        &self,
        registrations: Vec<ServiceRegistration>,
    ) -> Result<(), RegistryError> {
        let limit = self.inner.registry.limits().operations;
        let mut batch = Vec::new();
        let mut cost = 0;
        for registration in registrations {
            let more = SERVICE_COST + CHECK_COST * registration.checks.len();
            if cost + more > limit && !batch.is_empty() {
                self.register_together(std::mem::take(&mut batch)).await?;
                cost = 0;
            }
            cost += more;
            batch.push(registration);
        }
        self.register_together(batch).await
    }

    async fn register_together(
        &self,
        registrations: Vec<ServiceRegistration>,
    ) -> Result<(), RegistryError> {
        let mut batch = Batch::new();
        let mut plans = Vec::new();
        for mut registration in registrations {
            let service = &mut registration.service;
            if service.service.is_empty() {
                return Err(RegistryError::MissingServiceName);
            }
            if service.id.is_empty() {
                service.id.clone_from(&service.service);
            }
            definition::tag_addresses(service);
            let checks = resolve_checks(service, registration.checks, registration.kept)?;
            plans.push((registration.service, checks, registration.replace_checks));
        }
        let subjects = plans.iter().map(|(service, ..)| service.id.as_str());
        let _turns = self.turns(subjects).await;
        let mut gone: Vec<Name> = Vec::new();
        for (service, checks, replace) in &plans {
            batch.service(self.node(), service.clone());
            if !self.state().services.contains(service.id.as_str()) {
                let key = keys::agent_service(self.node(), &service.id);
                batch.write(key, Some(Bytes::from_static(b"{}")));
            }
            for definition in checks {
                self.stage_check(&mut batch, definition)?;
            }
            if *replace {
                let state = self.state();
                let old = state.checks.iter().filter(|(id, old)| {
                    old.serviceid == service.id && checks.iter().all(|new| *new.id != ***id)
                });
                gone.extend(old.map(|(id, _)| id.clone()));
            }
        }
        for id in &gone {
            batch.remove_check(self.node(), id);
            batch.write(keys::agent_check(self.node(), id), None);
        }
        self.inner.registry.catalog(batch).await?;
        {
            let mut state = self.state();
            for id in &gone {
                state.checks.remove(id);
                self.forget(id);
            }
            for (service, checks, _) in plans {
                state.services.insert(service.id.into());
                for definition in checks {
                    self.remember(&mut state, definition);
                }
            }
        }
        self.tell_definitions();
        Ok(())
    }

    /// Registers one service; see [`Local::register_services`].
    pub async fn register_service(
        &self,
        registration: ServiceRegistration,
    ) -> Result<(), RegistryError> {
        self.register_services(vec![registration]).await
    }

    /// Removes a service with its checks; `false` if the agent has none of that id.
    pub async fn deregister_service(&self, id: &str) -> Result<bool, RegistryError> {
        let _turn = self.turns([id]).await;
        if !self.state().services.contains(id) {
            return Ok(false);
        }
        let checks: Vec<Name> = {
            let state = self.state();
            let own = state
                .checks
                .iter()
                .filter(|(_, check)| check.serviceid == id);
            own.map(|(id, _)| id.clone()).collect()
        };
        let mut batch = Batch::new();
        batch.remove_service(self.node(), id);
        batch.write(keys::agent_service(self.node(), id), None);
        for check in &checks {
            batch.write(keys::agent_check(self.node(), check), None);
        }
        self.inner.registry.catalog(batch).await?;
        {
            let mut state = self.state();
            state.services.remove(id);
            for check in &checks {
                state.checks.remove(check);
                self.forget(check);
            }
        }
        self.tell_definitions();
        Ok(true)
    }

    /// Registers a check of the node or of one of the agent's services.
    pub async fn register_check(&self, definition: CheckDefinition) -> Result<(), RegistryError> {
        let definition = definition::resolve_check(definition)?;
        let _turn = self.turns([definition::turn(&definition)]).await;
        if !definition.serviceid.is_empty() {
            let state = self.state();
            if !state.services.contains(definition.serviceid.as_str()) {
                return Err(RegistryError::UnknownService {
                    id: definition.serviceid,
                });
            }
        }
        let mut batch = Batch::new();
        self.stage_check(&mut batch, &definition)?;
        self.inner.registry.catalog(batch).await?;
        self.remember(&mut self.state(), definition);
        self.tell_definitions();
        Ok(())
    }

    /// Removes a check; `false` if the agent has none of that id.
    pub async fn deregister_check(&self, id: &str) -> Result<bool, RegistryError> {
        let Some(definition) = self.state().checks.get(id).cloned() else {
            return Ok(false);
        };
        let _turn = self.turns([definition::turn(&definition)]).await;
        let mut batch = Batch::new();
        batch.remove_check(self.node(), id);
        batch.write(keys::agent_check(self.node(), id), None);
        self.inner.registry.catalog(batch).await?;
        self.state().checks.remove(id);
        self.forget(id);
        self.tell_definitions();
        Ok(true)
    }

    fn stage_check(
        &self,
        batch: &mut Batch,
        definition: &CheckDefinition,
    ) -> Result<(), RegistryError> {
        let view = self.inner.registry.view();
        let known = view.check(self.node(), &definition.id);
        batch.check(check_record(
            self.node(),
            definition,
            known.map(|check| &**check),
        )?);
        let remembered = self.state().checks.get(definition.id.as_str()).cloned();
        if remembered.is_some_and(|old| *old == *definition) {
            return Ok(());
        }
        let value = match serde_json::to_vec(definition) {
            Ok(value) => value,
            // Strings, numbers and maps with string keys are all there is in a definition.
            Err(error) => unreachable!("a definition that is no JSON: {error}"),
        };
        let key = keys::agent_check(self.node(), &definition.id);
        batch.write(key, Some(value.into()));
        Ok(())
    }

    fn remember(&self, state: &mut State, definition: CheckDefinition) {
        let id = Name::from(definition.id.as_str());
        let definition = Arc::new(definition);
        if definition.ttl.0.is_zero() {
            self.inner.deadlines.clear(Due::Expire, &id);
        } else {
            self.arm(&id, &definition);
        }
        let after = definition.deregistercriticalserviceafter.0;
        if after.is_zero() || definition.serviceid.is_empty() {
            self.inner.deadlines.clear(Due::Reap, &id);
        } else if !self.inner.deadlines.is_set(Due::Reap, &id) {
            let view = self.inner.registry.view();
            let critical = view
                .check(self.node(), &id)
                .is_some_and(|check| check.status == Status::Critical);
            if critical {
                let at = Instant::now() + after.max(REAP_MIN);
                self.inner.deadlines.set(Due::Reap, &id, at);
            }
        }
        state.checks.insert(id, definition);
    }

    fn forget(&self, check: &str) {
        let check = Name::from(check);
        self.inner.deadlines.clear(Due::Expire, &check);
        self.inner.deadlines.clear(Due::Reap, &check);
    }

    fn arm(&self, id: &Name, definition: &CheckDefinition) {
        let at = Instant::now() + definition.ttl.0;
        self.inner.deadlines.set(Due::Expire, id, at);
    }

    fn tell_definitions(&self) {
        let definitions = Arc::new(self.state().checks.clone());
        self.inner.definitions.send_if_modified(|current| {
            let changed = **current != *definitions;
            *current = definitions;
            changed
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Registrations of the same thing happen one after the other, so that what is remembered
    /// here is what the store has.
    async fn turns<'a>(
        &self,
        subjects: impl IntoIterator<Item = &'a str>,
    ) -> Vec<tokio::sync::SemaphorePermit<'_>> {
        let mut places: Vec<usize> = subjects
            .into_iter()
            .map(|subject| {
                let mut hasher = DefaultHasher::new();
                subject.hash(&mut hasher);
                usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0)
            })
            .collect();
        // In one order for all, or two could wait for each other.
        places.sort_unstable();
        places.dedup();
        let mut turns = Vec::with_capacity(places.len());
        for place in places {
            turns.extend(self.inner.turns[place].acquire().await.ok());
        }
        turns
    }

    async fn take_over(&self) -> Result<(), RegistryError> {
        let registry = &self.inner.registry;
        let found = registry
            .inner
            .store
            .range(
                KeyRange::prefix(keys::agent(self.node())),
                ReadAt::Latest,
                None,
            )
            .await
            .map_err(RegistryError::Read)?;
        registry.reach(found.revision).await?;
        let mut batch = Batch::new();
        definition::stage_self(&mut batch, &self.inner.options);
        registry.catalog(std::mem::take(&mut batch)).await?;
        let view = registry.view();
        let mut checks = Vec::new();
        for (place, entry) in found.entries.into_iter().enumerate() {
            if place % TAKEN_AT_ONCE == 0 {
                registry.catalog(std::mem::take(&mut batch)).await?;
            }
            match keys::parse(&entry.key) {
                Some(Place::AgentService(_, id)) if view.service(self.node(), &id).is_some() => {
                    self.state().services.insert(id);
                }
                Some(Place::AgentCheck(_, id)) if view.check(self.node(), &id).is_some() => {
                    match stead_api::consul::decode::<CheckDefinition>(&entry.value) {
                        Ok(definition) => {
                            let output = format!("{} not checked yet", kind(&definition));
                            let status = Status::Critical;
                            batch.set_check(self.node(), &id, CheckState { status, output });
                            checks.push(definition);
                        }
                        Err(error) => {
                            tracing::warn!(%id, %error, "a check's definition cannot be read");
                            batch.remove_check(self.node(), &id);
                            batch.write(entry.key, None);
                        }
                    }
                }
                // What it defined was removed from the catalogue.
                _ => {
                    batch.write(entry.key, None);
                }
            }
        }
        registry.catalog(batch).await?;
        {
            let mut state = self.state();
            for definition in checks {
                self.remember(&mut state, definition);
            }
        }
        self.tell_definitions();
        Ok(())
    }
}
