//! Changing one thing of a service and keeping the rest.

use super::calls::{Called, Calls, ConfigChange, Info, Level};
use super::check::{self, LOGON_RIGHT};
use super::config::{Change, StartType};
use super::error::{Operation, Reason, ScmError, Setting};
use super::install::{recovery_access, setting};
use super::numbers::{NO_CHANGE, access};
use super::{Failing as _, Scm, encode};
use crate::command_line;

impl<C: Calls> Scm<C> {
    /// Changes what is named, and nothing else. It is in force from the next start, except for
    /// the start type and the names.
    ///
    /// First it is looked at whether its account and its privileges exist. Should the system
    /// refuse a setting after that, the error names it ([`Operation::Set`]); what stands before it
    /// in [`Change`] is changed then, and what stands after it is not.
    pub fn change(&self, name: &str, change: &Change) -> Result<(), ScmError> {
        let operation = Operation::Change;
        let config = config_change(change).failing(operation, name)?;
        let infos = infos(change).failing(operation, name)?;

        let wanted = access::SERVICE_CHANGE_CONFIG
            | access::SERVICE_QUERY_CONFIG
            | recovery_access(change.recovery.as_ref());
        let service = self.open(name, wanted).failing(operation, name)?;
        let account = match &change.account {
            Some(account) => check::account(&self.calls, account).failing(operation, name)?,
            None => None,
        };
        let privileges = change.privileges.as_deref().unwrap_or_default();
        check::privileges(&self.calls, privileges).failing(operation, name)?;

        if config != ConfigChange::KEEP {
            self.calls
                .change_config(&service, &config)
                .failing(operation, name)?;
        }
        self.prepare_recovery(name, change.recovery.as_ref())?;
        let delayed = match change.start {
            Some(start) => self
                .delayed_start(&service, start)
                .failing(Operation::Set(Setting::DelayedStart), name)?,
            None => None,
        };
        for info in delayed.iter().chain(&infos) {
            if self
                .is_there_already(&service, info)
                .failing(Operation::Set(setting(info)), name)?
            {
                continue;
            }
            self.calls
                .change_config2(&service, info)
                .failing(Operation::Set(setting(info)), name)?;
        }
        if let Some(account) = account {
            self.calls
                .grant_right(&account, LOGON_RIGHT)
                .failing(Operation::Set(Setting::LogonRight), name)?;
        }
        Ok(())
    }

    /// To take triggers away where there are none is an error to the system.
    fn is_there_already(&self, service: &C::Service, info: &Info) -> Called<bool> {
        let none = Info::Triggers(Vec::new());
        if *info != none {
            return Ok(false);
        }
        match self.calls.query_config2(service, Level::Triggers) {
            Ok(found) => Ok(found == none),
            Err(error) if error.is_unsupported() => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Whether the delay has to be set or taken back. Only an automatic start has one.
    fn delayed_start(&self, service: &C::Service, start: StartType) -> Called<Option<Info>> {
        let wanted = match start {
            StartType::Automatic => false,
            StartType::Delayed => true,
            StartType::Manual | StartType::Disabled => return Ok(None),
        };
        let is = match self.calls.query_config2(service, Level::DelayedAutoStart) {
            Ok(Info::DelayedAutoStart(is)) => is,
            Ok(_) => false,
            Err(error) if error.is_unsupported() => false,
            Err(error) => return Err(error),
        };
        Ok((is != wanted).then_some(Info::DelayedAutoStart(wanted)))
    }
}

fn config_change(change: &Change) -> Result<ConfigChange, Reason> {
    if let Some(name) = &change.display_name {
        check::display_name(name)?;
    }
    if let Some(dependencies) = &change.dependencies {
        check::dependencies(dependencies)?;
    }
    if let Some(account) = &change.account {
        check::account_text(account)?;
    }
    let account = change.account.as_ref();
    Ok(ConfigChange {
        service_type: NO_CHANGE,
        start_type: change.start.map_or(NO_CHANGE, encode::start_type),
        error_control: change
            .error_control
            .map_or(NO_CHANGE, encode::error_control),
        image_path: match &change.command {
            Some(command) => Some(command_line::join(command)?),
            None => None,
        },
        dependencies: change.dependencies.as_deref().map(encode::dependencies),
        account: account.map(super::Account::name),
        password: account.and_then(super::Account::password),
        display_name: change.display_name.clone(),
    })
}

fn infos(change: &Change) -> Result<Vec<Info>, Reason> {
    let mut infos = Vec::new();
    if let Some(text) = &change.description {
        check::description(text)?;
        infos.push(Info::Description(text.clone()));
    }
    if let Some(sid) = change.sid {
        infos.push(Info::Sid(encode::sid_type(sid)));
    }
    if let Some(names) = &change.privileges {
        infos.push(Info::RequiredPrivileges(names.clone()));
    }
    if let Some(timeout) = change.preshutdown_timeout {
        infos.push(encode::preshutdown(timeout)?);
    }
    if let Some(recovery) = &change.recovery {
        check::recovery(recovery)?;
        infos.push(Info::FailureActions(encode::failure_actions(recovery)?));
    }
    if let Some(on) = change.on_error_exit {
        infos.push(Info::FailureActionsFlag(on));
    }
    if let Some(triggers) = &change.triggers {
        infos.push(Info::Triggers(triggers.clone()));
    }
    Ok(infos)
}
