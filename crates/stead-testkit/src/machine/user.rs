//! A user of a machine, with a systemd of his own.

use std::process::{Command, Output};

use super::{Machine, success};
use crate::eventually;

/// A user whose own systemd (`systemctl --user`) runs from boot on, without a session.
#[derive(Clone, Debug)]
pub struct MachineUser {
    name: String,
    uid: u32,
}

impl Machine {
    /// Adds a user and waits until his systemd is up.
    #[track_caller]
    #[must_use]
    pub fn add_user(&self, name: &str) -> MachineUser {
        self.ok(&["useradd", "--create-home", "--shell", "/bin/sh", name]);
        let uid = self.ok(&["id", "--user", name]);
        let user = MachineUser {
            name: name.to_owned(),
            uid: uid.trim().parse().expect("id gives a number"),
        };
        self.ok(&["loginctl", "enable-linger", name]);
        self.await_user(&user);
        user
    }

    /// Waits until a user's systemd is up, after a [`Machine::reboot`] say.
    #[track_caller]
    pub fn await_user(&self, user: &MachineUser) {
        let door = self.path(user.runtime_folder()).join("systemd/private");
        eventually(super::BOOT, "the user's systemd is up", || {
            let words = ["systemctl", "--user", "is-system-running", "--wait"];
            door.exists() && {
                let output = self.run_as(user, &words);
                matches!(output.stdout.trim_ascii(), b"running" | b"degraded")
            }
        });
    }

    /// A command that will run in the machine as this user, with what a login would set.
    #[must_use]
    pub fn command_as(&self, user: &MachineUser, words: &[&str]) -> Command {
        let runtime = user.runtime_folder();
        let mut all = vec!["setpriv", "--reuid", &user.name, "--regid", &user.name];
        all.extend(["--init-groups", "--"]);
        all.extend(words);
        let mut command = self.command(&all);
        command
            .env("HOME", format!("/home/{}", user.name))
            .env("USER", &user.name)
            .env(
                "DBUS_SESSION_BUS_ADDRESS",
                format!("unix:path={runtime}/bus"),
            )
            .env("XDG_RUNTIME_DIR", runtime);
        command
    }

    /// Runs a command in the machine as this user, to its end.
    #[track_caller]
    #[must_use]
    pub fn run_as(&self, user: &MachineUser, words: &[&str]) -> Output {
        self.command_as(user, words)
            .output()
            .expect("util-linux is there")
    }

    /// Runs a command that must succeed as this user, and gives what it wrote to stdout.
    #[track_caller]
    pub fn ok_as(&self, user: &MachineUser, words: &[&str]) -> String {
        success(words, &self.run_as(user, words))
    }
}

impl MachineUser {
    /// His name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// His number.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// `XDG_RUNTIME_DIR`.
    #[must_use]
    pub fn runtime_folder(&self) -> String {
        format!("/run/user/{}", self.uid)
    }
}
