//! `stead service install`.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;
use stead_model::Service;
use stead_model::definition::Argv;
use stead_model::name::ServiceName;
use stead_model::plan::Mode;
use stead_native::{Done, Manager, Plan, Request, Resolved, Step};

use super::{change, failure};
use crate::cli::{Common, Install, Output};
use crate::commands::definition;
use crate::failure::{FAILED, Failure, NOT_FOUND, USAGE};
use crate::output;

pub(super) fn run(
    common: &Common,
    manager: &dyn Manager,
    options: &Install,
    within: Duration,
) -> Result<ExitCode, Failure> {
    let request = Request {
        resolved: resolve(options)?,
        forced: match (options.direct, options.hosted) {
            (true, _) => Some(Mode::Direct),
            (_, true) => Some(Mode::Hosted),
            _ => None,
        },
        host: change::stead_itself()?,
        replace: options.replace,
    };
    let name = &options.name;
    let cannot = format!("cannot install {name}");
    let plan = manager
        .plan(&request)
        .map_err(|error| failure(&error, &cannot))?;
    if options.dry_run {
        print(common, name, &plan)?;
        return Ok(ExitCode::SUCCESS);
    }
    let done = manager
        .install(&request)
        .map_err(|error| failure(&error, &cannot))?;
    if request.resolved.service.publish.is_some() {
        // Not in the way of the rest, and not to be passed over in silence.
        let note =
            "note: an installed service is not published in the registry yet; `publish` is kept";
        let _ = writeln!(anstream::stderr(), "{note}");
    }
    if options.now {
        manager
            .start(name, within)
            .map_err(|error| failure(&error, &format!("{name} is installed; cannot start it")))?;
    }
    let what = match done {
        Done::Installed => "installed",
        Done::Replaced => "replaced; a restart takes it over",
        Done::Unchanged => "installed already, nothing changed",
    };
    match common.output {
        Output::Json => {
            let shown = manager
                .status(name)
                .map_err(|error| failure(&error, &format!("cannot tell how {name} stands")))?;
            output::json(&shown)?;
        }
        Output::Table => {
            let mode = plan.choice.mode;
            output::line(&format!("{name}: {what} ({mode}{})", why(&plan)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn why(plan: &Plan) -> String {
    if plan.choice.because.is_empty() {
        String::new()
    } else {
        format!(", for {}", plan.choice.because.join(", "))
    }
}

/// The service that the command line means, with every path absolute.
fn resolve(options: &Install) -> Result<Resolved, Failure> {
    let name = ServiceName::new(&options.name)
        .map_err(|error| Failure::from_error(USAGE, &error).during("bad name of a service"))?;
    let (service, base) = if options.command.is_empty() {
        let file = options
            .file
            .as_deref()
            .unwrap_or_else(|| Path::new("stead.toml"));
        let mut loaded = definition::load(file)?;
        let known: Vec<_> = loaded.definition.services.keys().cloned().collect();
        let service = loaded.definition.services.remove(&name).ok_or_else(|| {
            let known: Vec<_> = known.iter().map(ServiceName::as_str).collect();
            Failure::new(
                NOT_FOUND,
                format!("no service {name} in {}", file.display()),
            )
            .hint(format!("it has {}", known.join(", ")))
        })?;
        (service, loaded.base)
    } else {
        let argv = Argv::new(options.command.clone())
            .map_err(|error| Failure::from_error(USAGE, &error))?;
        let mut service = Service::new(argv);
        // It has no folder of its own; the one this was typed in need not stay.
        "/".clone_into(&mut service.directory);
        let base = std::env::current_dir()
            .map_err(|error| Failure::of(FAILED, "cannot tell the folder this runs in", &error))?;
        (service, base)
    };
    let typed_in = if options.command.is_empty() {
        base.join(&service.directory)
    } else {
        base.clone()
    };
    let service = change::apply(&name, &service, &assignments(options))?;
    change::resolve(&name, &service, &base, &typed_in)
}

/// The flags that are keys of the definition.
fn assignments(options: &Install) -> Vec<String> {
    let flags = [
        ("user", &options.user),
        ("start", &options.start),
        ("sandbox.profile", &options.sandbox),
        ("description", &options.description),
    ];
    let mut assignments: Vec<_> = flags
        .into_iter()
        .filter_map(|(key, value)| {
            let text = toml::Value::String(value.clone()?);
            Some(format!("{key}={text}"))
        })
        .collect();
    assignments.extend(options.set.iter().cloned());
    assignments
}

/// A plan as scripts read it.
#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    mode: &'static str,
    because: &'a [String],
    steps: &'a [Step],
    problems: &'a [String],
}

fn print(common: &Common, name: &str, plan: &Plan) -> Result<(), Failure> {
    if common.output == Output::Json {
        return output::json(&Shown {
            name,
            mode: plan.choice.mode.word(),
            because: &plan.choice.because,
            steps: &plan.steps,
            problems: &plan.notes,
        });
    }
    output::line(&format!("{name}: {}{}", plan.choice.mode, why(plan)))?;
    for step in &plan.steps {
        match step {
            Step::Write { path, text } => {
                output::line(&format!("\nwould write {}", path.display()))?;
                let indented: Vec<_> = text.lines().map(|line| format!("    {line}")).collect();
                output::line(indented.join("\n").trim_end())?;
            }
            Step::Tell { what } => output::line(&format!("\nwould do {what}"))?,
        }
    }
    for problem in &plan.notes {
        output::line(&format!("\nwould be refused: {problem}"))?;
    }
    Ok(())
}
