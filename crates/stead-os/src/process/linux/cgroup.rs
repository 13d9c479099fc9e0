//! Control groups, version 2: one for each run below one for each launcher.
//!
//! Documentation: the kernel's `Documentation/admin-guide/cgroup-v2.rst`.

use std::fs;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, Mode, OFlags};

use super::{child, procfs};

/// The cgroup of a launcher, which holds those of its runs.
#[derive(Debug)]
pub(super) struct Hierarchy {
    /// The cgroup this process is in.
    base: PathBuf,
    own: PathBuf,
}

impl Hierarchy {
    /// A cgroup to be below this process's own, if there is a version 2 tree it may write.
    pub(super) fn plan(name: &str) -> Option<Self> {
        if !child::can_be_born_in_a_cgroup() {
            return None;
        }
        let base = own_cgroup()?;
        rustix::fs::access(base.join("cgroup.procs"), Access::WRITE_OK).ok()?;
        let own = base.join(name);
        Some(Self { base, own })
    }

    /// Makes it; `None` if this system cannot hold trees in it.
    pub(super) fn create(self) -> Option<Self> {
        fs::create_dir(&self.own).ok()?;
        // Since Linux 5.14; older ones could not end a tree that keeps forking.
        if self.own.join("cgroup.kill").exists() {
            return Some(self);
        }
        remove(&self.own);
        None
    }

    pub(super) fn path(&self) -> &Path {
        &self.own
    }

    /// Makes the cgroup of a run.
    pub(super) fn add(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.own.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// Makes a controller available to runs, or says why it is not.
    pub(super) fn enable(&self, controller: &str) -> Result<(), String> {
        for folder in [&self.base, &self.own] {
            if !lists(&folder.join("cgroup.controllers"), controller) {
                return Err(format!(
                    "the cgroup controller `{controller}` is not delegated to {}",
                    folder.display()
                ));
            }
            let enabled = folder.join("cgroup.subtree_control");
            if lists(&enabled, controller) {
                continue;
            }
            let wanted = format!("+{controller}");
            let mut result = write(&enabled, &wanted);
            // A cgroup with processes cannot hand controllers down: where the whole of it was
            // delegated to this process, it may make itself a leaf and step into it.
            if is(&result, rustix::io::Errno::BUSY) && *folder == self.base && self.step_aside() {
                result = write(&enabled, &wanted);
            }
            result.map_err(|error| {
                format!(
                    "the cgroup controller `{controller}` cannot be enabled in {}: {error}",
                    folder.display()
                )
            })?;
        }
        Ok(())
    }

    /// Moves the processes of a delegated base into a leaf of it, if there are none but this
    /// one and its guardian.
    fn step_aside(&self) -> bool {
        let delegated = ["user.delegate", "trusted.delegate"].iter().any(|name| {
            let mut value = [0_u8; 1];
            rustix::fs::getxattr(&self.base, *name, &mut value) == Ok(1) && value == *b"1"
        });
        let own = std::process::id().cast_signed();
        let members = members(&self.base);
        if !delegated || !members.iter().all(|pid| procfs::is_below(*pid, own)) {
            return false;
        }
        let leaf = self.base.join("stead");
        (leaf.is_dir() || fs::create_dir(&leaf).is_ok())
            && members
                .iter()
                .all(|pid| write(&leaf.join("cgroup.procs"), &pid.to_string()).is_ok())
    }
}

/// Opens a cgroup's folder for a start inside it.
pub(super) fn open(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Writes one of a cgroup's files.
pub(super) fn set(cgroup: &Path, file: &str, value: &str) -> io::Result<()> {
    write(&cgroup.join(file), value)
}

/// Kills all that is in a cgroup and below it.
pub(super) fn kill(cgroup: &Path) {
    // Fails only when the cgroup is gone, and then nothing is in it.
    let _ = write(&cgroup.join("cgroup.kill"), "1");
}

/// Whether a live process is in a cgroup or below it. A cgroup that is gone has none.
pub(super) fn is_populated(cgroup: &Path) -> bool {
    fs::read_to_string(cgroup.join("cgroup.events"))
        .is_ok_and(|events| events.lines().any(|line| line == "populated 1"))
}

/// The processes of a cgroup and of those below it.
pub(super) fn members(cgroup: &Path) -> Vec<i32> {
    let mut members: Vec<i32> = fs::read_to_string(cgroup.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    for below in folders(cgroup) {
        members.extend(self::members(&below));
    }
    members
}

/// Whether a process is in the cgroup of a run or below it.
pub(super) fn holds(cgroup: &Path, pid: i32) -> bool {
    let Ok(cgroups) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else {
        return false;
    };
    path_in(&cgroups).is_some_and(|path| is_within(cgroup, path))
}

/// Whether a path of `/proc/PID/cgroup` is the folder of a run or below it. The names of the
/// launcher and the run tell: the launcher's is unique. Where the tree is mounted need not be
/// known.
fn is_within(cgroup: &Path, path: &str) -> bool {
    let (Some(run), Some(launcher)) = (
        cgroup.file_name(),
        cgroup.parent().and_then(Path::file_name),
    ) else {
        return false;
    };
    let names = Path::new(launcher).join(run);
    Path::new(path)
        .ancestors()
        .any(|above| above.ends_with(&names))
}

/// Removes a cgroup and those below it. Nothing lives in them any more.
pub(super) fn remove(cgroup: &Path) {
    for below in folders(cgroup) {
        remove(&below);
    }
    // One that cannot be removed is empty and harmless; the next sweep tries again.
    let _ = fs::remove_dir(cgroup);
}

/// A number in one of a cgroup's files: the whole file, or the line that starts with `key`.
pub(super) fn number(cgroup: &Path, file: &str, key: Option<&str>) -> Option<u64> {
    let text = fs::read_to_string(cgroup.join(file)).ok()?;
    match key {
        None => text.trim().parse().ok(),
        Some(key) => text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok()),
    }
}

/// The folder of this process's cgroup.
fn own_cgroup() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let cgroups = fs::read_to_string("/proc/self/cgroup").ok()?;
    locate(&mounts, path_in(&cgroups)?)
}

/// The path in the version 2 tree, from `/proc/PID/cgroup`.
fn path_in(cgroups: &str) -> Option<&str> {
    cgroups.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The folder of a cgroup, by `/proc/self/mountinfo`.
fn locate(mounts: &str, path: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        if right.split(' ').next()? != "cgroup2" {
            return None;
        }
        let mut fields = left.split(' ').skip(3);
        let (root, mount) = (unescape(fields.next()?), unescape(fields.next()?));
        let below = Path::new(path).strip_prefix(&root).ok()?;
        Some(Path::new(&mount).join(below))
    })
}

/// Undoes the octal escapes of mountinfo.
fn unescape(text: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn lists(file: &Path, word: &str) -> bool {
    fs::read_to_string(file)
        .is_ok_and(|text| text.split_ascii_whitespace().any(|listed| listed == word))
}

fn folders(path: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
}

/// Writes without creating: a missing file is an error.
fn write(path: &Path, value: &str) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(value.as_bytes())
}

fn is(result: &io::Result<()>, errno: rustix::io::Errno) -> bool {
    matches!(result, Err(error) if error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Hierarchy, is_within, locate, path_in};

    #[test]
    fn the_folder_is_found_wherever_the_tree_is_mounted() {
        let unified = "30 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        let hybrid = "29 22 0:25 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      31 22 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let container = "40 22 0:26 /docker/ab /sys/fs/cgroup\\040x rw - cgroup2 cgroup rw\n";
        let cases = [
            (
                unified,
                "/user.slice/a b",
                Some("/sys/fs/cgroup/user.slice/a b"),
            ),
            (unified, "/", Some("/sys/fs/cgroup/")),
            (hybrid, "/", Some("/sys/fs/cgroup/unified/")),
            (container, "/docker/ab/c", Some("/sys/fs/cgroup x/c")),
            (container, "/elsewhere", None),
            ("", "/", None),
        ];
        for (mounts, path, expected) in cases {
            let found = locate(mounts, path);
            assert_eq!(found.as_deref(), expected.map(Path::new), "{mounts} {path}");
        }
    }

    #[test]
    fn only_the_line_of_version_2_counts() {
        assert_eq!(path_in("8:pids:/x\n0::/a/b\n"), Some("/a/b"));
        assert_eq!(path_in("8:pids:/x\n"), None);
    }

    #[test]
    fn a_run_holds_what_is_in_it_and_below_it() {
        let run = Path::new("/sys/fs/cgroup/user.slice/stead-7-ab/orders-1");
        for (path, expected) in [
            ("/user.slice/stead-7-ab/orders-1", true),
            ("/stead-7-ab/orders-1/below/it", true),
            ("/stead-7-ab/orders-12", false),
            ("/stead-7-ab", false),
            ("/another/orders-1", false),
            ("/", false),
        ] {
            assert_eq!(is_within(run, path), expected, "{path}");
        }
    }

    /// Folders as the kernel would show them; what is written to them stays to be read.
    fn hierarchy(base: &[&str], own: &[&str]) -> (tempfile::TempDir, Hierarchy) {
        let folder = tempfile::tempdir().unwrap();
        let base_path = folder.path().to_owned();
        let own_path = base_path.join("stead-7-ab");
        fs::create_dir(&own_path).unwrap();
        for (path, controllers) in [(&base_path, base), (&own_path, own)] {
            fs::write(path.join("cgroup.controllers"), controllers.join(" ")).unwrap();
            fs::write(path.join("cgroup.subtree_control"), "").unwrap();
        }
        let hierarchy = Hierarchy {
            base: base_path,
            own: own_path,
        };
        (folder, hierarchy)
    }

    #[test]
    fn a_controller_is_enabled_all_the_way_down_or_named() {
        let (_folder, cgroups) = hierarchy(&["cpu", "memory"], &["memory"]);
        assert_eq!(cgroups.enable("memory"), Ok(()));
        for folder in [&cgroups.base, &cgroups.own] {
            let enabled = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap();
            assert_eq!(enabled, "+memory");
        }
        for (controller, folder) in [("cpu", &cgroups.own), ("pids", &cgroups.base)] {
            let expected = format!(
                "the cgroup controller `{controller}` is not delegated to {}",
                folder.display()
            );
            assert_eq!(cgroups.enable(controller), Err(expected));
        }
    }
}
