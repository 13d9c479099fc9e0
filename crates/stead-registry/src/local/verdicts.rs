//! What the agent's checks say, and what happens when they say nothing.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use stead_api::consul::{CheckDefinition, Status};
use tokio::time::Instant;

use super::{Local, REAP_MIN, TakeReport, TtlUpdate, definition};
use crate::batch::{Batch, CheckState};
use crate::ttl::Due;
use crate::{Name, RegistryError};

/// Between two attempts to write a verdict that the store did not take.
const RETRY: Duration = Duration::from_secs(1);

impl From<TtlUpdate> for CheckState {
    fn from(update: TtlUpdate) -> Self {
        Self {
            status: update.status,
            output: update.output,
        }
    }
}

impl Local {
    /// Takes a program's verdict on a check with a time to live, and starts that time anew. Only
    /// what changed is written.
    pub async fn update_ttl(&self, id: &str, update: TtlUpdate) -> Result<(), RegistryError> {
        let taken = self.reports().get(id).cloned();
        if let Some(take) = taken {
            take(update);
            return Ok(());
        }
        let Some(definition) = self.state().checks.get(id).cloned() else {
            return Err(RegistryError::NoSuchCheck { id: id.to_owned() });
        };
        if definition.ttl.0.is_zero() {
            return Err(RegistryError::NoTtl { id: id.to_owned() });
        }
        let id = Name::from(id);
        let _turn = self.turns([definition::turn(&definition)]).await;
        self.write_state(&id, &definition, CheckState::from(update))
            .await?;
        self.arm(&id, &definition);
        Ok(())
    }

    /// Hands programs' reports on a check to whoever keeps it by rules of its own, in place of an
    /// earlier taker. `take` must not block.
    pub fn take_reports(&self, id: &str, take: impl Fn(TtlUpdate) + Send + Sync + 'static) {
        self.reports().insert(Name::from(id), Arc::new(take));
    }

    fn reports(&self) -> MutexGuard<'_, HashMap<Name, Arc<TakeReport>>> {
        self.inner
            .reports
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a verdict of whoever runs the agent's checks. Only what changed is written.
    pub async fn set_check(
        &self,
        id: &str,
        status: Status,
        output: String,
    ) -> Result<(), RegistryError> {
        let Some(definition) = self.state().checks.get(id).cloned() else {
            return Err(RegistryError::NoSuchCheck { id: id.to_owned() });
        };
        let _turn = self.turns([definition::turn(&definition)]).await;
        let state = CheckState { status, output };
        self.write_state(&Name::from(id), &definition, state).await
    }

    async fn write_state(
        &self,
        id: &Name,
        definition: &CheckDefinition,
        state: CheckState,
    ) -> Result<(), RegistryError> {
        let status = state.status;
        let view = self.inner.registry.view();
        let known = view.check(self.node(), id);
        // A heartbeat that says nothing new costs no transaction.
        if !known.is_some_and(|check| check.status == status && check.output == state.output) {
            let mut batch = Batch::new();
            batch.set_check(self.node(), id, state);
            self.inner.registry.catalog(batch).await?;
        }
        let after = definition.deregistercriticalserviceafter.0;
        let deadlines = &self.inner.deadlines;
        if status != Status::Critical || after.is_zero() || definition.serviceid.is_empty() {
            deadlines.clear(Due::Reap, id);
        } else if !deadlines.is_set(Due::Reap, id) {
            deadlines.set(Due::Reap, id, Instant::now() + after.max(REAP_MIN));
        }
        Ok(())
    }

    /// Keeps every deadline, one after the other.
    pub(super) async fn keep_deadlines(&self) {
        loop {
            let (due, id) = self.inner.deadlines.next().await;
            let Some(definition) = self.state().checks.get(&id).cloned() else {
                continue;
            };
            let done = match due {
                Due::Expire => self.expire(&id, &definition).await,
                Due::Reap => {
                    let service = &definition.serviceid;
                    tracing::info!(%service, check = %id, "critical for too long; deregistering");
                    self.deregister_service(service).await.map(drop)
                }
            };
            if let Err(error) = done {
                if matches!(error, RegistryError::NoSuchCheck { .. }) {
                    continue;
                }
                tracing::warn!(check = %id, %error, "a check's deadline could not be kept");
                self.inner.deadlines.set(due, &id, Instant::now() + RETRY);
            }
        }
    }

    async fn expire(&self, id: &Name, definition: &CheckDefinition) -> Result<(), RegistryError> {
        let _turn = self.turns([definition::turn(definition)]).await;
        if self.inner.deadlines.is_set(Due::Expire, id) {
            // A beat came while this waited.
            return Ok(());
        }
        let view = self.inner.registry.view();
        let last = view
            .check(self.node(), id)
            .map_or("", |check| &check.output);
        let output = match last {
            "" => "TTL expired".to_owned(),
            last if last.starts_with("TTL expired") => last.to_owned(),
            last => format!("TTL expired (last output before timeout follows): {last}"),
        };
        let status = Status::Critical;
        self.write_state(id, definition, CheckState { status, output })
            .await
    }
}
