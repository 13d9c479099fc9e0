//! `stead status`.

use std::fmt::Write;
use std::process::ExitCode;

use stead_api::control::{Agent, Service};

use super::{client, ps};
use crate::cli::{Common, Output, Status};
use crate::failure::{Failure, NOT_FOUND};
use crate::output;

pub(crate) fn run(common: &Common, status: &Status) -> Result<ExitCode, Failure> {
    match &status.name {
        Some(name) => service(common, name),
        None => agent(common),
    }
}

fn agent(common: &Common) -> Result<ExitCode, Failure> {
    let agent = client::block_on(async { Ok(client::agent(common).await?.agent().await?) })?;
    match common.output {
        Output::Json => output::json(&agent)?,
        Output::Table => output::line(&describe_agent(&agent))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn describe_agent(agent: &Agent) -> String {
    let mut text = format!(
        "stead {} (pid {})\n  data        {}",
        agent.version, agent.pid, agent.data
    );
    for (word, value) in [("http", &agent.http), ("definition", &agent.definition)] {
        if let Some(value) = value {
            let _ = write!(text, "\n  {word:<11} {value}");
        }
    }
    text
}

fn service(common: &Common, name: &str) -> Result<ExitCode, Failure> {
    let service =
        client::block_on(async { Ok(client::agent(common).await?.service(name).await?) })?;
    match common.output {
        Output::Json => output::json(&service)?,
        Output::Table => output::line(&describe(&service))?,
    }
    Ok(if service.state == "RUNNING" {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOT_FOUND)
    })
}

fn describe(service: &Service) -> String {
    let mut text = format!("{}\n", service.name);
    let mut field = |word: &str, value: &str| {
        let _ = writeln!(text, "  {word:<9} {value}");
    };
    field(
        "state",
        &format!(
            "{} for {} (since {})",
            ps::state(service),
            ps::since(service),
            service.since
        ),
    );
    field("health", &ps::health(service));
    if let Some(pid) = service.pid {
        field("pid", &pid.to_string());
    }
    field("restarts", &service.restarts.to_string());
    for (word, value) in [
        ("exit", &service.exit),
        ("status", &service.status),
        ("detail", &service.detail),
    ] {
        if let Some(value) = value {
            field(word, value);
        }
    }
    for limit in &service.not_enforced {
        field("limit", limit);
    }
    if !service.checks.is_empty() {
        text.push_str("checks\n");
        for check in &service.checks {
            let output = check.output.lines().next().unwrap_or_default();
            let _ = writeln!(text, "  {:<15} {:<9} {output}", check.name, check.health);
        }
    }
    if !service.history.is_empty() {
        text.push_str("history\n");
        for change in &service.history {
            let _ = writeln!(
                text,
                "  {}  {} → {}  {} ({})",
                change.at, change.from, change.to, change.cause, change.by
            );
        }
    }
    text.truncate(text.trim_end().len());
    text
}
