use std::path::Path;

use super::*;
use crate::Definition;

fn service(rest: &str) -> Service {
    let text = format!("[services.x]\ncommand = [\"/bin/x\"]\n{rest}");
    let definition = Definition::parse(&text, Path::new("stead.toml")).unwrap();
    definition.services.into_values().next().unwrap()
}

fn chosen(rest: &str, manager: Manager) -> (Mode, Vec<String>) {
    let choice = choose(&service(rest), manager, Program::Foreign, None).unwrap();
    (choice.mode, choice.because)
}

fn refused(rest: &str, manager: Manager, forced: Option<Mode>) -> Vec<String> {
    let refusals = choose(&service(rest), manager, Program::Foreign, forced).unwrap_err();
    refusals.into_iter().map(|refusal| refusal.key).collect()
}

#[test]
fn every_key_has_its_row_and_every_row_its_key() {
    let mut known: Vec<String> = known_keys()
        .into_iter()
        .filter_map(|key| {
            let table = key.table.trim_matches(['[', ']']);
            let path = table.strip_prefix("services.NAME")?;
            let path = format!("{path}.{}", key.name);
            let path = path.trim_start_matches('.').to_owned();
            let within = |whole: &&str| path.starts_with(&format!("{whole}."));
            let table = key.is_table && !WHOLE.contains(&path.as_str());
            (!WHOLE.iter().any(within) && !table).then_some(path)
        })
        .collect();
    let mut rows: Vec<String> = ROWS.iter().map(|row| row.key.to_owned()).collect();
    known.sort();
    rows.sort();
    assert_eq!(rows, known);
}

/// Tables that stand or fall as a whole.
const WHOLE: &[&str] = &["windows.recovery", "publish", "checks"];

#[test]
fn what_a_manager_can_do_it_does() {
    let plain =
        "description = \"Takes orders\"\nuser = \"shop\"\n[services.x.stop]\ngrace = \"3s\"";
    for manager in [Manager::Systemd, Manager::Launchd] {
        assert_eq!(chosen(plain, manager), (Mode::Direct, vec![]), "{manager}");
    }
    let much = "ready = \"notify\"\nreload = { signal = \"SIGHUP\" }\nrestart = { policy = \"always\", delay = \"5s\" }\nlimits = { memory = \"1GiB\" }\nsystemd = { watchdog = \"3s\" }";
    assert_eq!(chosen(much, Manager::Systemd), (Mode::Direct, vec![]));
}

#[test]
fn what_it_lacks_makes_stead_the_host() {
    for (rest, key) in [
        ("checks = [{ tcp = \"127.0.0.1:1\" }]", "checks"),
        ("restart = { max_delay = \"5m\" }", "restart.max_delay"),
        ("logs = { keep = 9 }", "logs.keep"),
        ("before_start = [[\"/bin/true\"]]", "before_start"),
        ("publish = { port = 1 }", "publish"),
    ] {
        for manager in [Manager::Systemd, Manager::Launchd] {
            assert_eq!(
                chosen(rest, manager),
                (Mode::Hosted, vec![key.to_owned()]),
                "{rest}"
            );
        }
    }
    let both = "ready = \"healthy\"\nchecks = [{ tcp = \"127.0.0.1:1\" }]";
    let because = vec!["ready".to_owned(), "checks".to_owned()];
    assert_eq!(chosen(both, Manager::Systemd), (Mode::Hosted, because));
}

#[test]
fn under_windows_only_an_sdk_program_is_direct() {
    let plain = service("");
    let foreign = choose(&plain, Manager::Scm, Program::Foreign, None).unwrap();
    assert_eq!((foreign.mode, foreign.because.len()), (Mode::Hosted, 1));
    let own = choose(&plain, Manager::Scm, Program::Sdk, None).unwrap();
    assert_eq!(own.mode, Mode::Direct);
}

#[test]
fn a_caller_may_force_it_but_not_have_what_cannot_be() {
    let plain = service("");
    let hosted = choose(
        &plain,
        Manager::Systemd,
        Program::Foreign,
        Some(Mode::Hosted),
    )
    .unwrap();
    assert_eq!(
        (hosted.mode, hosted.because),
        (Mode::Hosted, vec!["--hosted".to_owned()])
    );
    let direct = Some(Mode::Direct);
    assert_eq!(
        refused("logs = { keep = 9 }", Manager::Systemd, direct),
        ["logs.keep"]
    );
}

#[test]
fn what_nobody_can_do_is_refused_all_at_once() {
    let much = "start = \"delayed\"\ndepends_on = []\nlimits = { memory = \"1GiB\", cpu = 1.5 }";
    assert_eq!(
        refused(much, Manager::Launchd, None),
        ["start = \"delayed\"", "limits.memory", "limits.cpu"]
    );
    assert_eq!(
        refused("sandbox = { profile = \"strict\" }", Manager::Scm, None),
        ["sandbox.profile"]
    );
    assert_eq!(
        chosen("sandbox = { profile = \"off\" }", Manager::Launchd).0,
        Mode::Direct
    );
    assert_eq!(
        refused("reload = { signal = \"SIGHUP\" }", Manager::Scm, None),
        ["reload.signal"]
    );
}

#[test]
fn what_decides_who_runs_is_not_set_behind_the_back() {
    let root =
        "[services.x.systemd.properties]\nUser = \"root\"\nExecStartPre = \"+/x\"\nNice = \"5\"";
    assert_eq!(
        refused(root, Manager::Systemd, None),
        ["systemd.properties.ExecStartPre", "systemd.properties.User"]
    );
    let watched = "logs = { keep = 9 }\nsystemd = { watchdog = \"3s\" }";
    assert_eq!(
        refused(watched, Manager::Systemd, None),
        ["systemd.watchdog"]
    );
}

#[test]
fn sections_of_other_managers_are_of_no_account() {
    let windows = "windows = { account = 'NT SERVICE\\x' }\nlaunchd = { throttle = \"1s\" }";
    assert_eq!(chosen(windows, Manager::Systemd), (Mode::Direct, vec![]));
}
