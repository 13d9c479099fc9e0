//! A service that reads its configuration again when it is told to: `settings
//! FILE`, with lines such as `rate = 5` and `name = till`.
//!
//! A reload (SIGHUP, `systemctl reload`, a changed parameter) takes the whole new
//! configuration or, if it makes no sense, keeps the whole old one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use stead::blocking::{Context, Service, run};
use stead::{Accepted, Control, Error};

#[derive(Debug)]
struct Settings {
    name: String,
    rate: u32,
}

impl Settings {
    fn read(file: &Path) -> Result<Self, Error> {
        let mut settings = Self {
            name: "nobody".to_owned(),
            rate: 1,
        };
        for line in fs::read_to_string(file)?.lines() {
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            match (key.trim(), value.trim()) {
                ("name", value) => value.clone_into(&mut settings.name),
                ("rate", value) => {
                    settings.rate = value
                        .parse()
                        .map_err(|error| format!("rate is no number: {error}"))?;
                }
                (other, _) => return Err(format!("there is no setting {other}").into()),
            }
        }
        Ok(settings)
    }
}

struct Reloading;

impl Service for Reloading {
    const NAME: &'static str = "settings";
    const ACCEPTS: Accepted = Accepted::ENDING.and(Accepted::RELOAD);

    fn run(self, context: Context) -> Result<(), Error> {
        let file = context.arguments().first().map(PathBuf::from);
        let file = file.ok_or("give it a file")?;
        // At the start a configuration that makes no sense is a failure.
        let mut settings = Settings::read(&file)?;
        show(&context, &settings);
        context.ready();
        while let Some(control) = context.control() {
            if control != Control::Reload {
                continue;
            }
            match Settings::read(&file) {
                Ok(new) => settings = new,
                Err(error) => tracing::warn!(%error, "the old settings stay"),
            }
            show(&context, &settings);
            context.reloaded();
        }
        Ok(())
    }
}

fn show(context: &Context, settings: &Settings) {
    context.status(&format!("{} at {} a second", settings.name, settings.rate));
}

fn main() -> ExitCode {
    run(Reloading)
}
