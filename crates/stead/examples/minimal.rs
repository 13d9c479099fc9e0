//! The least that is a service: it waits for its end.
//!
//! Built without the crate's default features, this is what the SDK itself costs.

use std::process::ExitCode;

use stead::Error;
use stead::blocking::{Context, Service, run};

struct Minimal;

impl Service for Minimal {
    const NAME: &'static str = "minimal";

    fn run(self, context: Context) -> Result<(), Error> {
        context.ready();
        while context.control().is_some() {}
        Ok(())
    }
}

fn main() -> ExitCode {
    run(Minimal)
}
