//! The examples of docs/migration.md become what the page shows after them.

use std::fs;
use std::path::Path;

use stead_import::import;

/// The blocks of a page: what follows the three backticks, and the text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((kind.to_owned(), text.join("\n") + "\n"));
        }
    }
    blocks
}

#[test]
fn what_the_page_shows_is_what_comes_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/migration.md");
    let blocks = blocks(&fs::read_to_string(path).unwrap());
    let mut compared = Vec::new();
    for (index, (kind, text)) in blocks.iter().enumerate() {
        let Some((_, name)) = kind.split_once(' ') else {
            continue;
        };
        let shown = blocks[index..]
            .iter()
            .find(|(kind, _)| kind == "toml")
            .unwrap();
        let imported = import(text.as_bytes(), name).unwrap();
        assert!(
            imported.toml == shown.1,
            "{name} becomes\n{}",
            imported.toml
        );
        compared.push(name);
    }
    assert_eq!(compared, ["old.xml", "old.reg"]);
}
