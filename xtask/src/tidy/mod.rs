//! `cargo xtask tidy`: the house rules as code. One rule, one file, one function.

mod changelog;
mod deny;
mod dependencies;
mod engines;
mod fixtures;
mod house;
mod layers;
mod licences;
mod links;
mod lints;
mod native;
mod pure_model;
mod registry_without_http;
mod sdk_is_small;
mod size;
mod skipped;
mod source;
mod unfinished;
mod unsafe_code;
mod words;

use std::time::Instant;

use anyhow::{Result, bail};

use house::House;

/// A breach of a rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    place: String,
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

/// A rule: its name, and what it finds in the house.
struct Rule {
    name: &'static str,
    find: fn(&House) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule {
        name: "layers",
        find: layers::find,
    },
    Rule {
        name: "pure model",
        find: pure_model::find,
    },
    Rule {
        name: "unsafe code",
        find: unsafe_code::find,
    },
    Rule {
        name: "native crates",
        find: native::find,
    },
    Rule {
        name: "registry without HTTP",
        find: registry_without_http::find,
    },
    Rule {
        name: "engines stay below",
        find: engines::find,
    },
    Rule {
        name: "the SDK is small",
        find: sdk_is_small::find,
    },
    Rule {
        name: "dependencies",
        find: dependencies::find,
    },
    Rule {
        name: "licences",
        find: licences::find,
    },
    Rule {
        name: "lints",
        find: lints::find,
    },
    Rule {
        name: "file size",
        find: size::find,
    },
    Rule {
        name: "unfinished",
        find: unfinished::find,
    },
    Rule {
        name: "skipped tests",
        find: skipped::find,
    },
    Rule {
        name: "links",
        find: links::find,
    },
    Rule {
        name: "words",
        find: words::find,
    },
    Rule {
        name: "changelog",
        find: changelog::find,
    },
];

/// Checks every rule and tells about each breach; any breach fails.
pub(crate) fn run() -> Result<()> {
    let begun = Instant::now();
    let house = House::read()?;
    let mut count = 0;
    for rule in RULES {
        let mut findings = (rule.find)(&house);
        findings.sort();
        count += findings.len();
        for finding in findings {
            println!("{}: {}: {}", rule.name, finding.place, finding.message);
        }
    }
    for (path, lines) in size::long(&house) {
        println!("note: {path} has {lines} lines: is it still one topic?");
    }
    if count > 0 {
        bail!("tidy: {count} breaches of {} rules", RULES.len());
    }
    println!(
        "tidy: {} rules hold in {} files and {} packages ({:.1} s)",
        RULES.len(),
        house.files.len(),
        house.packages.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}
