//! `stead` in the foreground of a console of its own, where Ctrl+C reaches nobody else.

use std::path::Path;

use stead_os::process::{
    CgroupMode, Command, Exit, Launcher, LauncherOptions, Limits, Output, Process, Signal, Stdin,
};
use stead_testkit::DEADLINE;
use tokio::runtime::Runtime;

use super::{STEAD, variables};

/// A `stead` that runs until it is asked to end. It goes with its job when this is dropped.
pub(crate) struct Foreground {
    runtime: Runtime,
    process: Process,
    _launcher: Launcher,
}

impl Foreground {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let launcher = Launcher::start(LauncherOptions {
            runs: folder.join("test-runs"),
            cgroup: CgroupMode::Off,
        })
        .unwrap();
        let own = variables(folder).map(|(name, value)| (name.into(), value.into()));
        let inherited = std::env::vars_os()
            .filter(|(name, _)| own.iter().all(|(mine, _)| mine != name) && name != "STEAD_AGENT");
        let command = Command {
            name: "stead".to_owned(),
            program: STEAD.into(),
            arguments: arguments.iter().map(Into::into).collect(),
            directory: folder.to_owned(),
            environment: inherited.chain(own.clone()).collect(),
            user: None,
            limits: Limits::default(),
            stdin: Stdin::Null,
            stdout: Output::Inherit,
            stderr: Output::Inherit,
        };
        let process = runtime.block_on(launcher.spawn(command)).unwrap();
        Self {
            runtime,
            process,
            _launcher: launcher,
        }
    }

    /// Presses Ctrl+C, waits for the end and gives the exit status.
    pub(crate) fn ctrl_c(self) -> i32 {
        const SIGINT: Signal = Signal(2);
        self.process.ask(SIGINT);
        match self.ended() {
            Exit::Code(code) => code,
            end @ Exit::Signal(_) => panic!("{end:?}"),
        }
    }

    /// Ends this one process, which is not asked. The job it is in goes on until this is dropped.
    pub(crate) fn kill(&mut self) {
        let pid = self.process.id().to_string();
        let status = std::process::Command::new("taskkill")
            .args(["/F", "/PID", &pid])
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "taskkill: {status}");
        self.ended();
    }

    fn ended(&self) -> Exit {
        let ended = async { tokio::time::timeout(DEADLINE, self.process.exit()).await };
        self.runtime.block_on(ended).expect("stead ends")
    }
}
