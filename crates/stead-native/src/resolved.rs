//! A service that means the same wherever its definition lies.

use std::path::{Path, PathBuf};

use stead_model::definition::{Argv, Definition, Reload, Service};
use stead_model::name::ServiceName;

/// A service whose paths are all absolute: what is installed.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Its name.
    pub name: ServiceName,
    /// Its definition.
    pub service: Service,
}

/// Why a definition cannot be made absolute, or read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// A path is not in UTF-8, which a definition is.
    #[error("{key} is {}, which is not UTF-8", .path.display())]
    NotUtf8 {
        /// The key.
        key: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The definition has no TOML.
    #[error("cannot write the definition of {name}")]
    Write {
        /// The service.
        name: ServiceName,
        /// Why not.
        #[source]
        source: toml::ser::Error,
    },
}

impl Resolved {
    /// Makes a service absolute. `base` is the folder of its definition file, and `program` where
    /// its program was found.
    pub fn new(
        name: &ServiceName,
        service: &Service,
        base: &Path,
        program: &Path,
    ) -> Result<Self, ResolveError> {
        let mut absolute = service.clone();
        let mut words = vec![text("command", program)?];
        words.extend(service.command.arguments().iter().cloned());
        if let Ok(command) = Argv::new(words) {
            absolute.command = command;
        }
        absolute.directory = text("directory", &service.directory_under(base))?;
        if let Some(file) = service.environment_file_under(base) {
            absolute.environment_file = Some(text("environment_file", &file)?);
        }
        if let Some(file) = &service.pid_file {
            absolute.pid_file = Some(text("pid_file", &service.path_under(base, file))?);
        }
        if let Some(Reload::Command(command)) = &mut absolute.reload
            && command.program().contains(std::path::is_separator)
        {
            let program = service.path_under(base, command.program());
            let mut words = vec![text("reload.command", &program)?];
            words.extend(command.arguments().iter().cloned());
            if let Ok(absolute) = Argv::new(words) {
                *command = absolute;
            }
        }
        for folder in &mut absolute.sandbox.write {
            *folder = text("sandbox.write", &service.path_under(base, folder))?;
        }
        Ok(Self {
            name: name.clone(),
            service: absolute,
        })
    }

    /// The program.
    pub fn program(&self) -> &Path {
        Path::new(self.service.command.program())
    }

    /// The definition file of this one service. What is at its default is left out.
    pub fn to_toml(&self) -> Result<String, ResolveError> {
        let defaults = Service::new(self.service.command.clone());
        let write = |source| ResolveError::Write {
            name: self.name.clone(),
            source,
        };
        let mut table = toml::Table::try_from(&self.service).map_err(write)?;
        let defaults = toml::Table::try_from(defaults).map_err(write)?;
        strip(&mut table, &defaults);
        table.insert(
            "command".to_owned(),
            toml::Value::try_from(&self.service.command).map_err(write)?,
        );
        let named = toml::Table::from_iter([(self.name.to_string(), toml::Value::Table(table))]);
        let file = toml::Table::from_iter([("services".to_owned(), toml::Value::Table(named))]);
        let body = toml::to_string(&file).map_err(write)?;
        Ok(format!(
            "# Installed by Stead. `stead service set {} KEY=VALUE` changes it.\n\n{body}",
            self.name
        ))
    }

    /// Reads a definition file of one service back.
    pub fn read(text: &str, path: &Path) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let definition = Definition::parse_one_of_several(text, path)?;
        let mut services = definition.services.into_iter();
        match (services.next(), services.next()) {
            (Some((name, service)), None) => Ok(Self { name, service }),
            _ => Err("it should hold one service".into()),
        }
    }
}

fn text(key: &'static str, path: &Path) -> Result<String, ResolveError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| ResolveError::NotUtf8 {
            key,
            path: path.to_owned(),
        })
}

/// Takes out what is at its default, tables that are then empty too.
fn strip(table: &mut toml::Table, defaults: &toml::Table) {
    table.retain(|key, value| match (value, defaults.get(key)) {
        (value, Some(default)) if value == default => false,
        (toml::Value::Table(inner), Some(toml::Value::Table(defaults))) => {
            strip(inner, defaults);
            !inner.is_empty()
        }
        _ => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(
        clippy::unwrap_used,
        reason = "in the helpers of a test as in the test"
    )]
    fn resolved(text: &str) -> Resolved {
        let definition = Definition::parse(text, Path::new("stead.toml")).unwrap();
        let (name, service) = definition.services.into_iter().next().unwrap();
        Resolved::new(
            &name,
            &service,
            Path::new("/srv/shop"),
            Path::new("/srv/shop/bin/orders"),
        )
        .unwrap()
    }

    const FULL: &str = r#"
[services.orders]
command = ["./bin/orders", "--say", 'a "b" $c %d']
directory = "."
environment = { A = "1 2" }
environment_file = ".env"
reload = { command = ["./bin/reload", "now"] }

[services.orders.stop]
grace = "3s"

[services.orders.sandbox]
write = ["data"]

[services.orders.windows.recovery]
actions = ["restart/1s"]

[[services.orders.checks]]
tcp = "127.0.0.1:7001"
"#;

    #[test]
    fn every_path_becomes_absolute() {
        let service = resolved(FULL).service;
        assert_eq!(service.command.program(), "/srv/shop/bin/orders");
        assert_eq!(service.command.arguments(), ["--say", "a \"b\" $c %d"]);
        assert_eq!(service.directory, "/srv/shop");
        assert_eq!(service.environment_file.as_deref(), Some("/srv/shop/.env"));
        let Some(Reload::Command(reload)) = &service.reload else {
            panic!("{:?}", service.reload);
        };
        assert_eq!(reload.words(), ["/srv/shop/bin/reload", "now"]);
        assert_eq!(service.sandbox.write, ["/srv/shop/data"]);
    }

    #[test]
    fn the_installed_copy_reads_back_the_same_and_has_no_defaults() {
        let before = resolved(FULL);
        let text = before.to_toml().unwrap();
        assert_eq!(Resolved::read(&text, Path::new("x.toml")).unwrap(), before);
        for default in ["max_delay", "keep", "before_start", "ready"] {
            assert!(!text.contains(default), "{default} in\n{text}");
        }
    }

    #[test]
    fn what_it_depends_on_lies_in_another_file() {
        let both = "[services.above]\ncommand = [\"/a\"]\ndepends_on = [\"below\"]\n[services.below]\ncommand = [\"/b\"]\n";
        let above = resolved(both);
        let text = above.to_toml().unwrap();
        assert_eq!(Resolved::read(&text, Path::new("x.toml")).unwrap(), above);
    }

    #[test]
    fn a_copy_of_two_is_no_copy() {
        let two = "[services.a]\ncommand = [\"/a\"]\n[services.b]\ncommand = [\"/b\"]\n";
        assert!(Resolved::read(two, Path::new("x.toml")).is_err());
        assert!(Resolved::read("[services.a]\nkommand = 1", Path::new("x.toml")).is_err());
    }
}
