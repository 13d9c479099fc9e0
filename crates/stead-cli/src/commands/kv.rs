//! `stead kv`.

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use stead_client::{Blocking, KvEntry, RegistryClient};

use super::client;
use crate::cli::{Common, KvVerb, Output};
use crate::failure::{FAILED, Failure, NOT_FOUND};
use crate::output;

/// How long one round of a watch lasts at most.
const ROUND: Duration = Duration::from_mins(5);

pub(crate) fn run(common: &Common, verb: KvVerb) -> Result<ExitCode, Failure> {
    client::block_on(async {
        let registry = client::registry(common).await?;
        match verb {
            KvVerb::Get { key } => get(common, &registry, &key).await,
            KvVerb::Put { key, value, cas } => put(&registry, &key, value, cas).await,
            KvVerb::Delete { key, recurse, cas } => delete(&registry, &key, recurse, cas).await,
            KvVerb::List { prefix, keys } => list(common, &registry, &prefix, keys).await,
            KvVerb::Watch { key } => watch(common, &registry, &key).await,
        }
    })
}

async fn get(common: &Common, registry: &RegistryClient, key: &str) -> Result<ExitCode, Failure> {
    let Some(entry) = registry.kv_get(key, None).await?.value else {
        return Err(Failure::new(NOT_FOUND, format!("no key {key}")));
    };
    show(common, &entry)?;
    Ok(ExitCode::SUCCESS)
}

fn show(common: &Common, entry: &KvEntry) -> Result<(), Failure> {
    match common.output {
        Output::Json => output::json(entry),
        Output::Table => {
            let mut value = value(entry)?;
            value.push(b'\n');
            output::bytes(&value)
        }
    }
}

fn value(entry: &KvEntry) -> Result<Vec<u8>, Failure> {
    Ok(entry.bytes()?)
}

async fn put(
    registry: &RegistryClient,
    key: &str,
    value: String,
    cas: Option<u64>,
) -> Result<ExitCode, Failure> {
    let value = if value == "-" {
        let mut read = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut read)
            .map_err(|error| {
                Failure::of(FAILED, "cannot read the value from standard input", &error)
            })?;
        read
    } else {
        value.into_bytes()
    };
    if registry.kv_put(key, value, cas).await? {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(FAILED, format!("{key} was not set")).hint(
        "its ModifyIndex is not the one given with --cas; `stead kv get --output json` shows it",
    ))
}

async fn delete(
    registry: &RegistryClient,
    key: &str,
    recurse: bool,
    cas: Option<u64>,
) -> Result<ExitCode, Failure> {
    let done = if recurse {
        registry.kv_delete_tree(key).await?
    } else {
        registry.kv_delete(key, cas).await?
    };
    if done {
        return Ok(ExitCode::SUCCESS);
    }
    Err(Failure::new(FAILED, format!("{key} was not deleted"))
        .hint("its ModifyIndex is not the one given with --cas"))
}

async fn list(
    common: &Common,
    registry: &RegistryClient,
    prefix: &str,
    keys: bool,
) -> Result<ExitCode, Failure> {
    if keys {
        let keys = registry.kv_keys(prefix, None, None).await?.value;
        match common.output {
            Output::Json => output::json(&keys)?,
            Output::Table => output::line(&keys.join("\n"))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let entries = registry.kv_list(prefix, None).await?.value;
    match common.output {
        Output::Json => output::json(&entries)?,
        Output::Table => {
            let mut rows = Vec::with_capacity(entries.len());
            for entry in &entries {
                let value = String::from_utf8_lossy(&value(entry)?).replace(['\n', '\r'], "⏎");
                rows.push(vec![
                    entry.key.clone(),
                    entry.modify_index.to_string(),
                    value,
                ]);
            }
            output::table(&["KEY", "INDEX", "VALUE"], rows)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn watch(common: &Common, registry: &RegistryClient, key: &str) -> Result<ExitCode, Failure> {
    let mut index = 0;
    let mut shown: Option<Option<u64>> = None;
    loop {
        let found = registry
            .kv_get(key, Some(Blocking { index, wait: ROUND }))
            .await?;
        // An index that went backwards means another store: start over, as Consul's clients do.
        index = if found.index < index { 0 } else { found.index };
        let now = found.value.as_ref().map(|entry| entry.modify_index);
        if shown != Some(now) {
            match &found.value {
                Some(entry) => show(common, entry)?,
                None if shown.is_some() && common.output == Output::Json => output::line("null")?,
                None => {}
            }
            shown = Some(now);
        }
    }
}
