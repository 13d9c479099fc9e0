//! When systemd starts a service again.

use stead_model::Service;
use stead_model::definition::{Period, RestartWhen};

use super::unit::Assignment;
use super::value::{self, Span};
use crate::ImportError;
use crate::draft::{Notes, set_delay};

/// `Restart=`, `RestartSec=` and what belongs to them.
pub(super) fn set(
    assignment: &Assignment,
    service: &mut Service,
    notes: &mut Notes,
) -> Result<(), ImportError> {
    let value = assignment.value.as_str();
    match assignment.key.as_str() {
        "Restart" => {
            service.restart.policy = match value {
                "no" => RestartWhen::Never,
                "always" => RestartWhen::Always,
                "on-failure" => RestartWhen::OnFailure,
                "on-abnormal" | "on-abort" | "on-watchdog" => {
                    note(
                        assignment,
                        notes,
                        "became \"on-failure\": a bad exit status is a reason, too",
                    );
                    RestartWhen::OnFailure
                }
                "on-success" => {
                    note(
                        assignment,
                        notes,
                        "has no counterpart; \"always\" restarts after success, and after failure",
                    );
                    RestartWhen::Never
                }
                _ => return Err(wrong(assignment, "a word of Restart=, such as on-failure")),
            };
        }
        "RestartSec" => {
            let delay = match span(assignment)? {
                Span::Time(delay) => delay,
                Span::Infinity => {
                    note(
                        assignment,
                        notes,
                        "means never; `restart.policy` is \"never\"",
                    );
                    service.restart.policy = RestartWhen::Never;
                    return Ok(());
                }
            };
            // systemd itself keeps to the delay while `max_delay` is at its default.
            set_delay(service, delay);
        }
        "RestartMaxDelaySec" => {
            if let Span::Time(delay) = span(assignment)? {
                service.restart.max_delay = delay.max(service.restart.delay);
            }
        }
        "RestartSteps" => note(
            assignment,
            notes,
            "has no counterpart: the delay doubles each time",
        ),
        "SuccessExitStatus" => {
            for word in value.split_whitespace() {
                match word.parse() {
                    Ok(status) if !service.success_exit.contains(&status) => {
                        service.success_exit.push(status);
                    }
                    Ok(_) => {}
                    Err(_) => notes.add(
                        assignment.line,
                        format!("SuccessExitStatus={word}"),
                        "is no number; `success_exit` takes exit statuses only",
                    ),
                }
            }
        }
        _ => note(
            assignment,
            notes,
            "has no counterpart; see `success_exit` and `restart.policy`",
        ),
    }
    Ok(())
}

/// `StartLimitIntervalSec=` and `StartLimitBurst=`, which count starts where Stead counts failures.
pub(super) fn limit(
    assignment: &Assignment,
    service: &mut Service,
    notes: &mut Notes,
) -> Result<(), ImportError> {
    if assignment.key == "StartLimitBurst" {
        let burst = assignment.value.parse::<u32>();
        let burst = burst.map_err(|_| wrong(assignment, "a number"))?;
        let most = stead_model::restart::RESTART_LIMIT_MAX;
        if burst > most {
            note(
                assignment,
                notes,
                &format!("is more than {most}, the most there can be"),
            );
        }
        // 0 turned the limit off in either key, whichever came first.
        if service.restart.limit != 0 {
            service.restart.limit = burst.min(most);
        }
        return Ok(());
    }
    match span(assignment)? {
        Span::Time(Period::ZERO) => service.restart.limit = 0,
        Span::Time(window) => service.restart.window = window,
        Span::Infinity => service.restart.window = crate::draft::period(u64::MAX),
    }
    Ok(())
}

/// The assignment's length of time.
pub(super) fn span(assignment: &Assignment) -> Result<Span, ImportError> {
    value::span(&assignment.value).ok_or_else(|| wrong(assignment, "a length of time, such as 90s"))
}

pub(super) fn wrong(assignment: &Assignment, wanted: &str) -> ImportError {
    ImportError::syntax(
        assignment.line,
        format!("{}={} is not {wanted}", assignment.key, assignment.value),
    )
}

fn note(assignment: &Assignment, notes: &mut Notes, advice: &str) {
    notes.add(
        assignment.line,
        format!("{}={}", assignment.key, assignment.value),
        advice,
    );
}
