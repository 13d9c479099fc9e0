//! Finding and asking the agent and the registry.

use std::future::Future;

use stead_client::{ControlClient, RegistryAddress, RegistryClient, Surroundings, find_control};

use crate::cli::Common;
use crate::failure::{FAILED, Failure};

/// Runs a short conversation to its end.
pub(super) fn block_on<T>(
    conversation: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of(FAILED, "cannot start the asynchronous runtime", &error))?
        .block_on(conversation)
}

/// The agent that `--agent`, the environment or the place says.
pub(super) async fn agent(common: &Common) -> Result<ControlClient, Failure> {
    let around = Surroundings::of_this_process(common.agent.clone());
    let address = find_control(&around, stead_client::ControlAddress::is_there)?;
    Ok(ControlClient::connect(address).await?)
}

/// The registry that `--server` or the environment says; else that of the agent found from here;
/// else the one on this machine's standard port.
pub(super) async fn registry(common: &Common) -> Result<RegistryClient, Failure> {
    let said = common.server.is_some()
        || ["STEAD_ADDR", "CONSUL_HTTP_ADDR"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let address = if said {
        RegistryAddress::from_environment(common.server.as_deref())?
    } else {
        agents_registry(common).await.unwrap_or_default()
    };
    Ok(RegistryClient::new(address))
}

async fn agents_registry(common: &Common) -> Option<RegistryAddress> {
    let about = agent(common).await.ok()?.agent().await.ok()?;
    about.http?.parse().ok()
}
