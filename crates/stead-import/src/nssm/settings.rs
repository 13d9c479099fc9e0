//! The values of a service's key and of its `Parameters`.

use std::collections::BTreeMap;

use stead_model::definition::{ByteSize, ErrorControl, Start};
use stead_model::{Service, ServiceName};

use super::reg::{Data, Value};
use super::{Dump, exits};
use crate::draft::{Notes, argv, period, service_name, set_delay};
use crate::windows::{note_variables, set_account, split};
use crate::{Format, ImportError};

/// How long NSSM waits for each way of stopping, in milliseconds, unless told otherwise.
const STOP_DEFAULT: u64 = 1_500;

/// The ways of stopping: their bit in `AppStopMethodSkip` and their time.
const STOPS: [(u64, &str); 3] = [
    (1, "appstopmethodconsole"),
    (2, "appstopmethodwindow"),
    (4, "appstopmethodthreads"),
];

pub(super) fn read(
    dump: &Dump<'_>,
    notes: &mut Notes,
) -> Result<(ServiceName, Service), ImportError> {
    let name = service_name(Format::Nssm, dump.name, Some(dump.line), notes)?;
    let application = find(&dump.parameters, "Application");
    let Some(application) = application.filter(|value| !value.data.text().is_empty()) else {
        return Err(ImportError::Missing {
            format: Format::Nssm,
            message: format!("has no Application for the service {}", dump.name),
            hint: r"export the key of a service that NSSM installed, with its Parameters",
        });
    };
    let mut words = vec![application.data.text()];
    if let Some(parameters) = find(&dump.parameters, "AppParameters") {
        words.extend(split(&parameters.data.text()));
    }
    let mut service = Service::new(argv(words, application.line)?);
    // NSSM's own default: where the program is.
    if let Some((folder, _)) = application.data.text().rsplit_once('\\') {
        folder.clone_into(&mut service.directory);
    }
    if name != dump.name {
        service.display_name = Some(dump.name.to_owned());
    }
    for value in &dump.own {
        own(value, &mut service, notes);
    }
    if find(&dump.own, "ObjectName").is_none() {
        set_account(&mut service, None, dump.line, notes);
    }
    if find(&dump.own, "DelayedAutostart").is_some_and(|value| value.data == Data::Number(1))
        && service.start == Start::Automatic
    {
        service.start = Start::Delayed;
    }
    exits::set(&dump.exits, &mut service, notes);
    for value in &dump.parameters {
        parameter(value, &mut service, notes);
    }
    for hook in &dump.events {
        event(hook, &mut service, notes)?;
    }
    set_grace(dump, &mut service);
    Ok((name, service))
}

/// Services of the same dump can be depended on; others are Windows' own affair.
pub(super) fn depend(
    dump: &Dump<'_>,
    known: &[ServiceName],
    services: &mut BTreeMap<ServiceName, Service>,
    notes: &mut Notes,
) {
    let Some(service) = services
        .iter_mut()
        .find(|(name, _)| name.as_str().eq_ignore_ascii_case(dump.name))
        .map(|(_, service)| service)
    else {
        return;
    };
    for (kind, value) in [
        ("service", find(&dump.own, "DependOnService")),
        ("group of services", find(&dump.own, "DependOnGroup")),
    ] {
        let Some(value) = value else { continue };
        let names = match &value.data {
            Data::Texts(names) => names.clone(),
            other => vec![other.text()],
        };
        for other in names.iter().filter(|name| !name.is_empty()) {
            match known.iter().find(|name| name.as_str().eq_ignore_ascii_case(other)) {
                Some(known) if kind == "service" => {
                    if !service.depends_on.contains(known) {
                        service.depends_on.push(known.clone());
                    }
                }
                _ => notes.add(
                    value.line,
                    &value.name,
                    format!("{other} is a {kind} of Windows; `depends_on` is for services of the same definition. Import it into the same file, or have the program wait for it"),
                ),
            }
        }
    }
}

/// What NSSM runs at an event: `AppEvents\Start`, with `Pre` and its command line in it.
fn event(
    (event, value): &(String, &Value),
    service: &mut Service,
    notes: &mut Notes,
) -> Result<(), ImportError> {
    let line = value.data.text();
    let hooks = match (event.as_str(), value.name.to_ascii_lowercase().as_str()) {
        _ if line.is_empty() => return Ok(()),
        ("start", "pre") => &mut service.before_start,
        ("start", "post") => &mut service.after_start,
        ("stop", "pre") => &mut service.before_stop,
        ("exit", "post") => &mut service.after_stop,
        _ => {
            notes.add(
                value.line,
                format!(r"AppEvents\{event}\{}", value.name),
                "has no counterpart: nothing is run at that event here",
            );
            return Ok(());
        }
    };
    note_variables(&line, value.line, &value.name, notes);
    hooks.push(argv(split(&line), value.line)?);
    Ok(())
}

fn own(value: &Value, service: &mut Service, notes: &mut Notes) {
    let text = value.data.text();
    match value.name.to_ascii_lowercase().as_str() {
        "displayname" => service.display_name = Some(text).filter(|it| !it.is_empty()),
        "description" => service.description = Some(text).filter(|it| !it.is_empty()),
        "objectname" => set_account(service, Some(&text), value.line, notes),
        "start" => match value.data {
            Data::Number(2) => {}
            Data::Number(3) => service.start = Start::Manual,
            Data::Number(4) => service.start = Start::Disabled,
            _ => notes.add(value.line, "Start", format!("{text} is for drivers; `start` is automatic")),
        },
        "errorcontrol" => match value.data {
            Data::Number(0) => service.windows.error_control = ErrorControl::Ignore,
            Data::Number(2) => service.windows.error_control = ErrorControl::Severe,
            Data::Number(3) => service.windows.error_control = ErrorControl::Critical,
            _ => {}
        },
        "preshutdowntimeout" => {
            if let Data::Number(millis @ 1..) = value.data {
                service.windows.preshutdown_timeout = period(millis);
            }
        }
        "requiredprivileges" => {
            if let Data::Texts(names) = &value.data {
                service.windows.privileges.clone_from(names);
            }
        }
        "type" => {
            if matches!(value.data, Data::Number(kind) if kind & 0x100 != 0) {
                notes.add(
                    value.line,
                    "Type",
                    "lets it use the desktop, which no service has had since Windows Vista",
                );
            }
        }
        "failureactions" | "failureactionsonnoncrashfailures" | "failurecommand" => notes.add(
            value.line,
            &value.name,
            "was not taken over: Stead restarts the program itself; for the manager's own recovery see `windows.recovery`",
        ),
        // NSSM itself, and what the manager keeps for itself.
        "" | "imagepath" | "delayedautostart" | "dependonservice" | "dependongroup" | "wow64"
        | "tag" | "servicesidtype" => {}
        _ => notes.add(value.line, &value.name, format!("{text} has no counterpart")),
    }
}

fn parameter(value: &Value, service: &mut Service, notes: &mut Notes) {
    let text = value.data.text();
    let number = if let Data::Number(number) = value.data {
        number
    } else {
        0
    };
    let name = value.name.to_ascii_lowercase();
    let advice = match name.as_str() {
        "application" | "appparameters" => {
            note_variables(&text, value.line, &value.name, notes);
            return;
        }
        "appdirectory" => {
            note_variables(&text, value.line, &value.name, notes);
            if !text.is_empty() {
                service.directory = text;
            }
            return;
        }
        "appenvironmentextra" | "appenvironment" => {
            environment(value, service, notes);
            if name == "appenvironmentextra" {
                return;
            }
            "replaced the whole environment; here the variables are added to the few that every service gets".to_owned()
        }
        "apprestartdelay" => {
            set_delay(service, period(number));
            return;
        }
        "appthrottle" => {
            "has no counterpart: the delay doubles with each run shorter than `restart.max_delay`"
                .to_owned()
        }
        "approtatebytes" => {
            if number > 0 {
                service.logs.max_size = ByteSize::from_bytes(number);
            }
            return;
        }
        "approtateseconds" => {
            if number > 0 {
                service.logs.max_age = period(number.saturating_mul(1000));
            }
            return;
        }
        // What Stead does: it captures all output and rotates while the program runs.
        "approtatefiles"
        | "approtateonline"
        | "approtatebyteshigh"
        | "appredirecthook"
        | "appstopmethodskip"
        | "appstopmethodconsole"
        | "appstopmethodwindow"
        | "appstopmethodthreads"
        | "appnoconsole"
        | "appkillprocesstree" => match (name.as_str(), number) {
            ("appkillprocesstree", 0) => {
                "kept what the program started alive; here the whole tree ends with the service"
                    .to_owned()
            }
            ("approtatefiles", 0) => {
                "is off; here the log is rotated by `logs.max_size` and `logs.max_age`".to_owned()
            }
            _ => return,
        },
        "appstdout" | "appstderr" => format!(
            "{text} is not written: the output is in Stead's own log folder, and `stead service logs` shows it"
        ),
        "appstdin" => format!("{text} is not read: a service has no input here"),
        "apptimestamplog" => {
            "has no counterpart: `stead logs --timestamps` shows when each line came".to_owned()
        }
        "apppriority" | "appaffinity" => {
            "has no counterpart: set it in the program itself".to_owned()
        }
        _ if name.starts_with("appstd") => {
            "has no counterpart: Stead opens its log files itself".to_owned()
        }
        _ => format!("{text} has no counterpart"),
    };
    notes.add(value.line, &value.name, advice);
}

fn environment(value: &Value, service: &mut Service, notes: &mut Notes) {
    let lines = match &value.data {
        Data::Texts(lines) => lines.clone(),
        other => vec![other.text()],
    };
    for line in lines.iter().filter(|line| !line.is_empty()) {
        if let Some((name, content)) = line.split_once('=').filter(|(name, _)| !name.is_empty()) {
            let subject = format!("{} {name}", value.name);
            note_variables(content, value.line, &subject, notes);
            service
                .environment
                .insert(name.to_owned(), content.to_owned());
        } else {
            notes.add(
                value.line,
                &value.name,
                "has a line that is not NAME=value, and is not taken over",
            );
        }
    }
}

/// NSSM tries one way of stopping after the other, each for its time; Stead has one time for all.
fn set_grace(dump: &Dump<'_>, service: &mut Service) {
    let number = |name: &str| match find(&dump.parameters, name)?.data {
        Data::Number(number) => Some(number),
        _ => None,
    };
    let skipped = number("AppStopMethodSkip").unwrap_or(0);
    let given = STOPS.iter().any(|(_, name)| number(name).is_some());
    if given {
        let sum = STOPS
            .iter()
            .filter(|(bit, _)| skipped & bit == 0)
            .map(|(_, name)| number(name).unwrap_or(STOP_DEFAULT))
            .fold(0, u64::saturating_add);
        service.stop.grace = period(sum);
    }
}

fn find<'a>(values: &[&'a Value], name: &str) -> Option<&'a Value> {
    values
        .iter()
        .find(|value| value.name.eq_ignore_ascii_case(name))
        .copied()
}
