//! The definition file: what it gives.

#![allow(
    clippy::format_collect,
    reason = "a text of a few lines, once in a test"
)]

use std::path::Path;

use stead_model::definition::{
    Argv, CheckKind, Period, Ready, RecoveryKind, Reload, RestartWhen, Signal, Weights, dependents,
    known_keys, start_order, stop_order,
};
use stead_model::{Definition, Service};

const FULL: &str = include_str!("definition_full.toml");

fn parse(text: &str) -> Definition {
    Definition::parse(text, Path::new("stead.toml")).unwrap_or_else(|errors| panic!("{errors}"))
}

fn errors(text: &str) -> String {
    match Definition::parse(text, Path::new("shop/stead.toml")) {
        Ok(_) => String::new(),
        Err(errors) => errors.to_string(),
    }
}

fn orders(definition: &Definition) -> &Service {
    &definition.services["orders"]
}

#[test]
fn every_key_of_the_specification_is_read() {
    let definition = parse(FULL);
    assert_eq!(definition.stack.name.as_ref().unwrap(), &"shop");
    assert_eq!(definition.stack.environment.as_ref().unwrap(), &"dev");
    let service = orders(&definition);
    assert_eq!(service.command.program(), "./orders");
    assert_eq!(service.command.arguments(), ["--port", "7001"]);
    assert_eq!(service.environment["RUST_LOG"], "info");
    assert_eq!(service.depends_on[0], "payments");
    assert_eq!(service.before_start[0].words(), ["./migrate"]);
    assert_eq!(service.reload, Some(Reload::Signal(Signal::Hup)));
    assert_eq!(service.limits.memory.unwrap().bytes(), 512 << 20);
    assert_eq!(service.limits.cpu, Some(1.5));
    assert_eq!(
        service.windows.account.as_deref(),
        Some("NT SERVICE\\orders")
    );
    let recovery = service.windows.recovery.as_ref().unwrap();
    assert_eq!(recovery.actions[2].kind, RecoveryKind::Run);
    assert_eq!(recovery.actions[1].delay, Period::from_secs(10));
    let publish = service.publish.as_ref().unwrap();
    assert_eq!(publish.port, Some(7001));
    let weights = Weights {
        passing: 10,
        warning: 1,
    };
    assert_eq!(publish.weights, weights);
    let check = &service.checks[0];
    assert_eq!(check.name, "http");
    let url = "http://127.0.0.1:7001/health";
    assert_eq!(check.kind, CheckKind::Http(url.to_owned()));
    assert_eq!(service.config.watch.len(), 2);
}

#[test]
fn what_the_specification_calls_default_is() {
    let full = parse(FULL);
    let full = orders(&full);
    let bare = parse("[services.orders]\ncommand = [\"./orders\"]\n");
    let bare = orders(&bare);
    assert_eq!(bare, &Service::new(bare.command.clone()));
    // The values that the full file spells out are the defaults.
    assert_eq!(bare.directory, full.directory);
    assert_eq!(bare.start, full.start);
    assert_eq!(bare.ready, full.ready);
    assert_eq!(bare.ready_timeout, full.ready_timeout);
    assert_eq!(bare.success_exit, full.success_exit);
    assert_eq!(bare.stop, full.stop);
    assert_eq!(bare.restart, full.restart);
    assert_eq!(bare.logs, full.logs);
    assert_eq!(bare.sandbox.profile, full.sandbox.profile);
    assert_eq!(bare.hook_timeout, Period::from_secs(30));
    assert_eq!(bare.restart.policy, RestartWhen::OnFailure);
    assert_eq!(bare.ready, Ready::Spawned);
    assert_eq!(bare.publish, None);
    let check =
        parse("[services.a]\ncommand = [\"a\"]\n[[services.a.checks]]\ntcp = \"localhost:80\"\n");
    let check = &check.services["a"].checks[0];
    let spelt = &full.checks[0];
    assert_eq!(
        (
            check.interval,
            check.timeout,
            check.healthy_after,
            check.unhealthy_after
        ),
        (
            spelt.interval,
            spelt.timeout,
            spelt.healthy_after,
            spelt.unhealthy_after
        ),
    );
}

#[test]
fn checks_without_a_name_are_called_by_kind_and_number() {
    let definition = parse(
        r#"
        [services.a]
        command = ["a"]
        checks = [
            { tcp = "localhost:1" },
            { http = "http://localhost:2" },
            { tcp = "[::1]:3" },
            { tcp = "localhost:4", name = "last" },
            { heartbeat = "15s" },
            { grpc = "localhost:5/shop.Orders" },
            { exec = ["./probe", "-q"] },
        ]
        "#,
    );
    let names: Vec<_> = orders_names(&definition);
    assert_eq!(
        names,
        ["tcp", "http", "tcp-2", "last", "heartbeat", "grpc", "exec"]
    );
}

fn orders_names(definition: &Definition) -> Vec<&str> {
    let checks = &definition.services["a"].checks;
    checks.iter().map(|check| check.name.as_str()).collect()
}

#[test]
fn order_is_by_dependency() {
    let definition = parse(
        r#"
        [services.gateway]
        command = ["x"]
        depends_on = ["orders", "payments"]
        [services.orders]
        command = ["x"]
        depends_on = ["payments"]
        [services.payments]
        command = ["x"]
        [services.alone]
        command = ["x"]
        "#,
    );
    let words = |layers: Vec<Vec<stead_model::ServiceName>>| {
        let layer = |names: Vec<stead_model::ServiceName>| {
            let names: Vec<_> = names.into_iter().map(String::from).collect();
            names.join(" ")
        };
        layers.into_iter().map(layer).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        words(start_order(&definition)),
        "alone payments, orders, gateway"
    );
    assert_eq!(
        words(stop_order(&definition)),
        "gateway, orders, alone payments"
    );
    let payments = "payments".parse().unwrap();
    assert_eq!(
        words(vec![dependents(&definition, &payments)]),
        "gateway orders"
    );
}

#[test]
fn a_long_chain_of_services_is_no_burden() {
    let chain = |count: usize, last: &str| {
        (0..count)
            .map(|index| {
                let on = if index + 1 == count {
                    last.to_owned()
                } else {
                    format!("\"s{}\"", index + 1)
                };
                format!("[services.s{index}]\ncommand = [\"x\"]\ndepends_on = [{on}]\n")
            })
            .collect::<String>()
    };
    let count = 10_000;
    assert_eq!(start_order(&parse(&chain(count, ""))).len(), count);
    let circle = errors(&chain(count, "\"s0\""));
    assert!(circle.contains("s0 → s1 → s2"), "{}", &circle[..200]);
}

#[test]
fn json_is_judged_by_the_same_rules() {
    let definition = parse(FULL);
    let mut json = serde_json::to_value(&definition).unwrap();
    assert_eq!(json["services"]["orders"]["stop"]["grace"], "10s");
    assert_eq!(json["services"]["orders"]["logs"]["max_size"], "10MiB");
    assert_eq!(
        json["services"]["orders"]["checks"][0]["http"],
        "http://127.0.0.1:7001/health"
    );
    let back: Definition = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(back, definition);
    json["services"]["payments"]["user"] = serde_json::json!("a\0");
    let error = serde_json::from_value::<Definition>(json.clone()).unwrap_err();
    assert!(error.to_string().contains("NUL"), "{error}");
    json["services"]["payments"]["user"] = serde_json::Value::Null;
    json["services"]["payments"]["depends_on"] = serde_json::json!(["orders"]);
    let error = serde_json::from_value::<Definition>(json)
        .unwrap_err()
        .to_string();
    assert!(error.contains("orders → payments → orders"), "{error}");
}

#[test]
fn the_known_keys_name_every_table_once() {
    let keys = known_keys();
    let mut places: Vec<_> = keys.iter().map(|key| (&key.table, key.name)).collect();
    let count = places.len();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), count);
    assert!(places.contains(&(&"[[services.NAME.checks]]".to_owned(), "http")));
    assert!(places.contains(&(&"[services.NAME.windows.recovery]".to_owned(), "reset")));
    assert!(
        keys.iter().all(|key| key.meaning.ends_with('.')),
        "a meaning is a sentence"
    );
}

#[test]
fn paths_are_relative_to_the_file_and_the_directory() {
    let mut service = orders(&parse(FULL)).clone();
    let base = Path::new("shop");
    assert_eq!(service.directory_under(base), base);
    assert_eq!(service.program_under(base), base.join("orders"));
    assert_eq!(
        service.environment_file_under(base),
        Some(base.join(".env"))
    );
    service.directory = "./work".to_owned();
    assert_eq!(service.directory_under(base), base.join("work"));
    assert_eq!(service.program_under(base), base.join("work/orders"));
    assert_eq!(
        service.path_under(base, "run/orders.pid"),
        base.join("work/run/orders.pid")
    );
    let python = Service::new(Argv::new(vec!["python3".to_owned()]).unwrap());
    assert_eq!(python.program_under(base), Path::new("python3"));
}
