//! What `deny.toml` forbids and allows: one list for cargo-deny and for the rules here.

use super::house::House;

const PATH: &str = "deny.toml";

/// The bans, each a package's name and the reason.
pub(super) fn bans(house: &House) -> Result<Vec<(String, String)>, String> {
    let entries = list(house, "bans", "deny")?;
    entries
        .iter()
        .map(|entry| {
            let part = |key| {
                entry
                    .get(key)
                    .and_then(toml::Value::as_str)
                    .map(str::to_owned)
                    .ok_or(format!("a ban without its {key}"))
            };
            Ok((part("crate")?, part("reason")?))
        })
        .collect()
}

/// The licences a package may have, as SPDX names.
pub(super) fn licences(house: &House) -> Result<Vec<String>, String> {
    let entries = list(house, "licenses", "allow")?;
    Ok(entries
        .iter()
        .filter_map(|entry| entry.as_str().map(str::to_owned))
        .collect())
}

fn list(house: &House, table: &str, key: &str) -> Result<Vec<toml::Value>, String> {
    let file = house
        .files
        .iter()
        .find(|file| file.path == PATH)
        .ok_or(format!("{PATH} is missing"))?;
    let deny: toml::Table = file.text.parse().map_err(|error| format!("{error}"))?;
    match deny.get(table).and_then(|table| table.get(key)) {
        Some(toml::Value::Array(entries)) if !entries.is_empty() => Ok(entries.clone()),
        _ => Err(format!("{PATH} has no [{table}] {key}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::files;
    use super::*;

    #[test]
    fn a_list_that_is_missing_or_empty_is_an_error() {
        for text in [
            "",
            "[bans]\ndeny = []",
            "[bans]\ndeny = [{ crate = \"x\" }]",
            "[",
        ] {
            assert!(bans(&files(&[(PATH, text)])).is_err(), "{text}");
        }
        assert!(licences(&files(&[])).is_err());
    }

    #[test]
    fn bans_come_with_their_reason() {
        let house = files(&[(PATH, "[bans]\ndeny = [{ crate = \"x\", reason = \"old\" }]")]);
        assert_eq!(bans(&house), Ok(vec![("x".to_owned(), "old".to_owned())]));
    }
}
