//! Tables on the pages against the code they describe.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde::Serialize;
use stead_api::control::{Agent, Check, Service, Transition};
use stead_client::KvEntry;
use stead_testkit::{Stack, http};

use crate::{read, root};

/// The first column of the table below a heading, without its backquotes.
fn column(page: &str, heading: &str) -> Vec<String> {
    let page = read(page);
    let below = page.text.split_once(&format!("\n{heading}\n"));
    let (_, below) = below.unwrap_or_else(|| panic!("{} lacks {heading}", page.name));
    below
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .filter_map(|line| line.split('`').nth(1))
        .map(|cell| cell.replace("\\|", "|"))
        .collect()
}

fn has_fields_of(heading: &str, value: &impl Serialize) {
    let value: serde_json::Value = serde_json::to_value(value).unwrap();
    let keys: BTreeSet<_> = value.as_object().unwrap().keys().cloned().collect();
    let table: BTreeSet<_> = column("docs/commands.md", heading).into_iter().collect();
    assert_eq!(table, keys, "docs/commands.md, {heading}");
}

#[test]
fn every_field_of_the_json_is_documented() {
    let text = || "x".to_owned();
    let check = Check {
        name: text(),
        health: text(),
        output: text(),
    };
    let transition = Transition {
        at: text(),
        from: text(),
        to: text(),
        cause: text(),
        by: text(),
    };
    let service = Service {
        name: text(),
        state: text(),
        phase: None,
        health: None,
        flapping: false,
        pid: None,
        restarts: 0,
        since: text(),
        exit: None,
        status: None,
        detail: None,
        not_enforced: vec![text()],
        checks: vec![check.clone()],
        history: vec![transition.clone()],
    };
    let agent = Agent {
        pid: 1,
        version: text(),
        http: None,
        data: text(),
        definition: None,
    };
    has_fields_of("### A service", &service);
    has_fields_of("### A check", &check);
    has_fields_of("### A transition", &transition);
    has_fields_of("### The agent", &agent);
    let pair = r#"{"Key":"k","Value":"eA==","Flags":0,"LockIndex":0,"CreateIndex":1,"ModifyIndex":1,"Session":"s"}"#;
    let entry: KvEntry = serde_json::from_str(pair).unwrap();
    has_fields_of("### A key", &entry);
}

#[test]
fn every_endpoint_of_the_page_is_there() {
    let stack = Stack::of(env!("CARGO_BIN_EXE_stead"))
        .up("[services.sleeper]\ncommand = [\"sleep\", \"1000\"]\n");
    let endpoints = column("docs/registry.md", "## What there is");
    assert!(endpoints.len() > 20, "{endpoints:?}");
    for endpoint in endpoints {
        let (methods, path) = endpoint.split_once(' ').unwrap();
        let path = path.split('?').next().unwrap();
        let answer = http::request(stack.http(), "OPTIONS", path, "").unwrap();
        assert_eq!(answer.status, 200, "{endpoint}: {}", answer.body);
        let allowed: BTreeSet<_> = answer
            .header("allow")
            .unwrap_or_default()
            .split(',')
            .collect();
        for method in methods.split('|') {
            assert!(allowed.contains(method), "{endpoint}: only {allowed:?}");
        }
    }
    stack.stop();
}

/// The words that `stead ARGUMENTS --help` lists, those of its commands and of its long options.
fn help(arguments: &[&str]) -> (Vec<String>, Vec<String>) {
    let output = Command::new(env!("CARGO_BIN_EXE_stead"))
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "stead {arguments:?} --help");
    let text = String::from_utf8(output.stdout).unwrap();
    let commands = text
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.strip_prefix("  "))
        .filter_map(|line| line.split(' ').next().filter(|word| !word.is_empty()))
        .map(str::to_owned)
        .collect();
    let options = text
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .filter_map(|line| line.split(' ').find(|word| word.starts_with("--")))
        .map(str::to_owned)
        .collect();
    (commands, options)
}

#[test]
fn every_command_and_option_is_documented() {
    let page = read("docs/commands.md").text;
    let (commands, _) = help(&[]);
    assert!(commands.len() > 10, "{commands:?}");
    let mut paths: Vec<Vec<&str>> = commands.iter().map(|name| vec![name.as_str()]).collect();
    let kv = help(&["kv"]).0;
    let catalog = help(&["catalog"]).0;
    assert!(kv.len() > 3 && catalog.len() > 2, "{kv:?} {catalog:?}");
    let service = help(&["service"]).0;
    assert!(service.len() > 10, "{service:?}");
    paths.extend(service.iter().map(|verb| vec!["service", verb]));
    paths.extend(kv.iter().map(|verb| vec!["kv", verb]));
    paths.extend(catalog.iter().map(|verb| vec!["catalog", verb]));
    for path in paths {
        let name = path.join(" ");
        assert!(
            page.contains(&format!("`{name}")),
            "{name} is not on the page"
        );
        for option in help(&path).1 {
            let known = ["--help", "--version"].contains(&option.as_str());
            assert!(
                known || page.contains(&option),
                "{name} {option} is not on the page"
            );
        }
    }
}

#[test]
fn the_service_on_the_page_is_the_one_the_crate_compiles() {
    let page = read("docs/sdk.md");
    let block = page.blocks.iter().find(|block| block.language() == "rust");
    let library = fs::read_to_string(root().join("crates/stead/src/lib.rs")).unwrap();
    let documentation: Vec<_> = library
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    assert!(
        documentation.join("\n").contains(&block.unwrap().text),
        "docs/sdk.md shows another program than crates/stead/src/lib.rs"
    );
}
