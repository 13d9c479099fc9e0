//! What would go wrong once a service is installed, told before anything is changed.

use std::path::{Path, PathBuf};

/// Something that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What and where.
    pub what: String,
    /// The way out.
    pub hint: Option<String>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

impl Finding {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Programs that write code for themselves while they run, which `strict` forbids.
const WRITES_CODE: &[&str] = &[
    "bun", "deno", "dotnet", "java", "luajit", "mono", "node", "nodejs", "php", "pypy", "pypy3",
];

/// Whether a program is known to compile while it runs.
pub(crate) fn compiles_as_it_runs(program: &Path) -> bool {
    let name = program.file_stem().unwrap_or_default().to_string_lossy();
    WRITES_CODE.contains(&name.as_ref())
}

/// The folder of `roots` that a path lies in, by its own name or by where its links lead.
pub(crate) fn within<'a>(path: &Path, roots: &[&'a str]) -> Option<&'a str> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    roots
        .iter()
        .find(|root| path.starts_with(root) || real.starts_with(root))
        .copied()
}

/// How many links a way may have, as the kernel counts.
const LINKS_MAX: usize = 40;

/// The file, folder or link on the way to `path` that others than root may change, wherever the
/// links on it lead; `None` where only root may. A way that cannot be walked is open.
#[cfg(unix)]
pub(crate) fn changeable(path: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Component;

    /// The bit that lets only owners take files out of a folder all may write.
    const STICKY: u32 = 0o1000;

    let mut links = 0;
    let mut ahead: Vec<PathBuf> = vec![path.to_owned()];
    let mut here = PathBuf::from("/");
    while let Some(way) = ahead.pop() {
        let mut parts = way.components();
        let Some(part) = parts.next() else { continue };
        ahead.push(parts.as_path().to_owned());
        match part {
            Component::RootDir => here = PathBuf::from("/"),
            Component::ParentDir => {
                here.pop();
            }
            Component::Normal(name) => here.push(name),
            Component::CurDir | Component::Prefix(_) => {}
        }
        let Ok(meta) = here.symlink_metadata() else {
            return Some(here);
        };
        if meta.uid() != 0 {
            return Some(here);
        }
        if meta.file_type().is_symlink() {
            links += 1;
            let target = std::fs::read_link(&here)
                .ok()
                .filter(|_| links <= LINKS_MAX);
            let Some(target) = target else {
                return Some(here);
            };
            here.pop();
            ahead.push(target);
        } else if meta.mode() & 0o022 != 0 && !(meta.is_dir() && meta.mode() & STICKY != 0) {
            return Some(here);
        }
    }
    None
}

/// The file or folder on the way to a program that an account without rights cannot pass or run.
#[cfg(unix)]
pub(crate) fn out_of_reach(program: &Path) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;

    let real = program.canonicalize().ok()?;
    let closed = real.ancestors().find(|way| {
        way.metadata().is_ok_and(|meta| {
            let needed = if meta.is_dir() { 0o001 } else { 0o005 };
            meta.permissions().mode() & needed != needed
        })
    });
    closed.map(Path::to_owned)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[allow(
        clippy::unwrap_used,
        reason = "in the helpers of a test as in the test"
    )]
    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_link_is_as_far_away_as_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::write(root.join("real"), "").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let link = elsewhere.path().join("link");
        symlink(root.join("real"), &link).unwrap();
        let roots = [root.to_str().unwrap()];
        assert_eq!(within(&link, &roots), Some(roots[0]));
        assert_eq!(within(Path::new("/usr/bin/env"), &roots), None);
        assert_eq!(within(Path::new("/homestead/x"), &["/home"]), None);
    }

    #[test]
    fn what_the_system_ships_is_roots_own() {
        assert_eq!(changeable(Path::new("/bin/sh")), None);
        assert_eq!(out_of_reach(Path::new("/bin/sh")), None);
    }

    #[test]
    fn what_others_may_write_or_cannot_run_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        mode(&root, 0o755);
        let program = root.join("program");
        fs::write(&program, "").unwrap();
        mode(&program, 0o755);
        let ours = fs::metadata(&program).unwrap();
        if std::os::unix::fs::MetadataExt::uid(&ours) == 0 {
            // A temporary folder's parent is for all to write, and sticky.
            assert_eq!(changeable(&program), None);
            mode(&program, 0o775);
            assert_eq!(changeable(&program), Some(program.clone()));
            mode(&program, 0o755);
            mode(&root, 0o757);
            assert_eq!(changeable(&program), Some(root.clone()));
            mode(&root, 0o755);
            std::os::unix::fs::chown(&program, Some(1), None).unwrap();
            assert_eq!(changeable(&program), Some(program.clone()));
        } else {
            assert_eq!(changeable(&program), Some(program.clone()));
        }
        mode(&root, 0o755);
        assert_eq!(out_of_reach(&program), None);
        mode(&root, 0o700);
        assert_eq!(out_of_reach(&program), Some(root.clone()));
        mode(&root, 0o755);
        mode(&program, 0o700);
        assert_eq!(out_of_reach(&program), Some(program));
    }

    #[test]
    fn every_link_of_a_chain_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        mode(&root, 0o755);
        if std::os::unix::fs::MetadataExt::uid(&fs::metadata(&root).unwrap()) != 0 {
            return;
        }
        let open = root.join("open");
        fs::create_dir(&open).unwrap();
        symlink("/bin/sh", open.join("middle")).unwrap();
        symlink("open/middle", root.join("first")).unwrap();
        assert_eq!(changeable(&root.join("first")), None);
        mode(&open, 0o777);
        assert_eq!(changeable(&root.join("first")), Some(open));
        let round = root.join("round");
        symlink(&round, &round).unwrap();
        assert_eq!(changeable(&round), Some(round));
        assert!(changeable(Path::new("/no/such/program")).is_some());
    }

    #[test]
    fn programs_that_compile_are_known_by_name() {
        assert!(compiles_as_it_runs(Path::new("/usr/bin/node")));
        assert!(!compiles_as_it_runs(Path::new("/usr/bin/nodes")));
    }
}
