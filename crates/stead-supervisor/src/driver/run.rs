//! What one service needs to be run: its program as the system takes it, its hooks, its files.

use std::path::PathBuf;
use std::sync::Arc;

use stead_model::definition::{Argv, ByteSize, Reload, Service};
use stead_model::name::ServiceName;
use stead_os::process::{Command, Exit, Launcher, Limits, Output, Process, Signal, Stdin};
use tokio::sync::mpsc;

use super::engine::{Report, Reported};
use super::timers::Slot;
use crate::environment::{self, Environment};
use crate::logs::{ServiceLog, Stream};
use crate::machine::{Event, Hook, describe};
use crate::program::{self, ProgramError};

/// Starts the programs of one service.
pub(super) struct Runner {
    pub(super) name: ServiceName,
    pub(super) service: Arc<Service>,
    /// The folder the definition's paths are relative to.
    pub(super) base: PathBuf,
    pub(super) environment: Arc<Environment>,
    pub(super) own_environment: Environment,
    pub(super) launcher: Launcher,
    /// Where output goes; `None`: to the caller's own stdout and stderr.
    pub(super) log: Option<ServiceLog>,
    pub(super) stdin: Stdin,
    #[cfg(unix)]
    pub(super) runtime: PathBuf,
}

impl Runner {
    /// One run of the program, from spawn until nothing of it is left.
    pub(super) async fn run(self: Arc<Self>, slot: Slot, run: u64, report: mpsc::Sender<Report>) {
        let send = |what| {
            let report = &report;
            async move {
                // A closed channel means that the engine has ended, and with it every process.
                let _ = report.send(Report { slot, run, what }).await;
            }
        };
        #[cfg_attr(not(unix), expect(unused_variables, reason = "sockets are of Unix"))]
        let (process, socket) = match self.start().await {
            Ok(started) => started,
            Err(error) => return send(Reported::Event(Event::SpawnFailed(chain(&*error)))).await,
        };
        let (exit, empty) = (process.exit(), process.empty());
        send(Reported::Started(Arc::clone(&process))).await;
        // Not before: what a program says at once would come before the news that it was started.
        #[cfg(unix)]
        let listening = socket.map(|socket: super::notify::Bound| {
            socket.listen(Arc::clone(&process), slot, run, report.clone())
        });
        drop(process);
        let exit = exit.await;
        #[cfg(unix)]
        drop(listening);
        send(Reported::Event(Event::Exited(exit))).await;
        empty.await;
        send(Reported::Event(Event::Emptied)).await;
    }

    #[cfg(unix)]
    async fn start(
        &self,
    ) -> Result<
        (Arc<Process>, Option<super::notify::Bound>),
        Box<dyn std::error::Error + Send + Sync>,
    > {
        use stead_model::definition::Ready;

        let mut environment = self.environment()?;
        let socket = if self.service.ready == Ready::Notify {
            let socket = super::notify::bind(&self.runtime, &self.name)?;
            environment.insert("NOTIFY_SOCKET".into(), socket.address());
            Some(socket)
        } else {
            None
        };
        let process = self.spawn(&self.service.command, environment).await?;
        Ok((process, socket))
    }

    #[cfg(not(unix))]
    async fn start(
        &self,
    ) -> Result<(Arc<Process>, Option<()>), Box<dyn std::error::Error + Send + Sync>> {
        let environment = self.environment()?;
        let process = self.spawn(&self.service.command, environment).await?;
        Ok((process, None))
    }

    async fn spawn(
        &self,
        argv: &Argv,
        environment: Environment,
    ) -> Result<Arc<Process>, Box<dyn std::error::Error + Send + Sync>> {
        let command = self.command(argv, environment)?;
        let mut process = self.launcher.spawn(command).await?;
        if let Some(log) = &self.log {
            for (stream, pipe) in [
                (Stream::Stdout, process.take_stdout()),
                (Stream::Stderr, process.take_stderr()),
            ] {
                if let Some(pipe) = pipe {
                    log.attach(stream, pipe)?;
                }
            }
        }
        Ok(Arc::new(process))
    }

    /// A command of the service as the system takes it.
    pub(super) fn command(
        &self,
        argv: &Argv,
        environment: Environment,
    ) -> Result<Command, ProgramError> {
        let directory = self.directory();
        let output = if self.log.is_some() {
            Output::Pipe
        } else {
            Output::Inherit
        };
        Ok(Command {
            name: self.name.to_string(),
            program: program::find(argv.program(), &directory, &environment)?,
            arguments: argv.arguments().iter().map(Into::into).collect(),
            directory,
            environment: environment.into_iter().collect(),
            user: self.service.user.clone(),
            limits: self.limits(),
            stdin: self.stdin,
            stdout: output,
            stderr: output,
        })
    }

    pub(super) fn environment(&self) -> Result<Environment, environment::EnvironmentFileError> {
        let mut environment = (*self.environment).clone();
        if let Some(file) = &self.service.environment_file {
            environment.extend(environment::read_file(&self.base.join(file))?);
        }
        let own = &self.service.environment;
        environment.extend(own.iter().map(|(name, value)| (name.into(), value.into())));
        environment.extend(self.own_environment.clone());
        Ok(environment)
    }

    fn limits(&self) -> Limits {
        let limits = &self.service.limits;
        Limits {
            memory: limits.memory.map(ByteSize::bytes),
            cpu: limits.cpu,
            tasks: limits.tasks,
            open_files: limits.open_files,
        }
    }

    /// Runs the commands of a hook one after another; each has the definition's `hook_timeout`.
    pub(super) async fn hooks(&self, hook: Hook) -> Result<(), String> {
        let reload;
        let (word, commands) = match hook {
            Hook::BeforeStart => ("before_start", self.service.before_start.as_slice()),
            Hook::AfterStart => ("after_start", self.service.after_start.as_slice()),
            Hook::BeforeStop => ("before_stop", self.service.before_stop.as_slice()),
            Hook::AfterStop => ("after_stop", self.service.after_stop.as_slice()),
            Hook::Reload => {
                let Some(Reload::Command(command)) = &self.service.reload else {
                    return Ok(());
                };
                reload = [command.clone()];
                ("reload", reload.as_slice())
            }
        };
        for command in commands {
            self.hook(command)
                .await
                .map_err(|why| format!("{word} `{command}` {why}"))?;
        }
        Ok(())
    }

    async fn hook(&self, command: &Argv) -> Result<(), String> {
        let environment = self
            .environment()
            .map_err(|error| format!("failed: {}", chain(&error)))?;
        let process = self
            .spawn(command, environment)
            .await
            .map_err(|error| format!("failed: {}", chain(&*error)))?;
        let limit = self.service.hook_timeout;
        let ended = tokio::time::timeout(limit.get(), process.exit()).await;
        process.kill_tree();
        process.empty().await;
        match ended {
            Ok(Exit::Code(0)) => Ok(()),
            Ok(exit) => Err(describe(exit)),
            Err(_) => Err(format!("took longer than {limit}")),
        }
    }

    pub(super) fn stop_signal(&self) -> Signal {
        number(self.service.stop.signal)
    }

    pub(super) fn reload_signal(&self) -> Option<Signal> {
        match &self.service.reload {
            Some(Reload::Signal(signal)) => Some(number(*signal)),
            Some(Reload::Command(_)) | None => None,
        }
    }

    pub(super) fn write_pid_file(&self, pid: u32) {
        if let Some(path) = self.pid_file() {
            let written = path
                .parent()
                .map_or(Ok(()), std::fs::create_dir_all)
                .and_then(|()| std::fs::write(&path, format!("{pid}\n")));
            if let Err(error) = written {
                tracing::warn!(service = %self.name, path = %path.display(), %error, "cannot write the pid file");
            }
        }
    }

    pub(super) fn remove_pid_file(&self) {
        if let Some(path) = self.pid_file() {
            let _ = std::fs::remove_file(path);
        }
    }

    fn pid_file(&self) -> Option<PathBuf> {
        let file = self.service.pid_file.as_ref()?;
        Some(self.directory().join(file))
    }

    /// Where it runs; `/shop`, not `/shop/.`, is what people read.
    fn directory(&self) -> PathBuf {
        self.base
            .join(&self.service.directory)
            .components()
            .collect()
    }
}

/// An error and its causes on one line.
pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The number of a definition's signal here; one that this system lacks (Windows has none) asks
/// for the ordinary end.
fn number(signal: stead_model::definition::Signal) -> Signal {
    Signal::named(signal.word()).unwrap_or(Signal(15))
}
