//! From text to a definition: the TOML tree with its places, the decoder over it, then the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::Range;
use std::path::Path as FilePath;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::decode::{Decode, Key, Node};
use super::error::{DefinitionErrors, EXPLAINED_MAX, Fault, Faults, Lines};
use super::path::{Path, Step};
use super::rules::{self, Others};
use super::{Definition, Service, Stack};
use crate::name::ServiceName;

/// The largest definition file, in bytes.
pub const DEFINITION_MAX: usize = 1 << 20;

/// What the TOML parser says of a key or a table that is there already.
const DUPLICATE: &str = "duplicate key";

/// The tables at the top of a file.
const TOP: &[Key] = &[
    Key {
        name: "stack",
        kind: "a table",
        meaning: "What the services have in common.",
        default: || None,
        required: false,
        keys: Stack::KEYS,
        list: false,
    },
    Key {
        name: "services",
        kind: "a table of tables",
        meaning: "The services by name.",
        default: || None,
        required: true,
        keys: Service::KEYS,
        list: false,
    },
];

impl Definition {
    /// Reads the text of a definition file. `file` is what errors call it; nothing is opened.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, in the order of the file. Where the text is no TOML, only what
    /// the TOML parser says, as the rest would follow from that.
    pub fn parse(text: &str, file: &FilePath) -> Result<Self, DefinitionErrors> {
        Self::read(text, file, Others::None)
    }

    /// Reads the text of one file of several that go together, as the installed definitions of a
    /// machine do: a service may depend on one of another file.
    ///
    /// # Errors
    ///
    /// As of [`Definition::parse`].
    pub fn parse_one_of_several(text: &str, file: &FilePath) -> Result<Self, DefinitionErrors> {
        Self::read(text, file, Others::Elsewhere)
    }

    fn read(text: &str, file: &FilePath, others: Others) -> Result<Self, DefinitionErrors> {
        let mut faults = Faults::default();
        if text.len() > DEFINITION_MAX {
            faults.add(
                Fault::new(
                    Path::ROOT,
                    format!(
                        "the file has {} bytes; at most {DEFINITION_MAX} are allowed",
                        text.len()
                    ),
                )
                .at(0..0),
            );
            mem::take(&mut faults).into_errors("", file, |_| 0)?;
        }
        let (root, broken) = DeTable::parse_recoverable(text);
        let mut twice = None;
        for error in broken {
            let span = error.span().unwrap_or(0..0);
            if error.message() == DUPLICATE {
                if header_at(text, span.start).is_some() {
                    twice = Some(line_start(text, span.start));
                } else if twice.is_some() && twice == header_line(text, span.start) {
                    // The keys of a table that is there twice follow from that.
                    continue;
                }
            }
            let fault = if faults.len() < EXPLAINED_MAX {
                toml_fault(text, error.message(), span)
            } else {
                Fault::new(Path::ROOT, format!("this is not TOML: {}", error.message())).at(span)
            };
            faults.add(fault);
        }
        mem::take(&mut faults).into_errors(text, file, |_| 0)?;
        let root = DeValue::Table(root.into_inner());
        let definition = decode(&root, others, &mut faults);
        faults.into_errors(text, file, |fault| locate(&root, fault))?;
        Ok(definition)
    }
}

fn decode(root: &DeValue<'_>, others: Others, faults: &mut Faults) -> Definition {
    let node = Node {
        value: root,
        span: 0..0,
        key_span: 0..0,
        path: Path::ROOT,
        before: &[],
    };
    let mut definition = Definition::default();
    let Some(table) = node.table(faults) else {
        return definition;
    };
    node.refuse_unknown(table, TOP, faults);
    definition.stack = node.get(table, "stack", faults).unwrap_or_default();
    let mut declared = BTreeSet::new();
    if let Some((key, value)) = table.get_key_value("services") {
        let services = Node::of_key(key, value, &Path::ROOT);
        if let Some(table) = services.table(faults) {
            definition.services = decode_services(&services, table, faults);
            declared = table.keys().map(|key| key.get_ref().to_string()).collect();
            if declared.is_empty() {
                faults.add(no_service().at(key.span()));
            }
        }
    } else {
        faults.add(no_service().at(0..0));
    }
    rules::check(&definition, &declared, others, faults);
    definition
}

fn decode_services<'a>(
    services: &Node<'a>,
    table: &'a DeTable<'a>,
    faults: &mut Faults,
) -> BTreeMap<ServiceName, Service> {
    let mut decoded = BTreeMap::new();
    for (key, value) in table {
        let node = Node::of_key(key, value, &services.path);
        let name = ServiceName::new(key.get_ref().as_ref())
            .map_err(|error| {
                let fault = Fault::new(node.path.clone(), format!("services: {error}"));
                faults.add(fault.at(key.span()));
            })
            .ok();
        let service = Service::decode(&node, faults);
        if let (Some(name), Some(service)) = (name, service) {
            decoded.insert(name, service);
        }
    }
    decoded
}

fn no_service() -> Fault {
    Fault::new(Path::ROOT, "the file defines no service")
        .hint("a service needs a name and a command:\n[services.NAME]\ncommand = [\"./program\"]")
}

/// What the TOML parser says, and for a key that stands twice, where it stood first.
fn toml_fault(text: &str, message: &str, span: Range<usize>) -> Fault {
    if message == DUPLICATE
        && let Some(key) = text.get(span.clone())
    {
        let name = key.trim_matches(['"', '\'']);
        let what = match header_at(text, span.start) {
            Some(path) if path.len() == 2 && path[0] == "services" => {
                format!("the service `{name}` is defined twice")
            }
            Some(_) => format!("the table `{name}` is defined twice"),
            None => format!("the key `{name}` is given twice"),
        };
        let message = match first_place(text, name, span.start) {
            Some(first) => {
                let (line, column) = Lines::new(text).place(first);
                format!("{what}; it is first at {line}:{column}")
            }
            None => what,
        };
        return Fault::new(Path::ROOT, message).at(span);
    }
    Fault::new(Path::ROOT, format!("this is not TOML: {message}")).at(span)
}

/// The keys of the `[table]` header that the byte at `offset` is in, up to that byte's key.
fn header_at(text: &str, offset: usize) -> Option<Vec<String>> {
    let start = line_start(text, offset);
    let line = text[start..].lines().next()?;
    if !line.trim_start().starts_with('[') {
        return None;
    }
    let (header, _) = DeTable::parse_recoverable(line);
    let mut path = Vec::new();
    let mut table = header.get_ref();
    while let Some((key, value)) = table.iter().next() {
        path.push(key.get_ref().to_string());
        if key.span().contains(&(offset - start)) {
            break;
        }
        table = match value.get_ref() {
            DeValue::Table(below) => below,
            DeValue::Array(list) => list.first()?.get_ref().as_table()?,
            _ => break,
        };
    }
    Some(path)
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line of the last `[table]` header before `offset` starts.
fn header_line(text: &str, offset: usize) -> Option<usize> {
    let mut start = line_start(text, offset);
    loop {
        if text[start..].trim_start().starts_with('[') {
            return Some(start);
        }
        start = line_start(text, start.checked_sub(1)?);
    }
}

/// Where the key that stands again at `offset` stood first. What is before it is read anew: the
/// parser has put the later table in the place of the earlier.
fn first_place(text: &str, name: &str, offset: usize) -> Option<usize> {
    if let Some(path) = header_at(text, offset) {
        let (before, _) = DeTable::parse_recoverable(&text[..line_start(text, offset)]);
        let steps: Vec<_> = path.into_iter().map(Step::Key).collect();
        return find(before.get_ref(), &steps).map(|found| found.key.start);
    }
    let (before, _) = DeTable::parse_recoverable(&text[..offset]);
    last_key(before.get_ref(), name)
}

fn last_key(table: &DeTable<'_>, name: &str) -> Option<usize> {
    table
        .iter()
        .flat_map(|(key, value)| {
            let own = (key.get_ref() == name).then(|| key.span().start);
            let below = match value.get_ref() {
                DeValue::Table(below) => last_key(below, name),
                DeValue::Array(list) => list
                    .iter()
                    .filter_map(|item| last_key(item.get_ref().as_table()?, name))
                    .max(),
                _ => None,
            };
            [own, below]
        })
        .flatten()
        .max()
}

struct Found {
    key: Range<usize>,
    value: Range<usize>,
}

/// The value at the end of `steps`, or the deepest one on the way that there is.
fn find(root: &DeTable<'_>, steps: &[Step]) -> Option<Found> {
    let mut found = None;
    let mut here: Option<&Spanned<DeValue<'_>>> = None;
    for step in steps {
        let next = match (step, here.map(Spanned::get_ref)) {
            (Step::Key(name), None) => root.get_key_value(name.as_str()),
            (Step::Key(name), Some(DeValue::Table(table))) => table.get_key_value(name.as_str()),
            (Step::Index(index), Some(DeValue::Array(list))) => {
                let Some(value) = list.get(*index) else { break };
                found = Some(Found {
                    key: value.span(),
                    value: value.span(),
                });
                here = Some(value);
                continue;
            }
            _ => None,
        };
        let Some((key, value)) = next else { break };
        // A table made by its header has no better place than the header's key.
        let value_span = if value.get_ref().is_table() {
            key.span()
        } else {
            value.span()
        };
        found = Some(Found {
            key: key.span(),
            value: value_span,
        });
        here = Some(value);
    }
    found
}

fn locate(root: &DeValue<'_>, fault: &Fault) -> usize {
    let found = root
        .as_table()
        .and_then(|root| find(root, fault.path.steps()));
    found.map_or(0, |found| {
        if fault.at_key {
            found.key.start
        } else {
            found.value.start
        }
    })
}
