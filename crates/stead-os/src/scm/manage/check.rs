//! What is found out before anything is changed.

use super::account::Account;
use super::calls::{Calls, Sid};
use super::config::{Dependency, NAME_MAX};
use super::error::Reason;
use super::numbers::error::{ERROR_NO_SUCH_PRIVILEGE, ERROR_NONE_MAPPED};
use super::recovery::{Recovery, RecoveryKind};

/// The right that a service's account needs (`SE_SERVICE_LOGON_NAME`).
pub(super) const LOGON_RIGHT: &str = "SeServiceLogonRight";

/// What setting [`RecoveryKind::Reboot`] takes.
pub(super) const SHUTDOWN_PRIVILEGE: &str = "SeShutdownPrivilege";

pub(super) fn name(name: &str) -> Result<(), Reason> {
    if name.is_empty() || name.encode_utf16().count() > NAME_MAX {
        let bound = format!("a service's name has 1 to {NAME_MAX} characters");
        return Err(Reason::Invalid(bound));
    }
    if name.contains(['/', '\\']) {
        let text = format!("the name {name:?} contains a slash");
        return Err(Reason::Invalid(text));
    }
    without_nul(&[("name", name)])
}

pub(super) fn display_name(name: &str) -> Result<(), Reason> {
    if name.encode_utf16().count() > NAME_MAX {
        let bound = format!("a display name has at most {NAME_MAX} characters");
        return Err(Reason::Invalid(bound));
    }
    without_nul(&[("display name", name)])
}

pub(super) fn description(text: &str) -> Result<(), Reason> {
    without_nul(&[("description", text)])
}

/// In the list that is handed over, an empty name would end it.
pub(super) fn dependencies(dependencies: &[Dependency]) -> Result<(), Reason> {
    for dependency in dependencies {
        let (Dependency::Service(name) | Dependency::Group(name)) = dependency;
        if name.is_empty() {
            return Err(Reason::Invalid("a dependency has no name".to_owned()));
        }
        without_nul(&[("name of a dependency", name)])?;
    }
    Ok(())
}

pub(super) fn recovery(recovery: &Recovery) -> Result<(), Reason> {
    let command = recovery.command.as_deref().unwrap_or_default();
    let message = recovery.reboot_message.as_deref().unwrap_or_default();
    let runs = |action: &super::RecoveryAction| action.kind == RecoveryKind::Run;
    if command.is_empty() && recovery.actions.iter().any(runs) {
        let text = "a recovery action runs a command, and there is none";
        return Err(Reason::Invalid(text.to_owned()));
    }
    without_nul(&[("recovery command", command), ("reboot message", message)])
}

pub(super) fn account_text(account: &Account) -> Result<(), Reason> {
    if let Account::Virtual(name) | Account::Managed(name) | Account::User { name, .. } = account {
        if name.is_empty() {
            return Err(Reason::Invalid("the account has no name".to_owned()));
        }
        without_nul(&[("name of the account", name)])?;
    }
    if let Account::User {
        password: Some(password),
        ..
    } = account
        && password.units().contains(&0)
    {
        return Err(Reason::Invalid(
            "the password contains a NUL character".into(),
        ));
    }
    Ok(())
}

/// The account to give the logon right to, if it is of the kind that needs it.
pub(super) fn account<C: Calls>(calls: &C, account: &Account) -> Result<Option<Sid>, Reason> {
    let Some(name) = account.needs_right() else {
        return Ok(None);
    };
    match calls.lookup_account(name) {
        Ok(sid) => Ok(Some(sid)),
        Err(error) if error.0 == ERROR_NONE_MAPPED => Err(Reason::NoSuchAccount(name.to_owned())),
        Err(error) => Err(Reason::of(error)),
    }
}

pub(super) fn privileges<C: Calls>(calls: &C, names: &[String]) -> Result<(), Reason> {
    for name in names {
        without_nul(&[("name of a privilege", name)])?;
        match calls.lookup_privilege(name) {
            Ok(()) => {}
            Err(error) if error.0 == ERROR_NO_SUCH_PRIVILEGE => {
                return Err(Reason::UnknownPrivilege(name.clone()));
            }
            Err(error) => return Err(Reason::of(error)),
        }
    }
    Ok(())
}

fn without_nul(texts: &[(&str, &str)]) -> Result<(), Reason> {
    match texts.iter().find(|(_, text)| text.contains('\0')) {
        Some((what, _)) => Err(Reason::Invalid(format!(
            "the {what} contains a NUL character"
        ))),
        None => Ok(()),
    }
}
