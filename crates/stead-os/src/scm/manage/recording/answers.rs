//! The calls as the manager in memory answers them.

use std::cell::Cell;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use stead_model::lifecycle::native::ScmState;

use super::super::calls::{
    Called, Calls, ConfigChange, Dependents, Info, Level, NewService, Notified, QueriedConfig, Sid,
};
use super::super::numbers::{access, error};
use super::super::status::{Listed, ServiceStatus};
use super::memory::{Entry, failed};
use super::privileges::PRIVILEGES;
use super::{Call, Recording, Shared};

/// What users who are no administrators may do to the manager and to services.
const USER_MANAGER: u32 = access::SC_MANAGER_CONNECT | access::SC_MANAGER_ENUMERATE_SERVICE;
const USER_SERVICE: u32 = access::SERVICE_QUERY_CONFIG
    | access::SERVICE_QUERY_STATUS
    | access::SERVICE_ENUMERATE_DEPENDENTS
    | access::SERVICE_INTERROGATE;

/// A manager that is open.
#[derive(Debug)]
pub struct Manager {
    access: u32,
}

/// A service that is open.
#[derive(Debug)]
pub struct Service {
    name: String,
    access: u32,
    /// The report that was last told by this handle.
    seen: Cell<Option<u64>>,
    told_of_deletion: Cell<bool>,
    shared: Arc<Shared>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let mut memory = self.shared.lock();
        if let Some(entry) = memory.find_mut(&self.name) {
            entry.open -= 1;
        }
        memory.sweep();
    }
}

impl Service {
    fn may(&self, access: u32) -> Called<()> {
        if self.access & access == access {
            Ok(())
        } else {
            failed(error::ERROR_ACCESS_DENIED)
        }
    }
}

impl Manager {
    fn may(&self, access: u32) -> Called<()> {
        if self.access & access == access {
            Ok(())
        } else {
            failed(error::ERROR_ACCESS_DENIED)
        }
    }
}

impl Recording {
    fn opened(&self, name: &str, access: u32) -> Service {
        Service {
            name: name.to_owned(),
            access,
            seen: Cell::new(None),
            told_of_deletion: Cell::new(false),
            shared: self.0.clone(),
        }
    }

    /// Writes the call down and does it to the service, if the handle has the right.
    fn on<T>(
        &self,
        service: &Service,
        access: u32,
        call: Call,
        act: impl FnOnce(&mut Entry) -> Called<T>,
    ) -> Called<T> {
        let mut memory = self.lock();
        memory.call(call)?;
        service.may(access)?;
        act(memory.entry(&service.name)?)
    }
}

impl Calls for Recording {
    type Manager = Manager;
    type Service = Service;

    fn open_manager(&self, access: u32) -> Called<Manager> {
        let mut memory = self.lock();
        memory.call(Call::OpenManager { access })?;
        if memory.not_elevated && access & !USER_MANAGER != 0 {
            return failed(error::ERROR_ACCESS_DENIED);
        }
        Ok(Manager { access })
    }

    fn create_service(&self, manager: &Manager, service: &NewService) -> Called<Service> {
        let mut memory = self.lock();
        memory.call(Call::CreateService(service.clone()))?;
        manager.may(access::SC_MANAGER_CREATE_SERVICE)?;
        memory.create(service)?;
        Ok(self.opened(&service.name, service.access))
    }

    fn open_service(&self, manager: &Manager, name: &str, access: u32) -> Called<Service> {
        let mut memory = self.lock();
        let call = Call::OpenService {
            name: name.to_owned(),
            access,
        };
        memory.call(call)?;
        manager.may(access::SC_MANAGER_CONNECT)?;
        let not_elevated = memory.not_elevated;
        let Some(entry) = memory.find_mut(name) else {
            return failed(error::ERROR_SERVICE_DOES_NOT_EXIST);
        };
        if not_elevated && access & !USER_SERVICE != 0 {
            return failed(error::ERROR_ACCESS_DENIED);
        }
        entry.open += 1;
        Ok(self.opened(name, access))
    }

    fn change_config(&self, service: &Service, change: &ConfigChange) -> Called<()> {
        let call = Call::ChangeConfig {
            name: service.name.clone(),
            change: change.clone(),
        };
        self.on(service, access::SERVICE_CHANGE_CONFIG, call, |entry| {
            if entry.deleted {
                return failed(error::ERROR_SERVICE_MARKED_FOR_DELETE);
            }
            entry.change(change);
            Ok(())
        })
    }

    fn change_config2(&self, service: &Service, info: &Info) -> Called<()> {
        let restarts =
            matches!(info, Info::FailureActions(it) if it.actions.iter().any(|it| it.0 == 1));
        let access = if restarts {
            access::SERVICE_CHANGE_CONFIG | access::SERVICE_START
        } else {
            access::SERVICE_CHANGE_CONFIG
        };
        let unsupported = self.lock().unsupported.contains(&info.level());
        let call = Call::ChangeConfig2 {
            name: service.name.clone(),
            info: info.clone(),
        };
        self.on(service, access, call, |entry| {
            if unsupported {
                return failed(error::ERROR_INVALID_LEVEL);
            }
            if entry.deleted {
                return failed(error::ERROR_SERVICE_MARKED_FOR_DELETE);
            }
            // As documented: there must be some to take away.
            let none = Info::Triggers(Vec::new());
            if *info == none && entry.info(Level::Triggers) == none {
                return failed(error::ERROR_INVALID_PARAMETER);
            }
            entry.set(info);
            Ok(())
        })
    }

    fn query_config(&self, service: &Service) -> Called<QueriedConfig> {
        let call = Call::QueryConfig {
            name: service.name.clone(),
        };
        self.on(service, access::SERVICE_QUERY_CONFIG, call, |entry| {
            Ok(entry.config.clone())
        })
    }

    fn query_config2(&self, service: &Service, level: Level) -> Called<Info> {
        let unsupported = self.lock().unsupported.contains(&level);
        let call = Call::QueryConfig2 {
            name: service.name.clone(),
            level,
        };
        self.on(service, access::SERVICE_QUERY_CONFIG, call, |entry| {
            if unsupported {
                return failed(error::ERROR_INVALID_LEVEL);
            }
            Ok(entry.info(level))
        })
    }

    fn query_status(&self, service: &Service) -> Called<ServiceStatus> {
        let call = Call::QueryStatus {
            name: service.name.clone(),
        };
        self.on(service, access::SERVICE_QUERY_STATUS, call, |entry| {
            Ok(entry.status)
        })
    }

    fn enumerate(&self, manager: &Manager) -> Called<Vec<Listed>> {
        let mut memory = self.lock();
        memory.call(Call::Enumerate)?;
        manager.may(access::SC_MANAGER_ENUMERATE_SERVICE)?;
        Ok(memory.services.iter().map(listed).collect())
    }

    fn enumerate_dependents(&self, service: &Service, which: Dependents) -> Called<Vec<Listed>> {
        let mut memory = self.lock();
        memory.call(Call::EnumerateDependents {
            name: service.name.clone(),
            which,
        })?;
        service.may(access::SERVICE_ENUMERATE_DEPENDENTS)?;
        let dependents = memory.dependents(&service.name).into_iter();
        let wanted = dependents
            .filter(|it| which == Dependents::All || it.status.state != ScmState::Stopped);
        let without_process = |entry: &Entry| {
            let mut found = listed(entry);
            found.status.pid = None;
            found
        };
        Ok(wanted.map(without_process).collect())
    }

    fn control(&self, service: &Service, control: u32) -> Called<()> {
        let mut memory = self.lock();
        memory.call(Call::Control {
            name: service.name.clone(),
            control,
        })?;
        service.may(match control {
            1 => access::SERVICE_STOP,
            2 | 3 | 6 => access::SERVICE_PAUSE_CONTINUE,
            4 => access::SERVICE_INTERROGATE,
            _ => access::SERVICE_USER_DEFINED_CONTROL,
        })?;
        memory.control(&service.name, control)?;
        self.0.changed.notify_all();
        Ok(())
    }

    fn start(&self, service: &Service, arguments: &[String]) -> Called<()> {
        let mut memory = self.lock();
        memory.call(Call::Start {
            name: service.name.clone(),
            arguments: arguments.to_vec(),
        })?;
        service.may(access::SERVICE_START)?;
        memory.start(&service.name)?;
        self.0.changed.notify_all();
        Ok(())
    }

    fn delete(&self, service: &Service) -> Called<()> {
        let call = Call::Delete {
            name: service.name.clone(),
        };
        self.on(service, access::DELETE, call, |entry| {
            if std::mem::replace(&mut entry.deleted, true) {
                return failed(error::ERROR_SERVICE_MARKED_FOR_DELETE);
            }
            Ok(())
        })?;
        self.0.changed.notify_all();
        Ok(())
    }

    fn wait_status_change(&self, service: &Service, at_most: Duration) -> Called<Notified> {
        let until = Instant::now().checked_add(at_most);
        let mut memory = self.lock();
        memory.call(Call::WaitStatusChange {
            name: service.name.clone(),
        })?;
        service.may(access::SERVICE_QUERY_STATUS)?;
        loop {
            let entry = memory.entry(&service.name)?;
            if entry.deleted {
                // As documented: told once, and refused from then on.
                return if service.told_of_deletion.replace(true) {
                    failed(error::ERROR_SERVICE_MARKED_FOR_DELETE)
                } else {
                    Ok(Notified::DeletePending)
                };
            }
            if service.seen.get() == Some(entry.version)
                && let Some(next) = entry.coming.pop_front()
            {
                entry.report(next);
            }
            if service.seen.replace(Some(entry.version)) != Some(entry.version) {
                return Ok(Notified::Status(entry.status));
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            memory = match left {
                None => self
                    .0
                    .changed
                    .wait(memory)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Ok(Notified::TimedOut),
                Some(left) => {
                    let waited = self.0.changed.wait_timeout(memory, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lookup_account(&self, name: &str) -> Called<Sid> {
        let mut memory = self.lock();
        memory.call(Call::LookupAccount {
            name: name.to_owned(),
        })?;
        let mut accounts = memory.accounts.iter();
        match accounts.find(|it| it.eq_ignore_ascii_case(name)) {
            // The name itself will do for an identifier.
            Some(account) => Ok(Sid(account.clone().into_bytes())),
            None => failed(error::ERROR_NONE_MAPPED),
        }
    }

    fn grant_right(&self, account: &Sid, right: &str) -> Called<()> {
        let account = String::from_utf8_lossy(&account.0).into_owned();
        let mut memory = self.lock();
        memory.call(Call::GrantRight {
            account: account.clone(),
            right: right.to_owned(),
        })?;
        memory.rights.push((account, right.to_owned()));
        Ok(())
    }

    fn lookup_privilege(&self, name: &str) -> Called<()> {
        self.lock().call(Call::LookupPrivilege {
            name: name.to_owned(),
        })?;
        if PRIVILEGES.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            Ok(())
        } else {
            failed(error::ERROR_NO_SUCH_PRIVILEGE)
        }
    }

    fn enable_privilege(&self, name: &str) -> Called<()> {
        self.lock().call(Call::EnablePrivilege {
            name: name.to_owned(),
        })
    }
}

fn listed(entry: &Entry) -> Listed {
    Listed {
        name: entry.name.clone(),
        display_name: entry.config.display_name.clone(),
        status: entry.status,
    }
}
