//! The record of a launcher: what a later Stead needs to end what an earlier one left.
//!
//! One small file for each launcher, locked by Stead and its guardians for as long as one of
//! them lives. The guardian removes it when all is ended.

use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock, inotify};

use super::super::Swept;
use super::{INVOCATION, cgroup, procfs};

/// How long a guardian that still lives may take, and then what was killed, before it is left
/// to the kernel: a process in an uninterruptible wait ends when that does.
const PATIENCE: Duration = Duration::from_secs(10);
const EXTENSION: &str = "run";
/// Of a record that is being written; before it stands the writer's process id.
const DRAFT: &str = "draft";

/// What a record says.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    stead: i32,
    start_time: u64,
    boot: String,
    /// What the `STEAD_INVOCATION` of each of its runs starts with.
    invocation: String,
    cgroup: Option<PathBuf>,
}

/// Writes the record of this process; the descriptor holds its lock.
pub(super) fn create(
    runs: &Path,
    invocation: &str,
    cgroup: Option<&Path>,
) -> io::Result<(PathBuf, OwnedFd)> {
    fs::create_dir_all(runs)?;
    let stead = std::process::id().cast_signed();
    let record = Record {
        stead,
        start_time: procfs::Stat::of(stead).map_or(0, |stat| stat.start_time),
        boot: procfs::boot_id(),
        invocation: invocation.to_owned(),
        cgroup: cgroup.map(Path::to_owned),
    };
    // Under its name only once it is locked and complete: a sweep must not take it for a dead
    // launcher's.
    let draft = runs.join(format!("{invocation}.{stead}.{DRAFT}"));
    let path = runs.join(invocation).with_extension(EXTENSION);
    let mut file = fs::File::create_new(&draft)?;
    let written = flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(io::Error::from)
        .and_then(|()| file.write_all(record.to_text().as_bytes()))
        .and_then(|()| fs::rename(&draft, &path));
    if let Err(error) = written {
        let _ = fs::remove_file(&draft);
        return Err(error);
    }
    Ok((path, file.into()))
}

/// Ends what launchers that are no more left running.
pub(super) fn sweep(runs: &Path, own: &Path) -> Vec<Swept> {
    let mut swept = Vec::new();
    let records = fs::read_dir(runs).into_iter().flatten().flatten();
    for path in records.map(|entry| entry.path()) {
        if is_abandoned_draft(&path) {
            let _ = fs::remove_file(&path);
        }
        if path == own || path.extension().is_none_or(|found| found != EXTENSION) {
            continue;
        }
        if let Err(error) = sweep_one(&path, &mut swept) {
            tracing::warn!(record = %path.display(), %error, "cannot sweep after an earlier Stead");
        }
    }
    swept
}

/// Whether its writer was killed over it.
fn is_abandoned_draft(path: &Path) -> bool {
    let writer = path
        .file_name()
        .and_then(|name| name.to_str()?.strip_suffix(DRAFT)?.strip_suffix('.'))
        .and_then(|name| name.rsplit_once('.')?.1.parse().ok());
    writer.is_some_and(|pid| procfs::Stat::of(pid).is_none_or(|stat| stat.is_zombie()))
}

fn sweep_one(path: &Path, swept: &mut Vec<Swept>) -> io::Result<()> {
    let Ok(file) = fs::File::open(path) else {
        // Its guardian has just removed it.
        return Ok(());
    };
    let text = fs::read_to_string(path).unwrap_or_default();
    let Some(record) = Record::from_text(&text) else {
        return Err(io::Error::other("not a run record"));
    };
    let is_locked = || flock(&file, FlockOperation::NonBlockingLockExclusive).is_err();
    if is_locked() {
        if record.is_of_live_stead() {
            return Ok(());
        }
        wait_for_release(path, is_locked)?;
    }
    if record.boot == procfs::boot_id() {
        record.end(swept);
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Waits until the last holder of the lock is gone: its close is told to those who watch.
fn wait_for_release(path: &Path, is_locked: impl Fn() -> bool) -> io::Result<()> {
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    let closed = inotify::WatchFlags::CLOSE_WRITE | inotify::WatchFlags::DELETE_SELF;
    if inotify::add_watch(&watch, path, closed).is_err() {
        return Ok(());
    }
    let until = Instant::now() + PATIENCE;
    while is_locked() && wait(&watch, PollFlags::IN, until) {
        let mut told = [0; 1024];
        while rustix::io::read(&watch, &mut told).is_ok_and(|read| read > 0) {}
    }
    Ok(())
}

impl Record {
    fn to_text(&self) -> String {
        let text = format!(
            "stead {} {}\nboot {}\ninvocation {}\n",
            self.stead, self.start_time, self.boot, self.invocation
        );
        match &self.cgroup {
            Some(cgroup) => format!("{text}cgroup {}\n", cgroup.display()),
            None => text,
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
        };
        let (stead, start_time) = value("stead")?.split_once(' ')?;
        let invocation = value("invocation").filter(|text| !text.is_empty())?;
        Some(Self {
            stead: stead.parse().ok()?,
            start_time: start_time.parse().ok()?,
            boot: value("boot")?.to_owned(),
            invocation: invocation.to_owned(),
            cgroup: value("cgroup").map(PathBuf::from),
        })
    }

    fn is_of_live_stead(&self) -> bool {
        self.boot == procfs::boot_id()
            && procfs::Stat::of(self.stead)
                .is_some_and(|stat| stat.start_time == self.start_time && !stat.is_zombie())
    }

    fn end(&self, swept: &mut Vec<Swept>) {
        if let Some(cgroup) = &self.cgroup {
            for pid in cgroup::members(cgroup) {
                note(pid, swept);
            }
            cgroup::kill(cgroup);
            let until = Instant::now() + PATIENCE;
            if let Ok(events) = fs::File::open(cgroup.join("cgroup.events")) {
                while cgroup::is_populated(cgroup) && wait(&events, PollFlags::PRI, until) {}
            }
            cgroup::remove(cgroup);
        }
        // Again until none is found: a process may fork while the list is read.
        let until = Instant::now() + PATIENCE;
        loop {
            let bears_mark = |pid: i32| {
                procfs::variable(pid, INVOCATION)
                    .is_some_and(|value| value.starts_with(&self.invocation))
            };
            let mut ending = Vec::new();
            for pid in procfs::all().filter(|pid| bears_mark(*pid)) {
                note(pid, swept);
                let pidfd = procfs::open(pid);
                if procfs::signal_if(pid, &[libc::SIGKILL], || bears_mark(pid)) {
                    ending.extend(pidfd);
                }
            }
            if ending.is_empty() || Instant::now() > until {
                return;
            }
            for pidfd in ending {
                wait(pidfd, PollFlags::IN, until);
            }
        }
    }
}

fn note(pid: i32, swept: &mut Vec<Swept>) {
    let id = pid.cast_unsigned();
    if swept.iter().any(|known| known.pid == id) {
        return;
    }
    if let Some(stat) = procfs::Stat::of(pid).filter(|stat| !stat.is_zombie()) {
        swept.push(Swept {
            pid: id,
            name: stat.name,
        });
    }
}

/// Waits for a descriptor; false when the time is over.
fn wait(descriptor: impl AsFd, flags: PollFlags, until: Instant) -> bool {
    let left = until.saturating_duration_since(Instant::now());
    let Ok(left) = Timespec::try_from(left) else {
        return false;
    };
    let mut polled = [PollFd::new(&descriptor, flags)];
    !matches!(poll(&mut polled, Some(&left)), Ok(0))
}

#[cfg(test)]
mod tests {
    use super::Record;

    #[test]
    fn a_record_is_read_back() {
        for cgroup in [None, Some("/sys/fs/cgroup/a b/stead-7".into())] {
            let record = Record {
                stead: 7,
                start_time: 99,
                boot: "b".into(),
                invocation: "0123".into(),
                cgroup,
            };
            assert_eq!(Record::from_text(&record.to_text()), Some(record));
        }
        assert_eq!(Record::from_text("stead 7 99\nboot b\ninvocation \n"), None);
        assert_eq!(Record::from_text("torn"), None);
    }
}
