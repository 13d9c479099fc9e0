//! Properties of the definition: no text makes the parser panic, and what is written is read back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in the helpers of a test as in the test"
)]

use std::collections::BTreeMap;
use std::path::Path;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use stead_model::definition::{
    Argv, ByteSize, Check, CheckKind, Config, ErrorControl, Launchd, Limits, Logs, Period,
    ProcessType, Profile, Publish, Ready, Recovery, RecoveryAction, RecoveryKind, Reload,
    RestartPolicy, RestartWhen, Sandbox, SidType, Signal, Stack, Start, Stop, Systemd, Weights,
    Windows, start_order,
};
use stead_model::{Definition, Service, ServiceName};

const FULL: &str = include_str!("definition_full.toml");

fn text() -> impl Strategy<Value = String> {
    "[^\\x00]{1,8}"
}

fn argv() -> impl Strategy<Value = Argv> {
    vec(text(), 1..4).prop_map(|words| Argv::new(words).unwrap())
}

fn argvs() -> impl Strategy<Value = Vec<Argv>> {
    vec(argv(), 0..3)
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[^\\x00=]{1,6}", "[^\\x00]{0,6}", 0..3)
}

prop_compose! {
    fn period()(millis in prop_oneof![1_u64..5_000, (1_u64..10_000).prop_map(|s| s * 1_000), 1_u64..3_000_000_000]) -> Period {
        Period::from_millis(millis)
    }
}

fn size() -> impl Strategy<Value = ByteSize> {
    prop_oneof![
        (1_u64..1 << 62).prop_map(ByteSize::from_bytes),
        (1_u64..100).prop_map(ByteSize::from_mib),
    ]
}

/// Heartbeats are left out where TOML is written: a file gives them no interval.
fn kind(heartbeats: bool) -> impl Strategy<Value = CheckKind> {
    let others = prop_oneof![
        Just(CheckKind::Http("https://[::1]:7001/health?x=1".to_owned())),
        "[a-z]{1,9}:[1-9][0-9]{0,3}".prop_map(CheckKind::Tcp),
        "[a-z]{1,9}:[1-9][0-9]{0,3}/shop[.]Orders".prop_map(CheckKind::Grpc),
        argv().prop_map(CheckKind::Exec),
    ];
    (others, option::weighted(0.2, period())).prop_map(move |(other, period)| match period {
        Some(period) if heartbeats => CheckKind::Heartbeat(period),
        _ => other,
    })
}

prop_compose! {
    fn checks(heartbeats: bool)(
        all in vec((kind(heartbeats), period(), period(), 1..9_u32, 1..9_u32), 1..4),
    ) -> Vec<Check> {
        (0..).zip(all).map(|(number, (kind, interval, timeout, healthy_after, unhealthy_after))| Check {
            name: format!("check-{number}").parse().unwrap(),
            kind,
            interval,
            timeout,
            healthy_after,
            unhealthy_after,
        }).collect()
    }
}

prop_compose! {
    fn restart()(
        policy in select(RestartWhen::ALL),
        delay in prop_oneof![Just(Period::ZERO), period()],
        longer in period(),
        limit in 0_u32..=1000,
        window in period(),
        on_unhealthy in any::<bool>(),
    ) -> RestartPolicy {
        RestartPolicy { policy, delay, max_delay: delay.max(longer), limit, window, on_unhealthy }
    }
}

prop_compose! {
    /// Processors in thousandths: JSON readers are exact for short numbers only.
    fn limits()(
        memory in option::of(size()),
        cpu in option::of((1_u32..64_000).prop_map(|thousandths| f64::from(thousandths) / 1000.0)),
        tasks in option::of(1_u64..1 << 40),
        open_files in option::of(1_u64..1 << 40),
    ) -> Limits {
        Limits { memory, cpu, tasks, open_files }
    }
}

prop_compose! {
    fn publish()(
        address in option::of(text()),
        port in option::of(1_u16..),
        tags in vec(text(), 0..3),
        meta in map(),
        passing in 1_u16..,
        warning in any::<u16>(),
    ) -> Publish {
        Publish { address, port, tags, meta, weights: Weights { passing, warning } }
    }
}

prop_compose! {
    fn windows()(
        account in option::of(text()),
        sid in select(SidType::ALL),
        error_control in select(ErrorControl::ALL),
        preshutdown_timeout in period(),
        delays in vec((select(&[RecoveryKind::None, RecoveryKind::Restart, RecoveryKind::Run, RecoveryKind::Reboot][..]), period()), 0..4),
        command in text(),
        recovers in any::<bool>(),
    ) -> Windows {
        let actions = delays.into_iter().map(|(kind, delay)| RecoveryAction { kind, delay }).collect();
        let recovery = Recovery { actions, command: Some(command), on_error_exit: true, ..Recovery::default() };
        Windows {
            account,
            privileges: vec!["SeChangeNotifyPrivilege".to_owned()],
            sid,
            error_control,
            preshutdown_timeout,
            recovery: recovers.then_some(recovery),
        }
    }
}

fn reload() -> impl Strategy<Value = Option<Reload>> {
    option::of(prop_oneof![
        select(Signal::ALL).prop_map(Reload::Signal),
        argv().prop_map(Reload::Command),
    ])
}

prop_compose! {
    fn service(heartbeats: bool)(
        (command, description, environment, environment_file, user) in (argv(), option::of(text()), map(), option::of(text()), option::of(text())),
        (start, ready, ready_timeout, success_exit, pid_file) in (select(Start::ALL), select(Ready::ALL), period(), vec(any::<i32>(), 0..4), option::of(text())),
        (before_start, after_start, before_stop, after_stop, hook_timeout) in (argvs(), argvs(), argvs(), argvs(), period()),
        (signal, grace, reload, restart, limits) in (select(Signal::ALL), period(), reload(), restart(), limits()),
        (max_size, max_age, keep, compress) in (size(), period(), any::<u32>(), any::<bool>()),
        (profile, write, windows, publish, checks) in (select(Profile::ALL), vec(text(), 0..3), windows(), option::of(publish()), checks(heartbeats)),
        (watchdog, properties, process_type, label) in (option::of(period()), map(), select(ProcessType::ALL), option::of(text())),
    ) -> Service {
        Service {
            description,
            environment,
            environment_file,
            user,
            start: if start == Start::Disabled { Start::Manual } else { start },
            ready,
            ready_timeout,
            success_exit,
            pid_file,
            before_start,
            after_start,
            before_stop,
            after_stop,
            hook_timeout,
            stop: Stop { signal, grace },
            reload,
            restart,
            logs: Logs { max_size, max_age, keep, compress },
            limits,
            sandbox: Sandbox { profile, write },
            windows,
            systemd: Systemd { watchdog, properties, ..Systemd::default() },
            launchd: Launchd { process_type, label, ..Launchd::default() },
            publish,
            checks,
            config: Config { watch: vec!["/common/logging".to_owned()] },
            ..Service::new(command)
        }
    }
}

prop_compose! {
    /// Services that depend on services before them only.
    fn definition(heartbeats: bool)(
        services in vec((service(heartbeats), vec(any::<prop::sample::Index>(), 0..3)), 1..5),
        named in any::<bool>(),
    ) -> Definition {
        let name = |number: usize| format!("service-{number}").parse::<ServiceName>().unwrap();
        let mut definition = Definition::default();
        if named {
            definition.stack = Stack { name: Some("shop".parse().unwrap()), environment: Some("dev".parse().unwrap()) };
        }
        for (number, (mut service, on)) in services.into_iter().enumerate() {
            if number > 0 {
                let mut on: Vec<_> = on.iter().map(|index| name(index.index(number))).collect();
                on.sort();
                on.dedup();
                service.depends_on = on;
            }
            definition.services.insert(name(number), service);
        }
        definition
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_is_read_back(definition in definition(true)) {
        let json = serde_json::to_string(&definition).unwrap();
        let back: Definition = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(back, definition);
    }

    #[test]
    fn toml_is_read_back(definition in definition(false)) {
        let toml = toml::to_string(&definition).unwrap();
        match Definition::parse(&toml, Path::new("stead.toml")) {
            Ok(back) => prop_assert_eq!(back, definition),
            Err(errors) => prop_assert!(false, "{}\n{}", errors, toml),
        }
    }

    #[test]
    fn a_service_starts_after_what_it_depends_on(definition in definition(true)) {
        let layers = start_order(&definition);
        let layer_of = |name: &ServiceName| layers.iter().position(|layer| layer.contains(name));
        prop_assert_eq!(layers.iter().flatten().count(), definition.services.len());
        for (name, service) in &definition.services {
            for other in &service.depends_on {
                prop_assert!(layer_of(other) < layer_of(name));
            }
        }
    }
}

/// Whatever the text, there is an answer, and each error stands in the file.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let Err(errors) = Definition::parse(text, Path::new("stead.toml")) else {
        return Ok(());
    };
    prop_assert!(errors.len() > 0);
    let lines: Vec<_> = text.split('\n').collect();
    let mut last = (0, 0);
    for error in errors.iter() {
        prop_assert!(error.line >= 1 && error.line <= lines.len(), "{}", error);
        let width = lines[error.line - 1].chars().count();
        prop_assert!(error.column >= 1 && error.column <= width + 1, "{}", error);
        prop_assert!((error.line, error.column) >= last, "{}", error);
        prop_assert!(!error.message.is_empty());
        last = (error.line, error.column);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        survives(&text)?;
    }

    #[test]
    fn no_toml_like_text_makes_the_parser_panic(
        pieces in vec(select(&[
            "[services.a]\n", "[[services.a.checks]]\n", "[services.a.stop]\n", "[stack]\n", "[", "]", "{", "}",
            "=", "\n", "\"", ",", "command = [\"x\"]\n", "checks = 1\n", "http", "\"ä\"", ".", "services", "a",
            "depends_on = [\"a\"]\n", "\\u0000", "1", "-1", "nan", "\u{feff}", "\r\n", "'''",
        ][..]), 0..40),
    ) {
        survives(&pieces.concat())?;
    }

    #[test]
    fn no_damage_to_a_good_file_makes_the_parser_panic(
        edits in vec((any::<prop::sample::Index>(), 0_usize..12, "[a-z\\[\\]{}=\".ä\n]{0,4}"), 1..6),
    ) {
        let mut chars: Vec<char> = FULL.chars().collect();
        for (place, removed, inserted) in edits {
            let start = place.index(chars.len());
            let end = (start + removed).min(chars.len());
            chars.splice(start..end, inserted.chars());
        }
        survives(&chars.into_iter().collect::<String>())?;
    }

    #[test]
    fn lengths_of_time_and_sizes_are_read_back(millis in 0_u64..3_153_600_000_000, bytes in 0_u64..1 << 63, text in any::<String>()) {
        let period = Period::from_millis(millis);
        prop_assert_eq!(period.to_string().parse(), Ok(period));
        let size = ByteSize::from_bytes(bytes);
        prop_assert_eq!(size.to_string().parse(), Ok(size));
        if let Ok(period) = text.parse::<Period>() {
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }
    }

    #[test]
    fn a_name_is_what_the_rule_says(text in "[a-c1-3._ä/ -]{0,70}") {
        let plain = |c: char| c.is_ascii_alphanumeric();
        let allowed = (1..=63).contains(&text.chars().count())
            && text.chars().all(|c| plain(c) || "-_.".contains(c))
            && text.starts_with(plain);
        prop_assert_eq!(ServiceName::new(text.as_str()).is_ok(), allowed);
    }
}
