//! Any bytes as `stead.toml`: the parser answers with a definition that holds together or with
//! errors that point into the text.

#![no_main]

use std::collections::BTreeSet;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use stead_model::Definition;
use stead_model::definition::{DefinitionErrors, start_order};

fuzz_target!(|text: &str| {
    match Definition::parse(text, Path::new("stead.toml")) {
        Ok(definition) => holds_together(&definition),
        Err(errors) => point_into(text, &errors),
    }
});

/// Everything starts once, after what it depends on, and the definition survives JSON.
fn holds_together(definition: &Definition) {
    let mut started = BTreeSet::new();
    for layer in start_order(definition) {
        for name in &layer {
            let service = &definition.services[name];
            assert!(
                service
                    .depends_on
                    .iter()
                    .all(|needed| started.contains(needed)),
                "{name} starts before what it depends on"
            );
        }
        for name in layer {
            assert!(started.insert(name.clone()), "{name} starts twice");
        }
    }
    assert_eq!(
        started.len(),
        definition.services.len(),
        "a service never starts"
    );

    let json = serde_json::to_string(definition).expect("a definition is JSON");
    let back: Definition = serde_json::from_str(&json).expect("its own JSON is a definition");
    assert_eq!(&back, definition);
}

fn point_into(text: &str, errors: &DefinitionErrors) {
    assert!(errors.len() > 0);
    let lines: Vec<&str> = text.split('\n').collect();
    for error in errors.iter() {
        assert!(!error.message.is_empty());
        assert!((1..=lines.len()).contains(&error.line), "{error}");
        let width = lines[error.line - 1].chars().count();
        assert!((1..=width + 1).contains(&error.column), "{error}");
    }
    assert!(!errors.to_string().is_empty());
}
