//! The calls as Windows answers them.

mod account;
mod buffer;
mod info;
mod notify;

use std::ptr;
use std::time::Duration;

use stead_model::lifecycle::native::ScmState;
use windows_sys::Win32::System::Services::{
    ChangeServiceConfig2W, ChangeServiceConfigW, CloseServiceHandle, ControlService,
    CreateServiceW, DeleteService, ENUM_SERVICE_STATUS_PROCESSW, ENUM_SERVICE_STATUSW,
    EnumDependentServicesW, EnumServicesStatusExW, OpenSCManagerW, OpenServiceW,
    QUERY_SERVICE_CONFIGW, QueryServiceConfig2W, QueryServiceConfigW, QueryServiceStatusEx,
    SC_ENUM_PROCESS_INFO, SC_HANDLE, SC_STATUS_PROCESS_INFO, SERVICE_ACTIVE, SERVICE_STATE_ALL,
    SERVICE_STATUS, SERVICE_STATUS_PROCESS, SERVICE_WIN32, StartServiceW,
};
use windows_sys::core::{BOOL, PCWSTR};

use super::calls::{
    Called, Calls, ConfigChange, Dependents, Info, Level, NewService, Notified, QueriedConfig, Sid,
};
use super::error::Win32Error;
use super::numbers::error::ERROR_INVALID_DATA;
use super::secret::Secret;
use super::status::{Accepted, Listed, ServiceStatus};
use crate::wide;
use buffer::{Sized, multi, sized, text, texts};

/// The service control manager of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

/// A manager that is open.
#[derive(Debug)]
pub struct Manager(Handle);

/// A service that is open. Not for other threads: it is notified on the one that waits.
#[derive(Debug)]
pub struct Service {
    // Before the handle, which it is told to go by: dropped by hand.
    registration: notify::Slot,
    handle: Option<Handle>,
}

#[derive(Debug)]
struct Handle(SC_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and nobody has it any more.
        unsafe { CloseServiceHandle(self.0) };
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Closing is what calls a notification off; after that it can be waited for.
        drop(self.handle.take());
        self.registration.give_up();
    }
}

impl Service {
    fn new(handle: Handle) -> Self {
        Self {
            registration: notify::Slot::default(),
            handle: Some(handle),
        }
    }

    fn raw(&self) -> SC_HANDLE {
        self.handle.as_ref().map_or(ptr::null_mut(), |it| it.0)
    }
}

fn opened(handle: SC_HANDLE) -> Called<Handle> {
    if handle.is_null() {
        return Err(Win32Error::last());
    }
    Ok(Handle(handle))
}

fn check(done: BOOL) -> Called<()> {
    if done == 0 {
        return Err(Win32Error::last());
    }
    Ok(())
}

fn wide(text: &str) -> Vec<u16> {
    wide::with_nul(text.as_ref())
}

/// A text that may be NULL.
struct Optional(Option<Vec<u16>>);

impl Optional {
    fn new(text: Option<&String>) -> Self {
        Self(text.map(|text| wide(text)))
    }

    fn pointer(&self) -> PCWSTR {
        self.0.as_ref().map_or(ptr::null(), Vec::as_ptr)
    }
}

fn password_pointer(password: Option<&Secret>) -> PCWSTR {
    password.map_or(ptr::null(), |it| it.units().as_ptr())
}

impl Calls for System {
    type Manager = Manager;
    type Service = Service;

    fn open_manager(&self, access: u32) -> Called<Manager> {
        // SAFETY: NULL is this machine, and its active database.
        opened(unsafe { OpenSCManagerW(ptr::null(), ptr::null(), access) }).map(Manager)
    }

    fn create_service(&self, manager: &Manager, service: &NewService) -> Called<Service> {
        let name = wide(&service.name);
        let display_name = wide(&service.display_name);
        let image_path = wide(&service.image_path);
        let dependencies = multi(&service.dependencies);
        let account = Optional::new(service.account.as_ref());
        let password = service.password.as_ref().map(Secret::with_nul);
        // SAFETY: the manager is open; all texts outlive the call and end in NUL, the list in two;
        // there is no tag.
        opened(unsafe {
            CreateServiceW(
                manager.0.0,
                name.as_ptr(),
                display_name.as_ptr(),
                service.access,
                service.service_type,
                service.start_type,
                service.error_control,
                image_path.as_ptr(),
                ptr::null(),
                ptr::null_mut(),
                dependencies.as_ptr(),
                account.pointer(),
                password_pointer(password.as_ref()),
            )
        })
        .map(Service::new)
    }

    fn open_service(&self, manager: &Manager, name: &str, access: u32) -> Called<Service> {
        // To the system a name ends at a NUL: it must not be taken for another.
        if name.contains('\0') {
            return Err(Win32Error(super::numbers::error::ERROR_INVALID_NAME));
        }
        let name = wide(name);
        // SAFETY: the manager is open; the name ends in NUL and outlives the call.
        opened(unsafe { OpenServiceW(manager.0.0, name.as_ptr(), access) }).map(Service::new)
    }

    fn change_config(&self, service: &Service, change: &ConfigChange) -> Called<()> {
        let image_path = Optional::new(change.image_path.as_ref());
        let dependencies = Optional(change.dependencies.as_deref().map(multi));
        let account = Optional::new(change.account.as_ref());
        let password = change.password.as_ref().map(Secret::with_nul);
        let display_name = Optional::new(change.display_name.as_ref());
        // SAFETY: the service is open; all texts outlive the call and end in NUL, the list in two,
        // or are NULL; there is no tag.
        check(unsafe {
            ChangeServiceConfigW(
                service.raw(),
                change.service_type,
                change.start_type,
                change.error_control,
                image_path.pointer(),
                ptr::null(),
                ptr::null_mut(),
                dependencies.pointer(),
                account.pointer(),
                password_pointer(password.as_ref()),
                display_name.pointer(),
            )
        })
    }

    fn change_config2(&self, service: &Service, info: &Info) -> Called<()> {
        info::lend(info, |pointer| {
            // SAFETY: the service is open; the structure is the one of its level and lives as long
            // as the call.
            check(unsafe { ChangeServiceConfig2W(service.raw(), info.level() as u32, pointer) })
        })
    }

    fn query_config(&self, service: &Service) -> Called<QueriedConfig> {
        let buffer = sized(|room, bytes, needed| {
            // SAFETY: the service is open; the room is writable and has that many bytes.
            unsafe { QueryServiceConfigW(service.raw(), room.cast(), bytes, needed) }
        })?;
        let found = buffer.first::<QUERY_SERVICE_CONFIGW>()?;
        // SAFETY: the texts are NULL or end in NUL, and are in the buffer.
        Ok(unsafe {
            QueriedConfig {
                service_type: found.dwServiceType,
                start_type: found.dwStartType,
                error_control: found.dwErrorControl,
                image_path: text(found.lpBinaryPathName),
                dependencies: texts(found.lpDependencies),
                account: text(found.lpServiceStartName),
                display_name: text(found.lpDisplayName),
            }
        })
    }

    fn query_config2(&self, service: &Service, level: Level) -> Called<Info> {
        let buffer = sized(|room, bytes, needed| {
            // SAFETY: the service is open; the room is writable and has that many bytes.
            unsafe { QueryServiceConfig2W(service.raw(), level as u32, room, bytes, needed) }
        })?;
        // SAFETY: the system has filled the buffer for that level.
        unsafe { info::read(&buffer, level) }
    }

    fn query_status(&self, service: &Service) -> Called<ServiceStatus> {
        let buffer = sized(|room, bytes, needed| {
            let level = SC_STATUS_PROCESS_INFO;
            // SAFETY: the service is open; the room is writable and has that many bytes.
            unsafe { QueryServiceStatusEx(service.raw(), level, room, bytes, needed) }
        })?;
        status(buffer.first()?)
    }

    fn enumerate(&self, manager: &Manager) -> Called<Vec<Listed>> {
        // With all in one answer none is left out, or told twice, because others come or go.
        let mut count = 0;
        let buffer = sized(|room, bytes, needed| {
            let mut resume = 0;
            // SAFETY: the manager is open; the room is writable and has that many bytes; NULL is
            // every group.
            unsafe {
                EnumServicesStatusExW(
                    manager.0.0,
                    SC_ENUM_PROCESS_INFO,
                    SERVICE_WIN32,
                    SERVICE_STATE_ALL,
                    room,
                    bytes,
                    needed,
                    &raw mut count,
                    &raw mut resume,
                    ptr::null(),
                )
            }
        })?;
        let found = buffer.array::<ENUM_SERVICE_STATUS_PROCESSW>(count)?;
        found
            .iter()
            .map(|it| {
                // SAFETY: the texts end in NUL and are in the buffer.
                let (name, display_name) =
                    unsafe { (text(it.lpServiceName), text(it.lpDisplayName)) };
                Ok(Listed {
                    name,
                    display_name,
                    status: status(&it.ServiceStatusProcess)?,
                })
            })
            .collect()
    }

    fn enumerate_dependents(&self, service: &Service, which: Dependents) -> Called<Vec<Listed>> {
        let state = match which {
            Dependents::Active => SERVICE_ACTIVE,
            Dependents::All => SERVICE_STATE_ALL,
        };
        let mut count = 0;
        let buffer: Sized = sized(|room, bytes, needed| {
            // SAFETY: the service is open; the room is writable and has that many bytes.
            unsafe {
                EnumDependentServicesW(
                    service.raw(),
                    state,
                    room.cast(),
                    bytes,
                    needed,
                    &raw mut count,
                )
            }
        })?;
        let found = buffer.array::<ENUM_SERVICE_STATUSW>(count)?;
        found
            .iter()
            .map(|it| {
                // SAFETY: the texts end in NUL and are in the buffer.
                let (name, display_name) =
                    unsafe { (text(it.lpServiceName), text(it.lpDisplayName)) };
                Ok(Listed {
                    name,
                    display_name,
                    status: status(&without_process(&it.ServiceStatus))?,
                })
            })
            .collect()
    }

    fn control(&self, service: &Service, control: u32) -> Called<()> {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the service is open; the status outlives the call.
        check(unsafe { ControlService(service.raw(), control, &raw mut status) })
    }

    fn start(&self, service: &Service, arguments: &[String]) -> Called<()> {
        let arguments: Vec<_> = arguments.iter().map(|it| wide(it)).collect();
        let pointers: Vec<PCWSTR> = arguments.iter().map(|it| it.as_ptr()).collect();
        let count = u32::try_from(pointers.len()).map_err(|_| Win32Error(ERROR_INVALID_DATA))?;
        let first = if pointers.is_empty() {
            ptr::null()
        } else {
            pointers.as_ptr()
        };
        // SAFETY: the service is open; there are that many texts, which end in NUL and outlive the
        // call.
        check(unsafe { StartServiceW(service.raw(), count, first) })
    }

    fn delete(&self, service: &Service) -> Called<()> {
        // SAFETY: the service is open.
        check(unsafe { DeleteService(service.raw()) })
    }

    fn wait_status_change(&self, service: &Service, at_most: Duration) -> Called<Notified> {
        service.registration.wait(service.raw(), at_most)
    }

    fn lookup_account(&self, name: &str) -> Called<Sid> {
        account::lookup(name)
    }

    fn grant_right(&self, account: &Sid, right: &str) -> Called<()> {
        account::grant(account, right)
    }

    fn lookup_privilege(&self, name: &str) -> Called<()> {
        account::privilege(name).map(|_| ())
    }

    fn enable_privilege(&self, name: &str) -> Called<()> {
        account::enable(name)
    }
}

fn status(found: &SERVICE_STATUS_PROCESS) -> Called<ServiceStatus> {
    Ok(ServiceStatus {
        state: ScmState::from_number(found.dwCurrentState).ok_or(Win32Error(ERROR_INVALID_DATA))?,
        win32_exit: found.dwWin32ExitCode,
        specific_exit: found.dwServiceSpecificExitCode,
        checkpoint: found.dwCheckPoint,
        wait_hint: Duration::from_millis(found.dwWaitHint.into()),
        pid: (found.dwProcessId != 0).then_some(found.dwProcessId),
        accepted: Accepted(found.dwControlsAccepted),
    })
}

fn without_process(found: &SERVICE_STATUS) -> SERVICE_STATUS_PROCESS {
    SERVICE_STATUS_PROCESS {
        dwServiceType: found.dwServiceType,
        dwCurrentState: found.dwCurrentState,
        dwControlsAccepted: found.dwControlsAccepted,
        dwWin32ExitCode: found.dwWin32ExitCode,
        dwServiceSpecificExitCode: found.dwServiceSpecificExitCode,
        dwCheckPoint: found.dwCheckPoint,
        dwWaitHint: found.dwWaitHint,
        dwProcessId: 0,
        dwServiceFlags: 0,
    }
}

#[cfg(test)]
mod tests;
