//! The file tree that machines boot from: made once for a target folder, and only read after that.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is in the tree besides Debian's smallest.
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "dbus-user-session",
    "libpam-systemd",
    "procps",
    // Programs to run as services: one that notifies, one whose compiler writes code as it runs.
    "redis-server",
    "nodejs",
    "python3-minimal",
];

const PREPARE: &str = include_str!("prepare.sh");

/// Where machines are kept, and the folder below that is their tree.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) store: PathBuf,
    pub(super) name: String,
}

/// The tree, which is made first if it is not there. Other test processes wait for that.
pub(super) fn tree() -> Tree {
    assert!(
        is_root(),
        "a machine is booted from a tree of Debian's, in namespaces of its own: that takes root\n\
         hint: run the tests as root, in a container or a virtual machine of your own"
    );
    let store = store();
    fs::create_dir_all(store.join("view")).expect("the target folder is writable");
    let lock = File::create(store.join("lock")).expect("the target folder is writable");
    lock.lock().expect("the lock is a plain file's");

    let suite = suite();
    let mut recipe = DefaultHasher::new();
    (&suite, PACKAGES, PREPARE).hash(&mut recipe);
    let name = format!("root-{:016x}", recipe.finish());
    let root = store.join(&name);
    if !root.exists() {
        // Under another name until it is whole: whoever is killed meanwhile leaves no half tree.
        let unfinished = store.join("unfinished");
        remove(&unfinished);
        make(&unfinished, &suite);
        fs::rename(&unfinished, &root).expect("both are in the store");
    }
    Tree { store, name }
}

/// `machine` in the target folder, where a test is `PROFILE/deps/TEST`.
fn store() -> PathBuf {
    let program = std::env::current_exe().expect("Linux knows the test's own path");
    program
        .ancestors()
        .nth(3)
        .expect("cargo runs tests from its target folder")
        .join("machine")
}

fn make(root: &Path, suite: &str) {
    let mirror = mirror(suite).unwrap_or_else(|| {
        // A machine whose package lists were cleared away knows its sources only by their names.
        run(Command::new("apt-get").args(["-q", "update"]));
        mirror(suite).unwrap_or_else(|| {
            panic!("apt has no source for Debian's {suite}, of which machines are made")
        })
    });
    // In mounts of its own: debootstrap mounts in the tree, and may be killed before it unmounts.
    run(Command::new("unshare")
        .args(["--mount", "--propagation", "private", "debootstrap"])
        .arg("--variant=minbase")
        .arg(format!("--include={}", PACKAGES.join(",")))
        .arg(suite)
        .arg(root)
        .arg(mirror)
        .env("DEBIAN_FRONTEND", "noninteractive"));
    run(Command::new("sh")
        .args(["-c", PREPARE, "prepare"])
        .arg(root));
}

/// The release of this very system: what was built here then finds the same libraries there.
fn suite() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .map(|name| name.trim_matches('"').to_owned())
        .expect("/etc/os-release names the release: machines are made on Debian alone")
}

/// Where apt takes the release from.
fn mirror(suite: &str) -> Option<String> {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format"])
        .arg("$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)")
        .arg("Created-By: Packages")
        .output()
        .expect("apt-get is there: machines are made on Debian alone");
    let wanted = format!("Debian {suite} main ");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix(&wanted))
        .map(str::to_owned)
}

/// Runs a command to its end, quietly unless it fails.
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        panic!("cannot run {command:?}: {error}\nhint: cargo xtask test installs it")
    });
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            panic!("cannot remove {}: {error}", folder.display())
        }
        _ => {}
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}
