//! `AppExit`: what NSSM does when the program ends.

use stead_model::Service;
use stead_model::definition::RestartWhen;

use super::reg::Value;
use crate::draft::Notes;

/// Takes the default and the exit statuses with an action of their own over.
pub(super) fn set(exits: &[&Value], service: &mut Service, notes: &mut Notes) {
    let default = exits
        .iter()
        .find(|value| value.name.is_empty() || value.name.eq_ignore_ascii_case("default"));
    let restarts = match default {
        None => true,
        Some(value) => is_restart(value, notes),
    };
    service.restart.policy = if restarts {
        RestartWhen::Always
    } else {
        RestartWhen::Never
    };
    // NSSM never gives up.
    service.restart.limit = 0;
    let mut ends = Vec::new();
    for value in exits {
        let Ok(status) = value.name.parse::<i64>() else {
            continue;
        };
        if is_restart(value, notes) == restarts {
            continue;
        }
        match i32::try_from(status).or_else(|_| u32::try_from(status).map(u32::cast_signed)) {
            Ok(status) if restarts => ends.push(status),
            _ => notes.add(
                value.line,
                format!("AppExit {status}"),
                "asks for a restart after this status alone, which `restart` cannot say; set `restart.policy` to \"on-failure\" with the other statuses in `success_exit`",
            ),
        }
    }
    if !ends.is_empty() {
        // All ends are failures but those, after which it is not started again.
        service.restart.policy = RestartWhen::OnFailure;
        service.success_exit = ends;
    }
}

fn is_restart(value: &Value, notes: &mut Notes) -> bool {
    let action = value.data.text();
    match action.to_ascii_lowercase().as_str() {
        "restart" => return true,
        "exit" => {}
        "suicide" => notes.add(
            value.line,
            "AppExit Suicide",
            "has no counterpart: the service is stopped with a status by which Windows' own recovery fires; see `windows.recovery`",
        ),
        "ignore" => notes.add(
            value.line,
            "AppExit Ignore",
            "has no counterpart: a service whose program has ended is stopped here, and not started again",
        ),
        _ => notes.add(
            value.line,
            format!("AppExit {action}"),
            "is no action that is known here; the program is not started again after it",
        ),
    }
    false
}
