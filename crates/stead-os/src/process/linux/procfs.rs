//! What /proc tells of processes.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The facts of `/proc/PID/stat` that matter here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) name: String,
    pub(super) state: u8,
    pub(super) parent: i32,
    pub(super) session: i32,
    /// Processor time of the process and of the children it has waited for, in clock ticks.
    pub(super) ticks: u64,
    /// In clock ticks since boot; with the id it names a process for good.
    pub(super) start_time: u64,
    /// Resident pages.
    pub(super) resident: u64,
}

impl Stat {
    pub(super) fn of(pid: i32) -> Option<Self> {
        let bytes = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    /// The name is in parentheses and may hold anything, parentheses and spaces too.
    fn parse(text: &str) -> Option<Self> {
        let (head, tail) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        // proc(5) counts from one and the state is the third.
        let field = |number: usize| fields.get(number - 3).copied();
        let number = |at: usize| field(at).and_then(|text| text.parse::<u64>().ok());
        Some(Self {
            name: name.to_owned(),
            state: *field(3)?.as_bytes().first()?,
            parent: field(4)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            ticks: (14..=17).filter_map(number).sum(),
            start_time: number(22)?,
            resident: number(24)?,
        })
    }

    pub(super) fn is_zombie(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// The children of a process, zombies included.
pub(super) fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut children = Vec::new();
    for task in tasks.flatten() {
        match fs::read_to_string(task.path().join("children")) {
            Ok(list) => children.extend(
                list.split_ascii_whitespace()
                    .filter_map(|pid| pid.parse::<i32>().ok()),
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound && pid_is_there(pid) => {
                return children_by_scan(pid);
            }
            Err(_) => {}
        }
    }
    children
}

/// For kernels without `CONFIG_PROC_CHILDREN`.
fn children_by_scan(parent: i32) -> Vec<i32> {
    all()
        .filter(|pid| Stat::of(*pid).is_some_and(|stat| stat.parent == parent))
        .collect()
}

fn pid_is_there(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}/stat")).exists()
}

/// Everything below a process.
pub(super) fn descendants(root: i32) -> Vec<i32> {
    let mut found: Vec<i32> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for child in children(parent) {
            // Forking and dying while it is read can show one twice.
            if !found.contains(&child) {
                found.push(child);
                parents.push(child);
            }
        }
    }
    found
}

/// Whether `ancestor` is above `pid`, or is it.
pub(super) fn is_below(pid: i32, ancestor: i32) -> bool {
    /// A chain breaks when a process in the middle of it ends while it is followed.
    const ATTEMPTS: usize = 16;
    (0..ATTEMPTS)
        .find_map(|_| follow_up(pid, ancestor))
        .unwrap_or(false)
}

/// Follows the parents up; `None` if the chain broke.
fn follow_up(pid: i32, ancestor: i32) -> Option<bool> {
    let mut at = pid;
    while at != ancestor {
        match Stat::of(at) {
            Some(stat) if stat.parent > 1 || stat.parent == ancestor => at = stat.parent,
            None if at != pid => return None,
            _ => return Some(false),
        }
    }
    Some(true)
}

/// Every process there is.
pub(super) fn all() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Sends a signal to a process that still meets a condition once no other can have its id.
pub(super) fn signal_if(pid: i32, signals: &[i32], condition: impl FnOnce() -> bool) -> bool {
    let Some(pidfd) = open(pid) else { return false };
    condition()
        && signals.iter().all(|signal| {
            // SAFETY: any number is given to the kernel, which refuses what is no signal.
            let signal = unsafe { Signal::from_raw_unchecked(*signal) };
            pidfd_send_signal(&pidfd, signal).is_ok()
        })
}

/// A descriptor of a process; readable when it has ended.
pub(super) fn open(pid: i32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
}

/// The value of a variable in the environment a process was started with, if it may be read.
pub(super) fn variable(pid: i32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment.split(|byte| *byte == 0).find_map(|entry| {
        entry
            .strip_prefix(name.as_bytes())?
            .strip_prefix(b"=")
            .map(|value| String::from_utf8_lossy(value).into_owned())
    })
}

/// Names this boot of the system.
pub(super) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Stat;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_read() {
        let stat = Stat::parse(
            "812 (a) (b c) S 1 812 810 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 12345 4096 77 1",
        )
        .unwrap();
        assert_eq!(stat.name, "a) (b c");
        assert_eq!((stat.parent, stat.session), (1, 810));
        assert_eq!(
            (stat.ticks, stat.start_time, stat.resident),
            (100, 12345, 77)
        );
    }

    #[test]
    fn this_process_is_below_its_parent() {
        let own = i32::try_from(std::process::id()).unwrap();
        let stat = Stat::of(own).unwrap();
        assert!(super::is_below(own, stat.parent));
        assert!(!super::is_below(stat.parent, own));
    }
}
