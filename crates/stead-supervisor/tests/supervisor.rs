//! The supervisor by its public face, where two wishes have to meet in a certain order.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;

use stead_model::definition::Definition;
use stead_model::lifecycle::Asker;
use stead_model::name::ServiceName;
use stead_os::process::{CgroupMode, Launcher, LauncherOptions, Stdin};
use stead_supervisor::{ControlError, Options, OutputTo, Supervisor, environment};

fn supervisor(folder: &Path, definition: &str) -> Supervisor {
    let launcher = Launcher::start(LauncherOptions {
        runs: folder.join("runs"),
        cgroup: CgroupMode::Auto,
    })
    .expect("programs can be started");
    let definition = Definition::parse(definition, &folder.join("stead.toml"))
        .expect("the test's definition is right");
    let options = Options {
        launcher,
        base: folder.to_owned(),
        output: OutputTo::Caller,
        stdin: Stdin::Null,
        runtime: folder.join("run"),
        environment: environment::inherited(),
        own_environment: std::collections::BTreeMap::new(),
    };
    Supervisor::new(&definition, options).expect("nothing is opened")
}

/// Both wishes are sent before the supervisor's task, on the same thread, looks at the first.
#[tokio::test]
async fn a_restart_during_a_stop_of_what_it_depends_on_takes_the_stop_back() {
    let folder = tempfile::tempdir().unwrap();
    let supervisor = supervisor(
        folder.path(),
        "[services.base]\ncommand = [\"sleep\", \"1000\"]\n\
         [services.top]\ncommand = [\"sleep\", \"1000\"]\ndepends_on = [\"base\"]\n",
    );
    let (base, top) = (
        ServiceName::new("base").unwrap(),
        ServiceName::new("top").unwrap(),
    );
    let by = Asker::User("test".to_owned());
    supervisor.start(&top, &by).await.unwrap();
    let both = async { tokio::join!(supervisor.stop(&base, &by), supervisor.restart(&top, &by)) };
    let (stop, restart) = tokio::time::timeout(std::time::Duration::from_secs(30), both)
        .await
        .expect("both are answered");
    assert_eq!(stop, Err(ControlError::Started));
    assert_eq!(restart, Ok(()));
    supervisor.stop_all(&by).await;
}
