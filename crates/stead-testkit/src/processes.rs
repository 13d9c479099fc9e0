//! What runs, read from `/proc` and from nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

/// A process as `/proc` shows it.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// `R`, `S`, `Z`, …: see proc(5).
    pub state: char,
    /// The arguments, separated by spaces.
    pub command: String,
}

/// Every process that can be seen, zombies included.
#[must_use]
pub fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(find)
        .collect()
}

/// The process with this id, if there is one.
#[must_use]
pub fn find(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (state, parent) = state_and_parent(&stat)?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command: Vec<_> = command
        .split(|&byte| byte == 0)
        .filter(|argument| !argument.is_empty())
        .map(String::from_utf8_lossy)
        .collect();
    Some(Process {
        pid,
        parent,
        state,
        command: command.join(" "),
    })
}

/// Whether a process runs: it is there and not a zombie.
#[must_use]
pub fn runs(pid: u32) -> bool {
    find(pid).is_some_and(|process| process.state != 'Z' && process.state != 'X')
}

/// The processes below `pid`, without itself.
#[must_use]
pub fn descendants(pid: u32) -> Vec<Process> {
    let all = all();
    let mut family = BTreeSet::from([pid]);
    loop {
        let before = family.len();
        family.extend(
            all.iter()
                .filter(|process| family.contains(&process.parent))
                .map(|process| process.pid)
                .collect::<Vec<_>>(),
        );
        if family.len() == before {
            break;
        }
    }
    family.remove(&pid);
    all.into_iter()
        .filter(|process| family.contains(&process.pid))
        .collect()
}

/// The running processes that were started with `name=value` in their environment.
#[must_use]
pub fn with_variable(name: &str, value: &str) -> Vec<Process> {
    let wanted = format!("{name}={value}");
    all()
        .into_iter()
        .filter(|process| process.state != 'Z' && process.state != 'X')
        .filter(|process| {
            fs::read(format!("/proc/{}/environ", process.pid)).is_ok_and(|environment| {
                environment
                    .split(|&byte| byte == 0)
                    .any(|variable| variable == wanted.as_bytes())
            })
        })
        .collect()
}

/// Sends a signal by its name without SIG (`"INT"`, `"KILL"`). A process that is gone is no error.
pub fn signal(pid: u32, name: &str) {
    // The shell's own `kill`: no crate but stead-os may name the system call.
    let _gone = Command::new("sh")
        .args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .expect("sh can be run");
}

/// Fields 3 and 4 of `/proc/PID/stat`; the command before them may hold anything.
fn state_and_parent(stat: &str) -> Option<(char, u32)> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some((state, parent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DEADLINE, eventually};

    #[test]
    fn a_name_may_hold_anything() {
        assert_eq!(state_and_parent("12 (a) R (b) S 7 12 12"), Some(('S', 7)));
        assert_eq!(state_and_parent(""), None);
    }

    #[test]
    fn sees_a_child_its_mark_and_its_end() {
        let mark = std::process::id().to_string();
        #[allow(
            clippy::disallowed_methods,
            reason = "the test's own child, waited for below"
        )]
        let mut child = Command::new("sleep")
            .arg("1000")
            .env("STEAD_TESTKIT_SELF", &mark)
            .spawn()
            .unwrap();
        let pid = child.id();
        eventually(DEADLINE, "the child runs sleep", || {
            find(pid).is_some_and(|process| process.command == "sleep 1000")
        });
        assert!(
            descendants(std::process::id())
                .iter()
                .any(|process| process.pid == pid)
        );
        assert_eq!(with_variable("STEAD_TESTKIT_SELF", &mark).len(), 1);
        signal(pid, "TERM");
        child.wait().unwrap();
        assert!(!runs(pid));
        assert_eq!(with_variable("STEAD_TESTKIT_SELF", &mark).len(), 0);
    }
}
