//! The supervisor through its public face, with real processes.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which fail that way"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stead_model::definition::Definition;
use stead_model::lifecycle::{Asker, State};
use stead_model::name::ServiceName;
use stead_os::process::{CgroupMode, Exit, Launcher, LauncherOptions, Stdin};
use stead_supervisor::logs::Collector;
use stead_supervisor::{ControlError, Options, OutputTo, Status, Supervisor, environment};
use stead_testkit::{DEADLINE, processes};

/// Marks what a test's services run.
const MARK: &str = "DRIVER_TEST";

struct Stack {
    supervisor: Supervisor,
    mark: String,
    folder: tempfile::TempDir,
}

fn by() -> Asker {
    Asker::User("test".to_owned())
}

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

impl Stack {
    fn new(definition: &str) -> Self {
        Self::with(definition, CgroupMode::Auto)
    }

    fn with(definition: &str, cgroup: CgroupMode) -> Self {
        let folder = stead_testkit::folder();
        let mark = folder.path().display().to_string();
        let launcher = Launcher::start(LauncherOptions {
            runs: folder.path().join("runs"),
            cgroup,
        })
        .unwrap();
        let mut environment = environment::inherited();
        environment.insert(MARK.into(), mark.clone().into());
        let definition = Definition::parse(definition, Path::new("stead.toml")).unwrap();
        let supervisor = Supervisor::new(
            &definition,
            Options {
                launcher,
                base: folder.path().to_owned(),
                output: OutputTo::Files {
                    collector: Collector::start().unwrap(),
                    folder: folder.path().join("logs"),
                    pass_through: false,
                },
                stdin: Stdin::Null,
                runtime: folder.path().join("run"),
                environment,
                own_environment: BTreeMap::new(),
            },
        )
        .unwrap();
        Self {
            supervisor,
            mark,
            folder,
        }
    }

    async fn until(
        &self,
        service: &str,
        what: &str,
        check: impl Fn(&Status) -> bool,
    ) -> Arc<Status> {
        let mut status = self.supervisor.watch(service).unwrap();
        let waited = tokio::time::timeout(DEADLINE, status.wait_for(|status| check(status))).await;
        let Ok(status) = waited else {
            panic!(
                "{service}: not {what}: {:?}",
                self.supervisor.status(service)
            );
        };
        Arc::clone(&status.unwrap())
    }

    /// Stops everything; nothing may be left.
    async fn stop(self) {
        tokio::time::timeout(DEADLINE, self.supervisor.stop_all(&by()))
            .await
            .expect("all stop");
        let left = processes::with_variable(MARK, &self.mark);
        assert!(left.is_empty(), "left behind: {left:#?}");
    }
}

/// A hundred times an exit at once, or by SIGKILL; each is followed by the next run.
async fn crash_a_hundred_times(cgroup: CgroupMode) {
    const CRASHES: u64 = 100;
    let stack = Stack::with(
        r#"
[services.a]
command = ["sh", "-c", "echo run >> trace; count=$(wc -l < trace); test $count -gt 100 && exec sleep 1000; test $((count % 2)) = 0 && exit 1; kill -9 $$"]
restart = { delay = "0s", limit = 0 }
"#,
        cgroup,
    );
    stack.supervisor.start(&name("a"), &by()).await.unwrap();
    let status = stack
        .until("a", "up after 100 crashes", |status| {
            status.run == CRASHES + 1 && status.state.is_ready()
        })
        .await;
    assert_eq!(status.restarts, CRASHES);
    // Each run was one process, and the last is the only one.
    stead_testkit::eventually(DEADLINE, "the last run sleeps", || {
        let running = processes::with_variable(MARK, &stack.mark);
        running.len() == 1 && running[0].command == "sleep 1000"
    });
    let trace = std::fs::read_to_string(stack.folder.path().join("trace")).unwrap();
    assert_eq!(trace.lines().count() as u64, CRASHES + 1);
    stack.stop().await;
}

#[tokio::test]
async fn a_hundred_crashes_in_a_row_with_cgroups() {
    crash_a_hundred_times(CgroupMode::Auto).await;
}

#[tokio::test]
async fn a_hundred_crashes_in_a_row_without_cgroups() {
    crash_a_hundred_times(CgroupMode::Off).await;
}

/// What is killed while its tree is going by itself is gone once, and is started again: the
/// kill and the last words of a guardian cross.
#[tokio::test]
async fn a_hundred_kills_from_outside_without_cgroups() {
    let stack = Stack::with(
        "[services.a]\ncommand = [\"sleep\", \"1000\"]\nrestart = { delay = \"0s\", limit = 0 }\n",
        CgroupMode::Off,
    );
    stack.supervisor.start(&name("a"), &by()).await.unwrap();
    for run in 1..=100 {
        let status = stack
            .until("a", "up again", |status| {
                status.run == run && status.pid.is_some()
            })
            .await;
        processes::signal(status.pid.unwrap(), "KILL");
    }
    stack
        .until("a", "up at last", |status| status.run == 101)
        .await;
    stack.stop().await;
}

#[tokio::test]
async fn twenty_services_stop_in_order_and_leave_nothing() {
    // Chains of five, four of them; each service with a grandchild of its own session.
    let definition = (0..20).fold(String::new(), |definition, number| {
        let on = if number % 5 == 0 {
            String::new()
        } else {
            format!("\"s{}\"", number - 1)
        };
        definition
            + &format!(
                "[services.s{number}]\ncommand = [\"sh\", \"-c\", \"setsid sleep 1000 & sleep 1000\"]\n\
                 depends_on = [{on}]\nstop.grace = \"200ms\"\n"
            )
    });
    let stack = Stack::new(&definition);
    let mut changes = stack.supervisor.changes();
    let names: Vec<_> = stack.supervisor.names().cloned().collect();
    stack.supervisor.wish_start(names, &by()).await;
    for number in 0..20 {
        stack
            .until(&format!("s{number}"), "ready", |status| {
                status.state.is_ready()
            })
            .await;
    }
    stack.stop().await;
    let mut ended = BTreeSet::new();
    let mut began = Vec::new();
    while let Ok(change) = changes.try_recv() {
        let number: u32 = change.name.as_str()[1..].parse().unwrap();
        match change.record.to {
            State::Running(_) if change.record.from == State::Init => began.push(number),
            State::Stopping if number % 5 != 4 => {
                assert!(
                    ended.contains(&(number + 1)),
                    "s{number} was stopped too early"
                );
            }
            State::Terminated => assert!(ended.insert(number)),
            _ => {}
        }
    }
    assert_eq!(ended.len(), 20);
    for (place, number) in began.iter().enumerate() {
        let before = number.checked_sub(1).filter(|_| number % 5 != 0);
        assert!(
            before.is_none_or(|before| began[..place].contains(&before)),
            "{began:?}"
        );
    }
}

#[tokio::test]
async fn the_grace_is_kept_and_no_longer() {
    let stack = Stack::new(
        "[services.a]\ncommand = [\"sh\", \"-c\", \"trap '' TERM; sleep 1000 & wait; sleep 1000\"]\nstop.grace = \"300ms\"\n",
    );
    stack.supervisor.start(&name("a"), &by()).await.unwrap();
    let pid = stack.supervisor.status("a").unwrap().pid.unwrap();
    stead_testkit::eventually(DEADLINE, "the trap is set", || {
        processes::descendants(pid)
            .iter()
            .any(|process| process.command.starts_with("sleep"))
    });
    let begun = Instant::now();
    stack.supervisor.stop(&name("a"), &by()).await.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_millis(300),
        "{:?}",
        begun.elapsed()
    );
    let status = stack.supervisor.status("a").unwrap();
    assert_eq!(status.state, State::Terminated);
    assert_eq!(status.exit, Some(Exit::Signal(9)));
    stack.stop().await;
}

#[tokio::test]
async fn verbs_answer_when_their_goal_is_reached_or_cannot_be() {
    let stack = Stack::new(
        "[services.good]\ncommand = [\"sleep\", \"1000\"]\n\
         [services.bad]\ncommand = [\"nosuch-program\"]\nrestart.policy = \"never\"\n\
         [services.above]\ncommand = [\"sleep\", \"1000\"]\ndepends_on = [\"bad\"]\n\
         [services.disabled]\ncommand = [\"sleep\", \"1000\"]\nstart = \"disabled\"\n\
         [services.once]\ncommand = [\"true\"]\n",
    );
    let (supervisor, by) = (&stack.supervisor, by());
    supervisor.start(&name("good"), &by).await.unwrap();
    let first = supervisor.status("good").unwrap();
    assert!(first.state.is_ready());
    supervisor.start(&name("good"), &by).await.unwrap();
    assert_eq!(
        supervisor.status("good").unwrap().run,
        first.run,
        "it ran already"
    );
    supervisor.restart(&name("good"), &by).await.unwrap();
    assert_eq!(supervisor.status("good").unwrap().run, first.run + 1);
    supervisor.stop(&name("good"), &by).await.unwrap();
    assert_eq!(
        supervisor.reload(&name("good"), &by).await,
        Err(ControlError::NoReload)
    );
    let ControlError::Failed(why) = supervisor.start(&name("bad"), &by).await.unwrap_err() else {
        panic!("another error");
    };
    assert!(why.contains("no program `nosuch-program` in PATH"), "{why}");
    let refused = supervisor.start(&name("above"), &by).await.unwrap_err();
    let ControlError::Dependency { dependency, .. } = refused else {
        panic!("{refused}");
    };
    assert_eq!(dependency, name("bad"));
    assert_eq!(
        supervisor.start(&name("disabled"), &by).await,
        Err(ControlError::Disabled)
    );
    supervisor.start(&name("once"), &by).await.unwrap();
    stack
        .until("once", "over", |status| {
            status.state == State::Terminated && !status.alive
        })
        .await;
    stack.stop().await;
}

#[tokio::test]
async fn dropping_the_supervisor_stops_everything() {
    let Stack {
        supervisor,
        mark,
        folder,
    } = Stack::new(
        "[services.a]\ncommand = [\"sh\", \"-c\", \"setsid sleep 1000 & sleep 1000\"]\n",
    );
    supervisor.start(&name("a"), &by()).await.unwrap();
    let mut status = supervisor.watch("a").unwrap();
    drop(supervisor);
    // The channel closes when the supervisor's task has ended.
    tokio::time::timeout(DEADLINE, async { while status.changed().await.is_ok() {} })
        .await
        .expect("the supervisor ends");
    let left = processes::with_variable(MARK, &mark);
    assert!(left.is_empty(), "left behind: {left:#?}");
    drop(folder);
}
