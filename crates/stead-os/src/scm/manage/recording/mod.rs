//! A service control manager in memory, which keeps every call that was made.
//!
//! It is for tests, here and in the crates above, of what no machine at hand does: it asserts the
//! exact calls and structures, in order, and answers as the documentation has the system answer.
//! It holds to the rights a handle was opened with, keeps a deleted service as long as it is open
//! or runs, and refuses what it would refuse.
//!
//! ```
//! use stead_os::scm::manage::recording::{Call, Recording};
//! use stead_os::scm::manage::{Scm, ServiceConfig};
//!
//! let scm = Scm::new(Recording::new());
//! let command = vec![r"C:\Program Files\Shop\orders.exe".to_owned()];
//! scm.install(&ServiceConfig::new("orders", command))?;
//!
//! let Call::CreateService(created) = &scm.calls().taken()[1] else {
//!     panic!("no service was created");
//! };
//! assert_eq!(created.image_path, r#""C:\Program Files\Shop\orders.exe""#);
//! # Ok::<(), stead_os::scm::manage::ScmError>(())
//! ```

mod answers;
mod memory;
mod privileges;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

pub use answers::{Manager, Service};
use memory::Memory;

use super::calls::{ConfigChange, Dependents, Info, Level, NewService};
use super::status::ServiceStatus;

/// A call that was made, with what it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the documentation's arguments")]
pub enum Call {
    /// `OpenSCManagerW`.
    OpenManager { access: u32 },
    /// `CreateServiceW`.
    CreateService(NewService),
    /// `OpenServiceW`.
    OpenService { name: String, access: u32 },
    /// `ChangeServiceConfigW`.
    ChangeConfig { name: String, change: ConfigChange },
    /// `ChangeServiceConfig2W`.
    ChangeConfig2 { name: String, info: Info },
    /// `QueryServiceConfigW`.
    QueryConfig { name: String },
    /// `QueryServiceConfig2W`.
    QueryConfig2 { name: String, level: Level },
    /// `QueryServiceStatusEx`.
    QueryStatus { name: String },
    /// `EnumServicesStatusExW`.
    Enumerate,
    /// `EnumDependentServicesW`.
    EnumerateDependents { name: String, which: Dependents },
    /// `ControlService`.
    Control { name: String, control: u32 },
    /// `StartServiceW`.
    Start {
        name: String,
        arguments: Vec<String>,
    },
    /// `DeleteService`.
    Delete { name: String },
    /// `NotifyServiceStatusChangeW` and the wait.
    WaitStatusChange { name: String },
    /// `LookupAccountNameW`.
    LookupAccount { name: String },
    /// `LsaAddAccountRights`, for the account that was looked up under that name.
    GrantRight { account: String, right: String },
    /// `LookupPrivilegeValueW`.
    LookupPrivilege { name: String },
    /// `AdjustTokenPrivileges`.
    EnablePrivilege { name: String },
}

/// The manager in memory. Clones are one and the same.
#[derive(Clone, Debug, Default)]
pub struct Recording(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    memory: Mutex<Memory>,
    /// Wakes those who wait for a status.
    changed: Condvar,
}

impl Recording {
    /// A manager without services, for an administrator, on a machine without users.
    pub fn new() -> Self {
        Self::default()
    }

    /// There is a user of that name.
    pub fn add_account(&self, name: &str) {
        self.lock().accounts.push(name.to_owned());
    }

    /// From now on the calls come from somebody who is no administrator.
    pub fn not_elevated(&self) {
        self.lock().not_elevated = true;
    }

    /// From now on these settings are not supported.
    pub fn unsupported(&self, levels: &[Level]) {
        self.lock().unsupported.extend(levels);
    }

    /// The next call for which `is_it` holds fails with this code of `winerror.h`, and does
    /// nothing.
    pub fn fail(&self, code: u32, is_it: impl Fn(&Call) -> bool + Send + 'static) {
        self.lock().failures.push((code, Box::new(is_it)));
    }

    /// What a service goes through when it is next told this control, or is started: the first at
    /// once, the next whenever somebody waits for a change. Without, it is there at once.
    pub fn script(&self, name: &str, cause: Cause, steps: Vec<ServiceStatus>) {
        let mut memory = self.lock();
        if let Some(service) = memory.find_mut(name) {
            service.scripts.push((cause, steps.into()));
        }
    }

    /// The service reports this status. Nothing happens if there is no such service.
    pub fn report(&self, name: &str, status: ServiceStatus) {
        let mut memory = self.lock();
        if let Some(service) = memory.find_mut(name) {
            service.report(status);
        }
        memory.sweep();
        drop(memory);
        self.0.changed.notify_all();
    }

    /// The calls made so far, in order.
    pub fn made(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// The calls made so far, in order, which are forgotten.
    pub fn taken(&self) -> Vec<Call> {
        std::mem::take(&mut self.lock().calls)
    }

    /// The rights that were granted: account and right.
    pub fn rights(&self) -> Vec<(String, String)> {
        self.lock().rights.clone()
    }

    /// Whether a service of that name is there, marked for deletion or not.
    pub fn has(&self, name: &str) -> bool {
        self.lock().find(name).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        // The memory is changed by whole steps: one that panicked leaves it as it was.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a [script](Recording::script) is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A start.
    Start,
    /// A control, by its number.
    Control(u32),
}
