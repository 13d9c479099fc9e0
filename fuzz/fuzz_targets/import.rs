//! Any bytes as another tool's definition: what is imported parses to the same definition again.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use stead_import::import;
use stead_model::Definition;

fuzz_target!(|bytes: &[u8]| {
    for name in ["x.xml", "x.reg", "x@1.service"] {
        match import(bytes, name) {
            Ok(imported) => {
                let parsed = Definition::parse(&imported.toml, Path::new("stead.toml"));
                assert_eq!(
                    parsed.as_ref(),
                    Ok(&imported.definition),
                    "{}",
                    imported.toml
                );
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
