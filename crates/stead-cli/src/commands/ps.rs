//! `stead ps`.

use std::process::ExitCode;

use jiff::Timestamp;
use stead_api::control::Service;

use super::client;
use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(common: &Common) -> Result<ExitCode, Failure> {
    let services = client::block_on(async { Ok(client::agent(common).await?.services().await?) })?;
    match common.output {
        Output::Json => output::json(&services)?,
        Output::Table => {
            let headings = [
                "NAME", "STATE", "HEALTH", "PID", "SINCE", "RESTARTS", "DETAIL",
            ];
            output::table(&headings, services.iter().map(row))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(service: &Service) -> Vec<String> {
    vec![
        service.name.clone(),
        state(service),
        health(service),
        service
            .pid
            .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        since(service),
        service.restarts.to_string(),
        service
            .detail
            .clone()
            .or_else(|| service.status.clone())
            .unwrap_or_default(),
    ]
}

/// `RUNNING/ready`, `TERMINATED`.
pub(super) fn state(service: &Service) -> String {
    match &service.phase {
        Some(phase) => format!("{}/{phase}", service.state),
        None => service.state.clone(),
    }
}

/// `Healthy`, `Unhealthy (flapping)`, `-`.
pub(super) fn health(service: &Service) -> String {
    match (&service.health, service.flapping) {
        (None, _) => "-".to_owned(),
        (Some(health), false) => health.clone(),
        (Some(health), true) => format!("{health} (flapping)"),
    }
}

/// How long it has been in its state.
pub(super) fn since(service: &Service) -> String {
    service.since.parse::<Timestamp>().map_or_else(
        |_| service.since.clone(),
        |since| output::age(Timestamp::now().as_second() - since.as_second()),
    )
}
