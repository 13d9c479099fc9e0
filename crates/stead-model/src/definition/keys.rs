use super::decode::{Decode, Key};
use super::{Service, Stack};

/// A key that a definition file may hold: for the documentation and for completions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// The table it stands in, as its header is written: `[services.NAME.stop]`.
    pub table: String,
    /// Its name in that table.
    pub name: &'static str,
    /// What the value is: `a length of time, like "10s"`.
    pub kind: &'static str,
    /// The default as TOML; `None` where there is none. That of a table is `{}`, which is to say
    /// that all its keys are at theirs.
    pub default: Option<String>,
    /// What it means.
    pub meaning: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it is a table, or a list of tables, with keys of its own.
    pub is_table: bool,
}

/// Every key the decoder knows, table by table: the list the decoder itself works by.
pub fn known_keys() -> Vec<KnownKey> {
    let mut known = Vec::new();
    collect("stack", false, Stack::KEYS, &mut known);
    collect("services.NAME", false, Service::KEYS, &mut known);
    known
}

fn collect(path: &str, list: bool, keys: &'static [Key], known: &mut Vec<KnownKey>) {
    let table = if list {
        format!("[[{path}]]")
    } else {
        format!("[{path}]")
    };
    known.extend(keys.iter().map(|key| KnownKey {
        table: table.clone(),
        name: key.name,
        kind: key.kind,
        default: (key.default)().map(|default| match (key.keys, key.list) {
            ([], _) => default,
            (_, false) => "{}".to_owned(),
            (_, true) => "[]".to_owned(),
        }),
        meaning: key.meaning.trim(),
        required: key.required,
        is_table: !key.keys.is_empty(),
    }));
    for key in keys.iter().filter(|key| !key.keys.is_empty()) {
        collect(&format!("{path}.{}", key.name), key.list, key.keys, known);
    }
}
