//! Debian's supervisord as a peer, with one program or many copies of it.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use stead_testkit::processes;
use tempfile::TempDir;

use crate::shell;

/// A running supervisord.
pub(super) struct Supervisord {
    child: Child,
    _folder: TempDir,
}

impl Supervisord {
    /// Starts it in the foreground with `copies` of a command that it restarts at any exit.
    #[allow(
        clippy::disallowed_methods,
        reason = "the peer, not a service; it is stopped and reaped when dropped"
    )]
    pub(super) fn start(command: &str, copies: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let configuration = folder.path().join("supervisord.conf");
        fs::write(&configuration, configure(folder.path(), command, copies))?;
        let child = shell::command("supervisord")
            .args(["--nodaemon", "--configuration"])
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start supervisord")?;
        Ok(Self {
            child,
            _folder: folder,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Supervisord {
    fn drop(&mut self) {
        // On SIGTERM it stops its programs, then itself.
        processes::signal(self.child.id(), "TERM");
        let _reaped = self.child.wait();
    }
}

fn configure(folder: &Path, command: &str, copies: u32) -> String {
    let folder = folder.display();
    format!(
        "[supervisord]\n\
         logfile={folder}/supervisord.log\n\
         pidfile={folder}/supervisord.pid\n\
         childlogdir={folder}\n\
         minfds=4096\n\
         [program:probe]\n\
         command={command}\n\
         numprocs={copies}\n\
         process_name=%(program_name)s_%(process_num)d\n\
         autorestart=true\n\
         startsecs=0\n"
    )
}
