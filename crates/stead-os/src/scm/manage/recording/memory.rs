//! What the manager in memory knows.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::time::Duration;

use stead_model::lifecycle::native::{SCM_NEVER_STARTED, ScmState};

use super::super::calls::{
    Called, ConfigChange, FailureActions, Info, Level, NewService, QueriedConfig,
};
use super::super::error::Win32Error;
use super::super::numbers::{CONTROL_STOP, INFINITE, NO_CHANGE, error};
use super::super::status::{Accepted, ServiceStatus};
use super::{Call, Cause};

type IsIt = Box<dyn Fn(&Call) -> bool + Send>;

#[derive(Default)]
pub(super) struct Memory {
    pub(super) services: Vec<Entry>,
    pub(super) calls: Vec<Call>,
    pub(super) failures: Vec<(u32, IsIt)>,
    pub(super) accounts: Vec<String>,
    pub(super) rights: Vec<(String, String)>,
    pub(super) unsupported: HashSet<Level>,
    pub(super) not_elevated: bool,
    started: u32,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("services", &self.services)
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) config: QueriedConfig,
    pub(super) infos: Vec<Info>,
    pub(super) status: ServiceStatus,
    /// Rises with each report.
    pub(super) version: u64,
    pub(super) scripts: Vec<(Cause, VecDeque<ServiceStatus>)>,
    /// What it reports while others wait.
    pub(super) coming: VecDeque<ServiceStatus>,
    pub(super) open: usize,
    pub(super) deleted: bool,
}

pub(super) fn failed<T>(code: u32) -> Called<T> {
    Err(Win32Error(code))
}

impl Memory {
    /// Writes the call down, and fails it if that was asked for.
    pub(super) fn call(&mut self, call: Call) -> Called<()> {
        let failing = self.failures.iter().position(|(_, is_it)| is_it(&call));
        self.calls.push(call);
        match failing {
            Some(index) => failed(self.failures.remove(index).0),
            None => Ok(()),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        let mut services = self.services.iter();
        services.find(|it| it.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn find_mut(&mut self, name: &str) -> Option<&mut Entry> {
        let mut services = self.services.iter_mut();
        services.find(|it| it.name.eq_ignore_ascii_case(name))
    }

    /// The service that is open under that name, which keeps it.
    pub(super) fn entry(&mut self, name: &str) -> Called<&mut Entry> {
        self.find_mut(name)
            .ok_or(Win32Error(error::ERROR_INVALID_HANDLE))
    }

    /// Lets go of what was deleted, has stopped and is open nowhere.
    pub(super) fn sweep(&mut self) {
        self.services
            .retain(|it| !it.deleted || it.open > 0 || it.status.state != ScmState::Stopped);
    }

    pub(super) fn create(&mut self, new: &NewService) -> Called<()> {
        if let Some(there) = self.find(&new.name) {
            return failed(if there.deleted {
                error::ERROR_SERVICE_MARKED_FOR_DELETE
            } else {
                error::ERROR_SERVICE_EXISTS
            });
        }
        let taken = |it: &Entry| {
            let names = [&it.name, &it.config.display_name];
            names
                .into_iter()
                .any(|name| name.eq_ignore_ascii_case(&new.display_name))
        };
        if self.services.iter().any(taken) {
            return failed(error::ERROR_DUPLICATE_SERVICE_NAME);
        }
        self.services.push(Entry {
            name: new.name.clone(),
            config: QueriedConfig {
                service_type: new.service_type,
                start_type: new.start_type,
                error_control: new.error_control,
                image_path: new.image_path.clone(),
                dependencies: new.dependencies.clone(),
                account: new.account.clone().unwrap_or("LocalSystem".to_owned()),
                display_name: new.display_name.clone(),
            },
            infos: Vec::new(),
            status: never_started(),
            version: 0,
            scripts: Vec::new(),
            coming: VecDeque::new(),
            open: 1,
            deleted: false,
        });
        Ok(())
    }

    /// Those that depend on a service, those that depend on others of them first.
    pub(super) fn dependents(&self, name: &str) -> Vec<&Entry> {
        let mut found: Vec<&Entry> = Vec::new();
        let mut names = vec![name];
        while let Some(name) = names.pop() {
            for entry in &self.services {
                let depends = entry
                    .config
                    .dependencies
                    .iter()
                    .any(|it| it.eq_ignore_ascii_case(name));
                if depends {
                    found.retain(|it| it.name != entry.name);
                    found.push(entry);
                    names.push(&entry.name);
                }
            }
        }
        found.reverse();
        found
    }

    pub(super) fn start(&mut self, name: &str) -> Called<()> {
        let entry = self.entry(name)?;
        if entry.deleted {
            return failed(error::ERROR_SERVICE_MARKED_FOR_DELETE);
        }
        if entry.status.state != ScmState::Stopped {
            return failed(error::ERROR_SERVICE_ALREADY_RUNNING);
        }
        if entry.config.start_type == super::super::numbers::DISABLED {
            return failed(error::ERROR_SERVICE_DISABLED);
        }
        self.started += 1;
        let pid = 1000 + 4 * self.started;
        let running = ServiceStatus {
            win32_exit: 0,
            pid: Some(pid),
            accepted: Accepted::STOP | Accepted::PAUSE_CONTINUE | Accepted::PARAM_CHANGE,
            ..plain(ScmState::Running)
        };
        self.entry(name)?.goes_through(Cause::Start, running);
        Ok(())
    }

    pub(super) fn control(&mut self, name: &str, control: u32) -> Called<()> {
        let mut dependents = self.dependents(name).into_iter();
        if control == CONTROL_STOP && dependents.any(|it| it.status.state != ScmState::Stopped) {
            return failed(error::ERROR_DEPENDENT_SERVICES_RUNNING);
        }
        let entry = self.entry(name)?;
        let status = entry.status;
        match status.state {
            ScmState::Stopped => return failed(error::ERROR_SERVICE_NOT_ACTIVE),
            ScmState::StartPending | ScmState::StopPending => {
                return failed(error::ERROR_SERVICE_CANNOT_ACCEPT_CTRL);
            }
            _ => {}
        }
        let (needed, to) = match control {
            CONTROL_STOP => {
                let stopped = plain(ScmState::Stopped);
                (Accepted::STOP, stopped)
            }
            2 | 3 => {
                let state = [ScmState::Paused, ScmState::Running][control as usize - 2];
                (Accepted::PAUSE_CONTINUE, ServiceStatus { state, ..status })
            }
            6 => (Accepted::PARAM_CHANGE, status),
            4 | 128..=255 => (Accepted(0), status),
            _ => return failed(error::ERROR_INVALID_PARAMETER),
        };
        if !status.accepted.contains(needed) {
            return failed(error::ERROR_INVALID_SERVICE_CONTROL);
        }
        entry.goes_through(Cause::Control(control), to);
        Ok(())
    }
}

impl Entry {
    pub(super) fn report(&mut self, status: ServiceStatus) {
        self.status = status;
        self.version += 1;
    }

    fn goes_through(&mut self, cause: Cause, otherwise: ServiceStatus) {
        let script = self.scripts.iter().position(|(it, _)| *it == cause);
        let mut steps = match script {
            Some(index) => self.scripts.remove(index).1,
            None => VecDeque::from([otherwise]),
        };
        if let Some(first) = steps.pop_front() {
            self.report(first);
        }
        self.coming = steps;
    }

    pub(super) fn change(&mut self, change: &ConfigChange) {
        let config = &mut self.config;
        for (number, to) in [
            (&mut config.service_type, change.service_type),
            (&mut config.start_type, change.start_type),
            (&mut config.error_control, change.error_control),
        ] {
            if to != NO_CHANGE {
                *number = to;
            }
        }
        for (text, to) in [
            (&mut config.image_path, &change.image_path),
            (&mut config.account, &change.account),
            (&mut config.display_name, &change.display_name),
        ] {
            if let Some(to) = to {
                text.clone_from(to);
            }
        }
        if let Some(to) = &change.dependencies {
            config.dependencies.clone_from(to);
        }
    }

    pub(super) fn set(&mut self, info: &Info) {
        let mut info = info.clone();
        if let Info::FailureActions(new) = &mut info
            && let Info::FailureActions(old) = self.info(Level::FailureActions)
        {
            // NULL keeps what is there.
            new.command = new.command.take().or(old.command);
            new.reboot_message = new.reboot_message.take().or(old.reboot_message);
        }
        self.infos.retain(|it| it.level() != info.level());
        self.infos.push(info);
    }

    pub(super) fn info(&self, level: Level) -> Info {
        let set = self.infos.iter().find(|it| it.level() == level);
        set.cloned().unwrap_or_else(|| match level {
            Level::Description => Info::Description(String::new()),
            Level::FailureActions => Info::FailureActions(FailureActions {
                reset_period: INFINITE,
                reboot_message: None,
                command: None,
                actions: Vec::new(),
            }),
            Level::DelayedAutoStart => Info::DelayedAutoStart(false),
            Level::FailureActionsFlag => Info::FailureActionsFlag(false),
            Level::Sid => Info::Sid(0),
            Level::RequiredPrivileges => Info::RequiredPrivileges(Vec::new()),
            Level::PreshutdownTimeout => Info::PreshutdownTimeout(10_000),
            Level::Triggers => Info::Triggers(Vec::new()),
        })
    }
}

fn plain(state: ScmState) -> ServiceStatus {
    ServiceStatus {
        state,
        win32_exit: 0,
        specific_exit: 0,
        checkpoint: 0,
        wait_hint: Duration::ZERO,
        pid: None,
        accepted: Accepted(0),
    }
}

fn never_started() -> ServiceStatus {
    ServiceStatus {
        win32_exit: SCM_NEVER_STARTED,
        ..plain(ScmState::Stopped)
    }
}
