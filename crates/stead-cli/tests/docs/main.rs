//! The pages of docs/ do what they say: every command on them is run by the real binary, in the
//! order of the page, and its output and exit status are those the page shows.
//!
//! How a page is written:
//!
//! - A block ` ```console ` is run: `$ ` begins a command, `> ` goes on with it, `^C` is Ctrl+C for
//!   what runs in the foreground; everything else is output, stdout and stderr as on a terminal.
//!   `…` stands for any text in a line, and alone for any lines. Times, ages and numbers of three
//!   digits and more (process ids) stand for any; runs of spaces for one.
//! - A command must exit with 0, unless the next one is `$ echo $?`.
//! - A command that only reads is given until a deadline to print what the page shows, as a reader
//!   would look again.
//! - A block with a name after its language (` ```toml stead.toml `) is put into the page's folder,
//!   `/home/you/hello` on the page, at that place of the page.
//! - `127.0.0.1:8500` and the ports in [`PORTS`] are this test's own instead.
//! - A page that cannot be run somewhere says so in ` ```text ` or ` ```powershell `, and
//!   [`NOT_RUN`] has the reason.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in the helpers of a test as in the test"
)]

mod page;
mod pattern;
mod reader;
mod shapes;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use page::Page;
use reader::Reader;
use stead_model::Definition;

/// Ports of the services on the pages, as words of their own.
const PORTS: &[&str] = &["7001", "7002", "7003"];

/// Commands that are shown and not run: page, first line, why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    (
        "README.md",
        "$ cargo run --release -- up examples/shop",
        "builds for minutes; the shop's own tests run it",
    ),
    (
        "README.md",
        "$ curl '127.0.0.1:8500/v1/health/service/orders?passing'",
        "asks the shop of the block before",
    ),
    ("README.md", "$ cargo xtask test", "is what runs this test"),
    (
        "CONTRIBUTING.md",
        "$ cargo xtask test",
        "is what runs this test",
    ),
    (
        "docs/getting-started.md",
        "$ sudo apt-get install build-essential curl python3",
        "installs packages",
    ),
    (
        "docs/getting-started.md",
        "$ cargo install --locked --path crates/stead-cli",
        "installs into the home folder",
    ),
    (
        "docs/commands.md",
        "$ stead completions bash | sudo tee /etc/bash_completion.d/stead",
        "writes into the system's folders",
    ),
    (
        "docs/sdk.md",
        "$ cargo run --release -- up examples/shop",
        "builds for minutes; the shop's own tests run it",
    ),
    (
        "docs/windows.md",
        "> cargo install --locked --path crates/stead-cli",
        "wants Windows",
    ),
    (
        "docs/windows.md",
        "> stead run -- ping -n 3 127.0.0.1",
        "wants Windows",
    ),
    (
        "docs/windows.md",
        "$ cargo xtask windows",
        "a chore of CI of its own",
    ),
];

/// One test for each page, so that they run side by side.
macro_rules! pages {
    ($($test:ident => $page:literal,)+) => {
        const RUN: &[&str] = &[$($page),+];
        $(#[test] fn $test() { run($page); })+
    };
}

pages! {
    getting_started => "docs/getting-started.md",
    commands => "docs/commands.md",
    supervision => "docs/supervision.md",
    health => "docs/health.md",
    registry => "docs/registry.md",
    migration => "docs/migration.md",
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(page: &str) -> Page {
    let path = root().join(page);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{page}: {error}"));
    Page::parse(page, &text)
}

/// The documents: those beside the README and those in docs/.
fn all() -> Vec<Page> {
    let mut pages = Vec::new();
    for folder in ["", "docs/"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if Path::new(&name)
                .extension()
                .is_some_and(|ending| ending == "md")
            {
                pages.push(read(&format!("{folder}{name}")));
            }
        }
    }
    pages
}

fn run(page: &str) {
    let mut reader = Reader::new(env!("CARGO_BIN_EXE_stead"), PORTS);
    for block in read(page).blocks {
        if let Some(file) = block.file() {
            reader.put(file, &block.text);
        }
        if block.language() == "console" {
            reader.open(&block);
        }
    }
    reader.close();
}

#[test]
fn every_block_of_commands_is_run_or_has_a_reason_not_to() {
    let mut excused: BTreeSet<&(&str, &str, &str)> = BTreeSet::new();
    for page in all() {
        for block in page.blocks.iter().filter(|block| block.has_commands()) {
            let place = format!("{}:{}", page.name, block.line);
            let run = RUN.contains(&page.name.as_str()) && block.language() == "console";
            let first = block.text.lines().next().unwrap_or_default();
            let excuse = NOT_RUN
                .iter()
                .find(|(at, line, _)| *at == page.name && *line == first);
            assert!(
                run != excuse.is_some(),
                "{place}: a block of commands is run, or is in NOT_RUN with the reason: {first}"
            );
            excused.extend(excuse);
        }
    }
    for excuse in NOT_RUN {
        assert!(excused.contains(excuse), "NOT_RUN: nothing is {excuse:?}");
    }
}

#[test]
fn every_definition_on_a_page_is_one() {
    for page in all() {
        for block in page
            .blocks
            .iter()
            .filter(|block| block.language() == "toml")
        {
            if let Err(errors) = Definition::parse(&block.text, Path::new("stead.toml")) {
                panic!("{}:{}: {errors}", page.name, block.line);
            }
        }
    }
}

#[test]
fn the_index_has_every_page() {
    let index = fs::read_to_string(root().join("docs/README.md")).unwrap();
    for page in all() {
        if let Some(name) = page
            .name
            .strip_prefix("docs/")
            .filter(|name| *name != "README.md")
        {
            assert!(
                index.contains(&format!("]({name})")),
                "docs/README.md lacks {name}"
            );
        }
    }
}
