//! Checks against real servers and programs.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod grpc;
mod http;
mod programs;
mod rhythm;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stead_agent::checks::{CheckOutcome, Checked, Checks, Prepare, Watch};
use stead_model::ServiceName;
use stead_model::definition::{Argv, Check, CheckKind, Period};
use stead_model::health::Outcome;
use stead_model::name::CheckName;
use stead_os::process::{CgroupMode, Command, Launcher, LauncherOptions, Limits, Output, Stdin};
use stead_testkit::DEADLINE;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Checks under way, and their results.
struct Bench {
    checks: Checks,
    sender: mpsc::Sender<CheckOutcome>,
    results: mpsc::Receiver<CheckOutcome>,
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = stead_testkit::folder();
        let launcher = Launcher::start(LauncherOptions {
            runs: folder.path().join("runs"),
            cgroup: CgroupMode::Auto,
        });
        let (sender, results) = mpsc::channel(64);
        let checks = Checks::new(launcher.unwrap());
        Self {
            checks,
            sender,
            results,
            folder,
        }
    }

    fn watch(&self, checks: Vec<Check>) -> Watch {
        let folder = self.folder.path().to_owned();
        let prepare: Prepare = Arc::new(move |argv: &Argv| command(argv, folder.clone()));
        self.checks.watch(Checked {
            service: ServiceName::new("orders").unwrap(),
            run: 7,
            checks,
            prepare,
            results: self.sender.clone(),
        })
    }

    async fn next(&mut self) -> CheckOutcome {
        let next = tokio::time::timeout(DEADLINE, self.results.recv());
        let outcome = next.await.expect("a result in time").unwrap();
        assert_eq!((outcome.service.as_str(), outcome.run), ("orders", 7));
        outcome
    }

    /// The first result of one check.
    async fn once(&mut self, kind: CheckKind) -> CheckOutcome {
        self.once_within(kind, Duration::from_secs(20)).await
    }

    async fn once_within(&mut self, kind: CheckKind, timeout: Duration) -> CheckOutcome {
        let _watch = self.watch(vec![every(kind, Duration::from_millis(40), timeout)]);
        self.next().await
    }
}

fn every(kind: CheckKind, interval: Duration, timeout: Duration) -> Check {
    let period = |span: Duration| Period::from_millis(u64::try_from(span.as_millis()).unwrap());
    Check {
        name: CheckName::new(kind.word()).unwrap(),
        kind,
        interval: period(interval),
        timeout: period(timeout),
        healthy_after: Check::HEALTHY_AFTER,
        unhealthy_after: Check::UNHEALTHY_AFTER,
    }
}

fn command(argv: &Argv, directory: PathBuf) -> Result<Command, String> {
    if argv.program() != "sh" {
        return Err(format!("no executable {}", argv.program()));
    }
    Ok(Command {
        name: "orders-check".into(),
        program: "/bin/sh".into(),
        arguments: argv.arguments().iter().map(OsString::from).collect(),
        directory,
        environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
        user: None,
        limits: Limits::default(),
        stdin: Stdin::Null,
        stdout: Output::Inherit,
        stderr: Output::Inherit,
    })
}

/// A server on a free port; what it does with a connection is up to the test.
async fn server<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(tokio::net::TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address
}

/// An address that nobody listens on.
fn closed() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], stead_testkit::free_port()))
}

fn failed(outcome: &CheckOutcome, why: &str) {
    assert_eq!(outcome.outcome, Outcome::Failure, "{}", outcome.output);
    assert!(outcome.output.contains(why), "{}", outcome.output);
}

fn worked(outcome: &CheckOutcome, what: &str) {
    assert_eq!(outcome.outcome, Outcome::Success, "{}", outcome.output);
    assert!(outcome.output.contains(what), "{}", outcome.output);
}
