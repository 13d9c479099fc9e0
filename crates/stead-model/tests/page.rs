//! docs/definition.md against the decoder's own tables: each key with its type, default and
//! meaning, and no other; and every example on the page is a definition.
//!
//! With `STEAD_UPDATE_DOCS=1` the tables of the page are written anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in the helpers of a test as in the test"
)]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use stead_model::Definition;
use stead_model::definition::{KnownKey, known_keys};
use stead_model::plan::{By, Manager, ROWS, Row};

fn page_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/definition.md")
}

/// The tables of the model, in the order of the page: header and rows.
fn tables() -> Vec<(String, String)> {
    let mut tables: Vec<(String, String)> = Vec::new();
    for key in known_keys() {
        if tables.last().is_none_or(|(table, _)| *table != key.table) {
            let head = "| key | type | default | meaning |\n|---|---|---|---|\n".to_owned();
            tables.push((key.table.clone(), head));
        }
        let (_, rows) = tables.last_mut().unwrap();
        writeln!(rows, "{}", row(&key)).unwrap();
    }
    tables
}

fn row(key: &KnownKey) -> String {
    let kind = if key.is_table {
        let opening = key.table.trim_matches(['[', ']']);
        let below = format!("{opening}.{}", key.name);
        let listed = known_keys()
            .into_iter()
            .find(|other| other.table.trim_matches(['[', ']']) == below)
            .map(|other| other.table);
        format!("`{}`", listed.expect("a table has keys"))
    } else {
        key.kind.to_owned()
    };
    let default = match &key.default {
        Some(default) => format!("`{default}`"),
        None if key.required => "required".to_owned(),
        None => "none".to_owned(),
    };
    format!("| `{}` | {kind} | {default} | {} |", key.name, key.meaning)
}

/// The page with each table below a heading that names it replaced by the model's.
fn renewed(page: &str) -> String {
    let tables = tables();
    let mut renewed = String::new();
    let mut rows: Option<&str> = None;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## `") {
            let heading = heading.trim_end_matches('`');
            rows = tables
                .iter()
                .find(|(table, _)| table == heading)
                .map(|(_, rows)| rows.as_str());
            assert!(rows.is_some(), "the model has no table {heading}");
        }
        if line.starts_with('|') && line.contains("| key |") {
            renewed.push_str(
                rows.take()
                    .expect("a table of keys stands below its heading"),
            );
        } else if !line.starts_with('|') {
            renewed.push_str(line);
            renewed.push('\n');
        }
    }
    renewed
}

#[test]
fn the_page_lists_each_key_of_the_model_and_no_other() {
    let page = fs::read_to_string(page_path()).unwrap();
    let renewed = renewed(&page);
    if std::env::var_os("STEAD_UPDATE_DOCS").is_some() {
        fs::write(page_path(), &renewed).unwrap();
    } else {
        assert_eq!(page, renewed, "run this test with STEAD_UPDATE_DOCS=1");
    }
    let headings: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("## `"))
        .map(|heading| heading.trim_end_matches('`'))
        .collect();
    let known: Vec<_> = tables().into_iter().map(|(table, _)| table).collect();
    assert_eq!(
        headings, known,
        "each table has its heading, in the model's order"
    );
    for (_, rows) in tables() {
        assert!(renewed.contains(&rows), "missing:\n{rows}");
    }
}

#[test]
fn every_example_on_the_page_is_a_definition() {
    let page = fs::read_to_string(page_path()).unwrap();
    let mut examples = 0;
    for block in page.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        if let Err(errors) = Definition::parse(text, Path::new("definition.md")) {
            panic!("{errors}\n{text}");
        }
        examples += 1;
    }
    assert!(examples >= 3, "{examples}");
}

#[test]
fn the_errors_shown_on_the_page_are_the_errors() {
    let page = fs::read_to_string(page_path()).unwrap();
    let faulty = "[stack]\nname = \"shop\"\n\n[services.orders]\ncomand = [\"./orders\"]\nstart = \"manuel\"\n";
    let errors = Definition::parse(faulty, Path::new("shop/stead.toml")).unwrap_err();
    for error in errors {
        assert!(page.contains(&error.to_string()), "{error}");
    }
}

/// Who does what, as docs/systemd.md shows it.
fn row_of_plan(row: &Row) -> String {
    let word = |manager| match row.by(manager) {
        By::Manager => "the manager".to_owned(),
        By::Host => "Stead as the host".to_owned(),
        By::Stead => "kept and shown".to_owned(),
        By::Elsewhere => "not there".to_owned(),
        By::Refused(why) => format!("refused: {why}"),
    };
    format!(
        "| `{}` | {} | {} | {} |",
        row.key,
        word(Manager::Systemd),
        word(Manager::Scm),
        word(Manager::Launchd)
    )
}

#[test]
fn the_page_of_systemd_says_who_does_each_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/systemd.md");
    let page = fs::read_to_string(&path).unwrap();
    let head = "| key | systemd | Windows | launchd |\n|---|---|---|---|\n";
    let (before, below) = page.split_once(head).unwrap();
    let after = below
        .lines()
        .skip_while(|line| line.starts_with('|'))
        .fold(String::new(), |text, line| text + line + "\n");
    let rows: Vec<_> = ROWS.iter().map(row_of_plan).collect();
    let renewed = format!(
        "{before}{head}{}\n\n{}",
        rows.join("\n"),
        after.trim_start()
    );
    if std::env::var_os("STEAD_UPDATE_DOCS").is_some() {
        fs::write(path, renewed).unwrap();
    } else {
        assert_eq!(page, renewed, "run this test with STEAD_UPDATE_DOCS=1");
    }
}
