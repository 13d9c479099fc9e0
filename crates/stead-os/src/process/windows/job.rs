//! One Job Object: the bounds of a process tree.

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};
use std::ptr;
use std::time::Duration;

use windows_sys::Win32::Foundation::{ERROR_MORE_DATA, HANDLE, WAIT_TIMEOUT};
use windows_sys::Win32::System::JobObjects::{
    CreateJobObjectW, IsProcessInJob, JOB_OBJECT_CPU_RATE_CONTROL_ENABLE,
    JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP, JOB_OBJECT_LIMIT_ACTIVE_PROCESS,
    JOB_OBJECT_LIMIT_JOB_MEMORY, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_ASSOCIATE_COMPLETION_PORT, JOBOBJECT_BASIC_ACCOUNTING_INFORMATION,
    JOBOBJECT_CPU_RATE_CONTROL_INFORMATION, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JOBOBJECTINFOCLASS, JobObjectAssociateCompletionPortInformation,
    JobObjectBasicAccountingInformation, JobObjectBasicProcessIdList,
    JobObjectCpuRateControlInformation, JobObjectExtendedLimitInformation,
    QueryInformationJobObject, SetInformationJobObject, TerminateJobObject,
};
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{
    OpenProcess, PROCESS_QUERY_INFORMATION, PROCESS_SYNCHRONIZE, WaitForSingleObject,
};

use crate::process::{LimitNotEnforced, Limits, Usage};

/// The whole machine's processors in the unit of a job's CPU rate.
const FULL_CPU_RATE: f64 = 10_000.0;

pub(super) struct Job(OwnedHandle);

impl Job {
    /// Creates a job that ends with its handle, and says which limits it does not enforce.
    pub(super) fn create(limits: &Limits) -> io::Result<(Self, Vec<LimitNotEnforced>)> {
        // SAFETY: no security attributes (the handle is not inherited) and no name are valid.
        let handle = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call above returned this handle, and nothing else owns it.
        let job = Self(unsafe { OwnedHandle::from_raw_handle(handle) });

        // No JOB_OBJECT_LIMIT_BREAKAWAY_OK: nothing leaves.
        let mut extended = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        extended.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        job.set(JobObjectExtendedLimitInformation, &extended)?;
        let not_enforced = job.limit(limits, extended);
        Ok((job, not_enforced))
    }

    fn limit(
        &self,
        limits: &Limits,
        mut extended: JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    ) -> Vec<LimitNotEnforced> {
        let mut refused = Vec::new();
        let mut refuse = |limit, reason| refused.push(LimitNotEnforced { limit, reason });

        if let Some(bytes) = limits.memory {
            let before = extended;
            extended.JobMemoryLimit = usize::try_from(bytes).unwrap_or(usize::MAX);
            extended.BasicLimitInformation.LimitFlags |= JOB_OBJECT_LIMIT_JOB_MEMORY;
            if let Err(error) = self.set(JobObjectExtendedLimitInformation, &extended) {
                extended = before;
                refuse("memory", error.to_string());
            }
        }
        if let Some(tasks) = limits.tasks {
            extended.BasicLimitInformation.ActiveProcessLimit =
                u32::try_from(tasks).unwrap_or(u32::MAX);
            extended.BasicLimitInformation.LimitFlags |= JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
            if let Err(error) = self.set(JobObjectExtendedLimitInformation, &extended) {
                refuse("tasks", error.to_string());
            }
        }
        if let Some(cpu) = limits.cpu {
            let mut rate = JOBOBJECT_CPU_RATE_CONTROL_INFORMATION {
                ControlFlags: JOB_OBJECT_CPU_RATE_CONTROL_ENABLE
                    | JOB_OBJECT_CPU_RATE_CONTROL_HARD_CAP,
                ..Default::default()
            };
            rate.Anonymous.CpuRate = cpu_rate(cpu, processors());
            if let Err(error) = self.set(JobObjectCpuRateControlInformation, &rate) {
                refuse("cpu", error.to_string());
            }
        }
        if limits.open_files.is_some() {
            refuse("open_files", "Windows has no such limit".to_owned());
        }
        refused
    }

    /// Has the job report to a completion port under `key`.
    pub(super) fn report_to(&self, port: &OwnedHandle, key: usize) -> io::Result<()> {
        self.set(
            JobObjectAssociateCompletionPortInformation,
            &JOBOBJECT_ASSOCIATE_COMPLETION_PORT {
                // The system takes it for a number and gives it back with each report.
                CompletionKey: ptr::without_provenance_mut(key),
                CompletionPort: port.as_raw_handle(),
            },
        )
    }

    /// The handle, for the attribute list of a process to be created in the job.
    pub(super) fn raw(&self) -> HANDLE {
        self.0.as_raw_handle()
    }

    /// Ends every process of the job with this exit code.
    pub(super) fn terminate(&self, code: u32) -> io::Result<()> {
        // SAFETY: the handle is open.
        check(unsafe { TerminateJobObject(self.raw(), code) })
    }

    /// How many processes of it live.
    pub(super) fn active(&self) -> io::Result<u32> {
        Ok(self.accounting()?.ActiveProcesses)
    }

    /// The ids of its processes, as of now.
    pub(super) fn pids(&self) -> io::Result<Vec<u32>> {
        let mut room = 64;
        loop {
            // JOBOBJECT_BASIC_PROCESS_ID_LIST: two 32-bit counts, then pointer-sized ids.
            let mut list = vec![0_usize; 1 + room];
            let bytes = u32::try_from(size_of_val(list.as_slice())).unwrap_or(u32::MAX);
            // SAFETY: `list` is writable, aligned for the structure, and `bytes` long.
            let done = unsafe {
                QueryInformationJobObject(
                    self.raw(),
                    JobObjectBasicProcessIdList,
                    list.as_mut_ptr().cast(),
                    bytes,
                    ptr::null_mut(),
                )
            };
            if done == 0 {
                let error = io::Error::last_os_error();
                if error.raw_os_error() != Some(ERROR_MORE_DATA.cast_signed()) {
                    return Err(error);
                }
                room *= 2;
                continue;
            }
            // The counts share the first word: assigned, then listed.
            let [_, _, _, _, listed @ ..] = list[0].to_le_bytes();
            let listed = usize::try_from(u32::from_le_bytes(listed)).unwrap_or(0);
            let ids = list[1..].iter().take(listed);
            return Ok(ids.filter_map(|id| u32::try_from(*id).ok()).collect());
        }
    }

    /// Opens a process if it is one of the job's and runs. While the handle is open, its id names no
    /// other process.
    pub(super) fn open_member(&self, pid: u32) -> Option<OwnedHandle> {
        let access = PROCESS_QUERY_INFORMATION | PROCESS_SYNCHRONIZE;
        // SAFETY: any id may be asked for; the system refuses those that are none.
        let handle = unsafe { OpenProcess(access, 0, pid) };
        if handle.is_null() {
            return None;
        }
        // SAFETY: the call above returned this handle, and nothing else owns it.
        let process = unsafe { OwnedHandle::from_raw_handle(handle) };
        let mut member = 0;
        // SAFETY: both handles are open, and `member` outlives the call.
        let asked = unsafe { IsProcessInJob(handle, self.raw(), &raw mut member) };
        // SAFETY: the handle is open; this only looks.
        let runs = unsafe { WaitForSingleObject(handle, 0) } == WAIT_TIMEOUT;
        (asked != 0 && member != 0 && runs).then_some(process)
    }

    pub(super) fn usage(&self) -> Usage {
        let accounting = self.accounting().unwrap_or_default();
        // In units of 100 ns.
        let time = accounting
            .TotalUserTime
            .saturating_add(accounting.TotalKernelTime);
        let members = self.pids().unwrap_or_default();
        Usage {
            memory: members
                .into_iter()
                .filter_map(|pid| self.open_member(pid))
                .map(|process| resident(&process))
                .sum(),
            cpu: Duration::from_nanos(u64::try_from(time).unwrap_or(0).saturating_mul(100)),
            processes: accounting.ActiveProcesses,
        }
    }

    fn accounting(&self) -> io::Result<JOBOBJECT_BASIC_ACCOUNTING_INFORMATION> {
        let mut accounting = JOBOBJECT_BASIC_ACCOUNTING_INFORMATION::default();
        // SAFETY: the class's own structure, writable and of the given size.
        check(unsafe {
            QueryInformationJobObject(
                self.raw(),
                JobObjectBasicAccountingInformation,
                (&raw mut accounting).cast(),
                size::<JOBOBJECT_BASIC_ACCOUNTING_INFORMATION>(),
                ptr::null_mut(),
            )
        })?;
        Ok(accounting)
    }

    /// `information` must be the structure of `class`; each caller in this file passes it.
    fn set<T>(&self, class: JOBOBJECTINFOCLASS, information: &T) -> io::Result<()> {
        // SAFETY: the class's own structure, readable and of the given size.
        check(unsafe {
            SetInformationJobObject(
                self.raw(),
                class,
                ptr::from_ref(information).cast(),
                size::<T>(),
            )
        })
    }
}

/// The share of the machine's processors in hundredths of a percent: 1 to 10,000.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range before the cast"
)]
fn cpu_rate(cpu: f64, processors: usize) -> u32 {
    let processors = f64::from(u32::try_from(processors).unwrap_or(u32::MAX));
    (cpu / processors * FULL_CPU_RATE)
        .round()
        .clamp(1.0, FULL_CPU_RATE) as u32
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn resident(process: &OwnedHandle) -> u64 {
    let mut counters = PROCESS_MEMORY_COUNTERS::default();
    // SAFETY: the handle is open, and the structure is writable and of the given size.
    let known = unsafe {
        K32GetProcessMemoryInfo(
            process.as_raw_handle(),
            &raw mut counters,
            size::<PROCESS_MEMORY_COUNTERS>(),
        )
    };
    if known == 0 {
        return 0;
    }
    u64::try_from(counters.WorkingSetSize).unwrap_or(u64::MAX)
}

fn size<T>() -> u32 {
    // Windows' structures are far smaller than 4 GiB.
    u32::try_from(size_of::<T>()).unwrap_or(u32::MAX)
}

/// Windows says "done" by anything but zero.
pub(super) fn check(done: windows_sys::core::BOOL) -> io::Result<()> {
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::cpu_rate;

    #[test]
    fn cpu_rates_are_shares_of_the_machine() {
        for (cpu, processors, rate) in [
            (1.0, 1, 10_000),
            (1.5, 4, 3_750),
            (0.5, 8, 625),
            (16.0, 4, 10_000),
            (0.000_01, 64, 1),
        ] {
            assert_eq!(cpu_rate(cpu, processors), rate, "{cpu} of {processors}");
        }
    }
}
