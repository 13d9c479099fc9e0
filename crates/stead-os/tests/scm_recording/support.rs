//! What these tests share.

use std::time::{Duration, Instant};

use stead_model::lifecycle::native::ScmState;
use stead_os::scm::manage::recording::{Call, Recording};
use stead_os::scm::manage::{
    Accepted, Account, Dependency, Info, Level, RecoveryAction, RecoveryKind, Scm, Secret,
    ServiceConfig, ServiceStatus,
};

pub(crate) fn scm() -> Scm<Recording> {
    Scm::new(Recording::new())
}

pub(crate) fn command() -> Vec<String> {
    let command = [
        r"C:\Program Files\Shop\orders.exe",
        "--port",
        "7001",
        r"a b\",
    ];
    command.map(str::to_owned).to_vec()
}

pub(crate) fn orders() -> ServiceConfig {
    ServiceConfig::new("orders", command())
}

/// These services, with what each depends on, installed.
pub(crate) fn recording(services: &[(&str, &[&str])]) -> Scm<Recording> {
    let scm = scm();
    for (name, dependencies) in services {
        let on = |it: &&str| Dependency::Service((*it).to_owned());
        let config = ServiceConfig {
            dependencies: dependencies.iter().map(on).collect(),
            ..ServiceConfig::new(*name, command())
        };
        assert!(scm.install(&config).is_ok(), "{name} is taken");
    }
    scm
}

/// What was set apart, in order.
pub(crate) fn infos(calls: &[Call]) -> Vec<Info> {
    let info = |call: &Call| match call {
        Call::ChangeConfig2 { info, .. } => Some(info.clone()),
        _ => None,
    };
    calls.iter().filter_map(info).collect()
}

pub(crate) fn status(state: ScmState) -> ServiceStatus {
    ServiceStatus {
        state,
        win32_exit: 0,
        specific_exit: 0,
        checkpoint: 0,
        wait_hint: Duration::ZERO,
        pid: None,
        accepted: Accepted::default(),
    }
}

/// That many checkpoints of a pending state.
pub(crate) fn steps(state: ScmState, count: u32) -> Vec<ServiceStatus> {
    let step = |checkpoint| ServiceStatus {
        checkpoint,
        wait_hint: Duration::from_secs(3),
        ..status(state)
    };
    (1..=count).map(step).collect()
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

pub(crate) fn action(kind: RecoveryKind, seconds: u64) -> RecoveryAction {
    RecoveryAction {
        kind,
        delay: Duration::from_secs(seconds),
    }
}

pub(crate) fn sets(call: &Call, level: Level) -> bool {
    matches!(call, Call::ChangeConfig2 { info, .. } if info.level() == level)
}

pub(crate) fn user(password: &str) -> Account {
    Account::User {
        name: r"SHOP\orders".to_owned(),
        password: Some(Secret::new(password.to_owned())),
    }
}
