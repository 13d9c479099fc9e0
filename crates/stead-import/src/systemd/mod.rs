//! A unit of systemd.
//!
//! After `systemd.unit(5)`, `systemd.service(5)`, `systemd.exec(5)`, `systemd.kill(5)` and
//! `systemd.resource-control(5)`, as of version 252 and up to 257 where a key is newer.

mod exec;
mod restart;
mod service;
mod specifier;
mod unit;
mod value;

use std::collections::BTreeMap;

use stead_model::Service;
use stead_model::definition::{Period, Profile, RestartWhen, Start};

use crate::draft::{Notes, finish, service_name};
use crate::{Format, ImportError, Imported};
use specifier::UnitName;
use unit::Assignment;

/// Reads a unit; its file's name is its own.
///
/// # Errors
///
/// A line is neither section nor assignment, a value makes no sense, there is no `ExecStart=`; or
/// the rules of a definition refuse what it says.
pub fn import(text: &str, file_name: &str) -> Result<Imported, ImportError> {
    let assignments = in_force(unit::parse(text)?);
    let unit = UnitName::of_file(file_name);
    let mut notes = Notes::default();
    let name = service_name(Format::Systemd, &unit.service(), None, &mut notes)?;
    if unit.is_template() {
        notes.add(
            None,
            file_name,
            "is a template: the definition is for one instance, so write its name for %i",
        );
    }
    let mut reader = Reader {
        environment: service::environment(&assignments, &unit)?,
        unit,
        notes,
    };
    let command = reader.start_command(&assignments)?;
    let mut service = Service::new(command);
    before(&mut service);
    for assignment in &assignments {
        match assignment.section.as_str() {
            "Unit" => reader.unit_key(assignment, &mut service)?,
            "Service" => reader.service_key(assignment, &mut service)?,
            "Install" => reader.install_key(assignment, &mut service),
            section if section.starts_with("X-") => reader.none(
                assignment,
                "is an extension of some other tool, and is not taken over",
            ),
            section => reader.none(
                assignment,
                &format!("stands in [{section}], which is not taken over"),
            ),
        }
    }
    reader.finish(&assignments, &mut service);
    finish(
        Format::Systemd,
        BTreeMap::from([(name, service)]),
        reader.notes,
    )
}

/// An empty value takes back those of its key before it.
fn in_force(assignments: Vec<Assignment>) -> Vec<Assignment> {
    let mut kept: Vec<Assignment> = Vec::new();
    for next in assignments {
        if next.value.is_empty() {
            kept.retain(|other| other.section != next.section || other.key != next.key);
        } else {
            kept.push(next);
        }
    }
    kept
}

/// Systemd's defaults, where they are not Stead's.
fn before(service: &mut Service) {
    "/".clone_into(&mut service.directory);
    service.user = Some("root".to_owned());
    service.stop.grace = Period::from_secs(90);
    service.restart.policy = RestartWhen::Never;
    service.restart.delay = Period::from_millis(100);
    service.restart.window = Period::from_secs(10);
    // What shuts the program off is what the unit says, line by line.
    service.sandbox.profile = Profile::Off;
    service.start = Start::Manual;
}

struct Reader {
    unit: UnitName,
    /// What `$NAME` stands for in commands; `None`: a file says it, too, so nobody knows.
    environment: Option<BTreeMap<String, String>>,
    notes: Notes,
}

impl Reader {
    /// Notes that an assignment is not taken over.
    fn none(&mut self, assignment: &Assignment, advice: &str) {
        self.notes.add(
            assignment.line,
            format!("{}={}", assignment.key, assignment.value),
            advice,
        );
    }

    /// The text with what its specifiers stand for.
    fn expanded(&mut self, text: &str, assignment: &Assignment) -> String {
        let (text, unknown) = self.unit.expand(text);
        for letter in unknown {
            self.notes.add(
                assignment.line,
                format!("{}=", assignment.key),
                format!("has %{letter} in it, whose value depends on the machine or the instance; write it"),
            );
        }
        text
    }

    fn names(&mut self, assignment: &Assignment) -> Vec<String> {
        let value = self.expanded(&assignment.value, assignment);
        value.split_whitespace().map(str::to_owned).collect()
    }

    fn unit_key(
        &mut self,
        assignment: &Assignment,
        service: &mut Service,
    ) -> Result<(), ImportError> {
        match assignment.key.as_str() {
            "Description" => {
                service.description = Some(self.expanded(&assignment.value, assignment));
            }
            "After" => extend(&mut service.systemd.after, self.names(assignment)),
            "Wants" => extend(&mut service.systemd.wants, self.names(assignment)),
            "Requires" | "BindsTo" | "Requisite" => {
                extend(&mut service.systemd.wants, self.names(assignment));
                self.none(
                    assignment,
                    "became `systemd.wants`, which goes on without what fails to start; `depends_on` is as strong, for services of the same definition",
                );
            }
            "StartLimitIntervalSec" | "StartLimitInterval" | "StartLimitBurst" => {
                restart::limit(assignment, service, &mut self.notes)?;
            }
            "Documentation" => self.none(assignment, "has no counterpart; keep it in a comment"),
            "Before" | "Conflicts" | "PartOf" | "PropagatesReloadTo" | "Upholds" => {
                self.none(assignment, "has no counterpart; say it in the other unit, by After= or Wants=");
            }
            "OnFailure" | "OnSuccess" => self.none(
                assignment,
                "has no counterpart; a command of `after_stop` is run after every end",
            ),
            key if key.starts_with("Condition") || key.starts_with("Assert") => self.none(
                assignment,
                "has no counterpart; test it in a command of `before_start`, whose failure is a failed start",
            ),
            _ => self.none(assignment, "has no counterpart"),
        }
        Ok(())
    }

    fn install_key(&mut self, assignment: &Assignment, service: &mut Service) {
        match assignment.key.as_str() {
            "WantedBy" => {
                extend(&mut service.systemd.wanted_by, self.names(assignment));
                service.start = Start::Automatic;
            }
            "RequiredBy" | "UpheldBy" => {
                extend(&mut service.systemd.wanted_by, self.names(assignment));
                service.start = Start::Automatic;
                self.none(
                    assignment,
                    "became `systemd.wanted_by`, which does not pull down what it is wanted by",
                );
            }
            _ => self.none(assignment, "has no counterpart"),
        }
    }

    fn finish(&mut self, assignments: &[Assignment], service: &mut Service) {
        if service.systemd.wanted_by == ["multi-user.target"] {
            service.systemd.wanted_by.clear();
        }
        if service.user.as_deref() == Some("root") {
            let line = assignments
                .iter()
                .find(|it| it.section == "Service" && it.key == "User")
                .map(|it| it.line);
            self.notes.add(
                line,
                "User=",
                "it runs as root; if the program needs less, take `user` out and it runs as a user of its own (DynamicUser)",
            );
        }
        self.notes.add(
            None,
            "sandbox.profile",
            "is off, so that the unit's own lines decide; try \"standard\" or \"strict\" and take them out of `systemd.properties`",
        );
    }
}

fn extend(list: &mut Vec<String>, names: Vec<String>) {
    for name in names {
        if !list.contains(&name) {
            list.push(name);
        }
    }
}
