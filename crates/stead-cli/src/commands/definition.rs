//! Reading a definition file for a command.

use std::path::{Path, PathBuf};

use stead_model::definition::{Definition, DefinitionErrors};

use crate::failure::{Failure, USAGE};

/// A definition and where its relative paths start.
pub(super) struct Loaded {
    pub(super) definition: Definition,
    pub(super) file: PathBuf,
    pub(super) base: PathBuf,
}

/// Reads and checks a definition file; all that is wrong with it is told at once.
pub(super) fn load(file: &Path) -> Result<Loaded, Failure> {
    read(file, Definition::parse)
}

/// The same for the definition of a service that runs alone, of which others may lie elsewhere.
pub(super) fn load_alone(file: &Path) -> Result<Loaded, Failure> {
    read(file, Definition::parse_one_of_several)
}

/// Reads the text of a file, which errors call by its path.
type Parse = fn(&str, &Path) -> Result<Definition, DefinitionErrors>;

fn read(file: &Path, parse: Parse) -> Result<Loaded, Failure> {
    let cannot = |error: &std::io::Error| {
        Failure::of(
            USAGE,
            format!("cannot read the definition {}", file.display()),
            error,
        )
    };
    let text = std::fs::read_to_string(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => cannot(&error)
            .hint("a definition is a file `stead.toml`; docs/definition.md shows its keys"),
        _ => cannot(&error),
    })?;
    let definition = parse(&text, file).map_err(|errors| {
        let hint = errors.iter().find_map(|error| error.hint.clone());
        let failure = Failure::new(USAGE, errors.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })?;
    let file = std::path::absolute(file).map_err(|error| cannot(&error))?;
    let base = file.parent().map(Path::to_owned).unwrap_or_default();
    Ok(Loaded {
        definition,
        file,
        base,
    })
}
