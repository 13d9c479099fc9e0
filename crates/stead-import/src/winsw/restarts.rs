//! `<onfailure>` and `<resetfailure>`: what `WinSW` has the service control manager do.

use roxmltree::Node;
use stead_model::Service;
use stead_model::definition::{Period, Recovery, RecoveryAction, RecoveryKind, RestartWhen};

use super::{child, children, line, value};
use crate::ImportError;
use crate::draft::{Notes, set_delay};

/// Takes the actions over into the restarts of Stead's own supervisor; what that does not do (a
/// restart of the machine) is left to the manager once the restarts are used up.
pub(super) fn set(
    root: Node<'_, '_>,
    service: &mut Service,
    notes: &mut Notes,
) -> Result<(), ImportError> {
    let reset = match child(root, "resetfailure") {
        Some(node) => value::period(node)?,
        None => Period::from_secs(86_400),
    };
    let mut restarts: Vec<Period> = Vec::new();
    let mut last = None;
    for node in children(root, "onfailure") {
        let action = node.attribute("action").unwrap_or_default();
        let delay = match node.attribute("delay") {
            Some(given) => value::parse(given, line(node), "the delay of <onfailure>")?,
            None => Period::ZERO,
        };
        if last.is_some() {
            notes.add(
                line(node),
                format!("<onfailure action=\"{action}\">"),
                "comes after one that is not `restart`, and is not taken over",
            );
            continue;
        }
        match action.to_ascii_lowercase().as_str() {
            "restart" => restarts.push(delay),
            "none" => last = Some((RecoveryKind::None, delay)),
            "reboot" => last = Some((RecoveryKind::Reboot, delay)),
            _ => {
                let message = format!(
                    "<onfailure> has the action {action:?}; there are restart, reboot and none"
                );
                return Err(ImportError::syntax(line(node), message));
            }
        }
    }
    let Some(first) = restarts.first().copied() else {
        service.restart.policy = RestartWhen::Never;
        if let Some((RecoveryKind::Reboot, delay)) = last {
            reboot(service, delay, reset);
        }
        return Ok(());
    };
    service.restart.policy = RestartWhen::OnFailure;
    set_delay(service, first);
    if restarts.iter().any(|delay| *delay != first) {
        let longest = restarts.iter().max().copied().unwrap_or(first);
        service.restart.max_delay = service.restart.max_delay.max(longest);
        notes.add(
            child(root, "onfailure").map(line),
            "<onfailure>",
            "has several delays; here the delay doubles from `restart.delay` up to `restart.max_delay`",
        );
    }
    match last {
        // The manager repeats the last action for ever.
        None => service.restart.limit = 0,
        Some((kind, delay)) => {
            service.restart.limit = u32::try_from(restarts.len() + 1).unwrap_or(u32::MAX);
            if !reset.is_zero() {
                service.restart.window = reset;
            }
            if kind == RecoveryKind::Reboot {
                reboot(service, delay, reset);
            }
        }
    }
    Ok(())
}

fn reboot(service: &mut Service, delay: Period, reset: Period) {
    service.windows.recovery = Some(Recovery {
        reset,
        actions: vec![RecoveryAction {
            kind: RecoveryKind::Reboot,
            delay,
        }],
        command: None,
        on_error_exit: true,
    });
}
