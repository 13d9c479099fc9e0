//! Installing a service: all of it or nothing.

use super::calls::{Calls, Info, NewService};
use super::check::{self, LOGON_RIGHT, SHUTDOWN_PRIVILEGE};
use super::config::{ServiceConfig, SidType, StartType};
use super::error::{Operation, Reason, ScmError, Setting};
use super::numbers::{OWN_PROCESS, access};
use super::recovery::{Recovery, RecoveryKind};
use super::{Failing as _, Scm, encode};
use crate::command_line;

impl<C: Calls> Scm<C> {
    /// Installs a service, which is not started.
    ///
    /// First it is looked at whether its account and its privileges exist. What is as the manager
    /// makes it anyhow is not set. If a step fails, the service is deleted again.
    pub fn install(&self, config: &ServiceConfig) -> Result<(), ScmError> {
        let name = &config.name;
        let install = Operation::Install;
        let mut service = new_service(config).failing(install, name)?;
        let infos = infos(config).failing(install, name)?;

        let wanted = access::SC_MANAGER_CONNECT | access::SC_MANAGER_CREATE_SERVICE;
        let manager = self.calls.open_manager(wanted).failing(install, name)?;
        let account = check::account(&self.calls, &config.account).failing(install, name)?;
        let privileges = config.privileges.as_deref().unwrap_or_default();
        check::privileges(&self.calls, privileges).failing(install, name)?;

        service.access = access::SERVICE_CHANGE_CONFIG
            | access::DELETE
            | recovery_access(config.recovery.as_ref());
        let created = self
            .calls
            .create_service(&manager, &service)
            .failing(install, name)?;
        let complete = || {
            self.prepare_recovery(name, config.recovery.as_ref())?;
            for info in &infos {
                self.calls
                    .change_config2(&created, info)
                    .failing(Operation::Set(setting(info)), name)?;
            }
            // Last, as there is nothing to take back then.
            if let Some(account) = &account {
                self.calls
                    .grant_right(account, LOGON_RIGHT)
                    .failing(Operation::Set(Setting::LogonRight), name)?;
            }
            Ok(())
        };
        complete().inspect_err(|_| {
            if let Err(error) = self.calls.delete(&created) {
                tracing::error!(service = %name, %error, "cannot delete what was half installed");
            }
        })
    }

    /// Turns on the privilege without which a reboot cannot be set as a recovery action.
    pub(super) fn prepare_recovery(
        &self,
        name: &str,
        recovery: Option<&Recovery>,
    ) -> Result<(), ScmError> {
        if !has(recovery, RecoveryKind::Reboot) {
            return Ok(());
        }
        self.calls
            .enable_privilege(SHUTDOWN_PRIVILEGE)
            .failing(Operation::Set(Setting::Recovery), name)
    }
}

fn new_service(config: &ServiceConfig) -> Result<NewService, Reason> {
    check::name(&config.name)?;
    check::display_name(&config.display_name)?;
    check::dependencies(&config.dependencies)?;
    check::account_text(&config.account)?;
    if let super::Account::User {
        name,
        password: None,
    } = &config.account
    {
        return Err(Reason::Invalid(format!(
            "the account {name:?} needs its password"
        )));
    }
    let display_name = match config.display_name.as_str() {
        "" => &config.name,
        name => name,
    };
    Ok(NewService {
        name: config.name.clone(),
        display_name: display_name.to_owned(),
        access: 0,
        service_type: OWN_PROCESS,
        start_type: encode::start_type(config.start),
        error_control: encode::error_control(config.error_control),
        image_path: command_line::join(&config.command)?,
        dependencies: encode::dependencies(&config.dependencies),
        account: Some(config.account.name()),
        password: config.account.password(),
    })
}

/// What is to be set apart, and is not as the manager makes it.
fn infos(config: &ServiceConfig) -> Result<Vec<Info>, Reason> {
    let mut infos = Vec::new();
    check::description(&config.description)?;
    if !config.description.is_empty() {
        infos.push(Info::Description(config.description.clone()));
    }
    if config.start == StartType::Delayed {
        infos.push(Info::DelayedAutoStart(true));
    }
    if let Some(recovery) = &config.recovery
        && *recovery != Recovery::default()
    {
        check::recovery(recovery)?;
        let mut actions = encode::failure_actions(recovery)?;
        // There is nothing yet that would have to be taken away.
        actions.command = actions.command.filter(|text| !text.is_empty());
        actions.reboot_message = actions.reboot_message.filter(|text| !text.is_empty());
        infos.push(Info::FailureActions(actions));
    }
    if config.on_error_exit == Some(true) {
        infos.push(Info::FailureActionsFlag(true));
    }
    if let Some(sid) = config.sid
        && sid != SidType::None
    {
        infos.push(Info::Sid(encode::sid_type(sid)));
    }
    if let Some(names) = &config.privileges
        && !names.is_empty()
    {
        infos.push(Info::RequiredPrivileges(names.clone()));
    }
    if let Some(timeout) = config.preshutdown_timeout {
        infos.push(encode::preshutdown(timeout)?);
    }
    if let Some(triggers) = &config.triggers
        && !triggers.is_empty()
    {
        infos.push(Info::Triggers(triggers.clone()));
    }
    Ok(infos)
}

/// Who may set restarts must have the right to start, or the service could be started that way.
pub(super) fn recovery_access(recovery: Option<&Recovery>) -> u32 {
    if has(recovery, RecoveryKind::Restart) {
        access::SERVICE_START
    } else {
        0
    }
}

fn has(recovery: Option<&Recovery>, kind: RecoveryKind) -> bool {
    recovery.is_some_and(|it| it.actions.iter().any(|action| action.kind == kind))
}

pub(super) fn setting(info: &Info) -> Setting {
    match info {
        Info::Description(_) => Setting::Description,
        Info::FailureActions(_) => Setting::Recovery,
        Info::DelayedAutoStart(_) => Setting::DelayedStart,
        Info::FailureActionsFlag(_) => Setting::OnErrorExit,
        Info::Sid(_) => Setting::Sid,
        Info::RequiredPrivileges(_) => Setting::Privileges,
        Info::PreshutdownTimeout(_) => Setting::PreshutdownTimeout,
        Info::Triggers(_) => Setting::Triggers,
    }
}
