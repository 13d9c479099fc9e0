//! A definition as a person would write it: without what is at its default, in the order of the
//! documentation.

use std::fmt::Write as _;

use stead_model::definition::{KnownKey, known_keys};
use stead_model::{Definition, Service};
use toml::{Table, Value};

use crate::{Format, Note};

/// The text of a `stead.toml`.
pub(crate) fn toml(definition: &Definition, format: Format, notes: &[Note]) -> String {
    let mut text = format!("# Imported from {format}.\n");
    if !notes.is_empty() {
        text.push_str("#\n# To look at:\n");
    }
    for note in notes {
        // A line of the file may hold what ends a comment.
        let line: String = note
            .to_string()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let _ = writeln!(text, "# - {line}");
    }
    let known = known_keys();
    for (name, service) in &definition.services {
        let path = format!("services.{}", key(name.as_str()));
        let table = without_defaults(service);
        push_table(&mut text, &path, "services.NAME", &table, &known);
    }
    text
}

fn without_defaults(service: &Service) -> Table {
    let plain = Service::new(service.command.clone());
    let (Ok(Value::Table(mut table)), Ok(Value::Table(defaults))) =
        (Value::try_from(service), Value::try_from(&plain))
    else {
        // Neither has anything that TOML cannot hold.
        return Table::new();
    };
    prune(&mut table, &defaults);
    if let Ok(command) = Value::try_from(&service.command) {
        table.insert("command".to_owned(), command);
    }
    table
}

fn prune(table: &mut Table, defaults: &Table) {
    table.retain(|key, value| match (value, defaults.get(key)) {
        (Value::Table(below), Some(Value::Table(defaults))) => {
            prune(below, defaults);
            !below.is_empty()
        }
        (value, Some(default)) => value != default,
        (_, None) => true,
    });
}

/// The values of a table under its header, then the tables below it.
fn push_table(text: &mut String, path: &str, documented: &str, table: &Table, known: &[KnownKey]) {
    // Keys of the user's own (variables) have no place there and stay in the alphabet's order.
    let header = format!("[{documented}]");
    let place = |key: &str| {
        known
            .iter()
            .position(|known| known.table == header && known.name == key)
            .unwrap_or(usize::MAX)
    };
    let mut keys: Vec<_> = table.iter().collect();
    keys.sort_by_key(|(key, _)| place(key));
    let (tables, values): (Vec<_>, Vec<_>) =
        keys.into_iter().partition(|(_, value)| value.is_table());
    if !values.is_empty() || tables.is_empty() {
        let _ = writeln!(text, "\n[{path}]");
    }
    for (name, value) in values {
        let _ = writeln!(text, "{} = {value}", key(name));
    }
    for (name, value) in tables {
        if let Value::Table(below) = value {
            let path = format!("{path}.{}", key(name));
            push_table(text, &path, &format!("{documented}.{name}"), below, known);
        }
    }
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}
