//! `stead catalog`.

use std::process::ExitCode;

use stead_client::{HealthEntry, HealthQuery};

use super::client;
use crate::cli::{CatalogVerb, Common, Output};
use crate::failure::{Failure, NOT_FOUND};
use crate::output;

pub(crate) fn run(common: &Common, verb: CatalogVerb) -> Result<ExitCode, Failure> {
    client::block_on(async {
        let registry = client::registry(common).await?;
        match verb {
            CatalogVerb::Nodes => {
                let nodes = registry.nodes(None).await?.value;
                match common.output {
                    Output::Json => output::json(&nodes)?,
                    Output::Table => output::table(
                        &["NODE", "ADDRESS", "ID"],
                        nodes
                            .into_iter()
                            .map(|node| vec![node.node, node.address, node.id]),
                    )?,
                }
            }
            CatalogVerb::Services => {
                let services = registry.services(None).await?.value;
                match common.output {
                    Output::Json => output::json(&services)?,
                    Output::Table => output::table(
                        &["SERVICE", "TAGS"],
                        services
                            .into_iter()
                            .map(|(name, tags)| vec![name, tags.join(",")]),
                    )?,
                }
            }
            CatalogVerb::Instances {
                service,
                passing,
                tag,
            } => {
                let query = HealthQuery {
                    passing,
                    tags: tag,
                    blocking: None,
                };
                let found = registry.health(&service, &query).await?.value;
                match common.output {
                    Output::Json => output::json(&found)?,
                    Output::Table if found.is_empty() => {
                        return Err(Failure::new(NOT_FOUND, format!("no instance of {service}")));
                    }
                    Output::Table => output::table(
                        &["ID", "NODE", "ADDRESS", "HEALTH", "TAGS"],
                        found.iter().map(row),
                    )?,
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn row(entry: &HealthEntry) -> Vec<String> {
    vec![
        entry.service.id.clone(),
        entry.node.node.clone(),
        entry.authority(),
        worst(entry).to_owned(),
        entry.service.tags.join(","),
    ]
}

fn worst(entry: &HealthEntry) -> &'static str {
    ["critical", "warning"]
        .into_iter()
        .find(|status| entry.checks.iter().any(|check| check.status == *status))
        .unwrap_or("passing")
}
