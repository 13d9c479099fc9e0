//! How a service appears in the registry: an instance with one check for each of its own, or one
//! that says whether it runs.

use std::sync::Arc;

use stead_api::consul::{CheckDefinition, Service as Instance, Status as Word, Weights};
use stead_model::definition::{Publish, Service};
use stead_model::health::{Published, Verdict};
use stead_model::name::ServiceName;
use stead_registry::{Local, RegistryError, ServiceRegistration};
use stead_supervisor::Status;

use crate::health::ServiceHealth;

/// One service's place in the registry.
pub(crate) struct Publisher {
    local: Local,
    name: ServiceName,
    service: Arc<Service>,
    publish: Publish,
    /// The registry has it; perhaps as an earlier agent left it.
    present: bool,
    /// The registry has it as the definition says.
    registered: bool,
    /// What each check was last said to be.
    told: Vec<Option<(Word, String)>>,
}

impl Publisher {
    /// A publisher, if the definition says that the service is to be published.
    pub(crate) fn new(local: &Local, name: &ServiceName, service: &Arc<Service>) -> Option<Self> {
        Some(Self {
            local: local.clone(),
            name: name.clone(),
            publish: service.publish.clone()?,
            service: Arc::clone(service),
            present: local.service(name.as_str()).is_some(),
            registered: false,
            told: Vec::new(),
        })
    }

    /// Brings the registry in step; writes what changed and nothing else.
    pub(crate) async fn tell(
        &mut self,
        status: &Status,
        health: &ServiceHealth,
    ) -> Result<(), RegistryError> {
        let gone = !status.alive
            && !status.state.is_running()
            && status.state != stead_model::lifecycle::State::Error;
        if gone {
            return self.leave().await;
        }
        if !self.registered {
            self.register().await?;
        }
        for (index, said) in self.says(status, health).into_iter().enumerate() {
            if self.told[index].as_ref() == Some(&said) {
                continue;
            }
            let (word, output) = said.clone();
            let id = self.check_id(index);
            if let Err(error) = self.local.set_check(&id, word, output).await {
                // Somebody may have taken it out; the next attempt puts it back.
                self.registered = false;
                return Err(error);
            }
            self.told[index] = Some(said);
        }
        Ok(())
    }

    /// Takes the instance out of the registry.
    pub(crate) async fn leave(&mut self) -> Result<(), RegistryError> {
        if self.present {
            self.local.deregister_service(self.name.as_str()).await?;
            self.present = false;
            self.registered = false;
            self.told.clear();
        }
        Ok(())
    }

    async fn register(&mut self) -> Result<(), RegistryError> {
        let publish = &self.publish;
        let count = self.service.checks.len().max(1);
        let instance = Instance {
            id: self.name.to_string(),
            service: self.name.to_string(),
            address: publish.address.clone().unwrap_or_default(),
            port: publish.port.unwrap_or_default(),
            tags: publish.tags.clone(),
            meta: Some(publish.meta.clone()),
            weights: Weights {
                passing: publish.weights.passing.into(),
                warning: publish.weights.warning.into(),
            },
            ..Instance::default()
        };
        let checks = (0..count)
            .map(|index| CheckDefinition {
                id: self.check_id(index),
                name: self.check_name(index),
                ..CheckDefinition::default()
            })
            .collect();
        let registration = ServiceRegistration {
            service: instance,
            checks,
            kept: true,
            replace_checks: true,
        };
        self.local.register_service(registration).await?;
        self.present = true;
        self.registered = true;
        self.told = vec![None; count];
        Ok(())
    }

    /// What each check is to say now.
    fn says(&self, status: &Status, health: &ServiceHealth) -> Vec<(Word, String)> {
        if !status.is_up() || (health.run != status.run && !self.service.checks.is_empty()) {
            let why = status
                .detail
                .clone()
                .unwrap_or_else(|| format!("{}", status.state));
            return vec![(Word::Critical, why); self.told.len()];
        }
        if self.service.checks.is_empty() {
            let verdict = health.verdict(status.state);
            return vec![(word(verdict), status.state.to_string())];
        }
        health
            .checks
            .iter()
            .map(|check| (word(check.verdict), check.output.clone()))
            .collect()
    }

    fn check_id(&self, index: usize) -> String {
        check_id(&self.name, &self.service, index)
    }

    fn check_name(&self, index: usize) -> String {
        let own = self
            .service
            .checks
            .get(index)
            .map_or("lifecycle", |check| check.name.as_str());
        format!("{} {own}", self.name)
    }
}

/// The id a service's check has in the registry: `service:NAME:CHECK`, or `service:NAME` for the
/// one that stands for a service without checks.
pub fn check_id(name: &ServiceName, service: &Service, index: usize) -> String {
    match service.checks.get(index) {
        Some(check) => format!("service:{name}:{}", check.name),
        None => format!("service:{name}"),
    }
}

fn word(verdict: Verdict) -> Word {
    match verdict.published {
        Published::Passing => Word::Passing,
        Published::Warning => Word::Warning,
        Published::Critical => Word::Critical,
    }
}

/// Removes what an earlier agent published and this one does not.
pub(crate) async fn forget_strangers<'a>(
    local: &Local,
    ours: impl Fn(&str) -> bool + 'a,
) -> Result<(), RegistryError> {
    let strangers: std::collections::BTreeSet<_> = local
        .checks()
        .into_iter()
        .filter(|check| check.definition.kept && !ours(&check.definition.serviceid))
        .map(|check| check.definition.serviceid.clone())
        .collect();
    for stranger in strangers {
        local.deregister_service(&stranger).await?;
    }
    Ok(())
}
