//! The stack of the README: three real services that find one another through the registry.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use stead_model::definition::Definition;
use stead_testkit::{DEADLINE, eventually, free_port, http, processes};

use crate::support::{passing, pid, ready, replaced, stack};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name)
        .join("stead.toml")
}

/// The shop's definition with its programs as they are built and on ports of the test's own.
fn shop(gateway: u16) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_stead")).parent().unwrap();
    let mut text = std::fs::read_to_string(example("shop")).unwrap();
    for name in ["gateway", "orders", "payments"] {
        let program = programs.join(name);
        assert!(
            program.is_file(),
            "build the shop first: cargo build -p shop"
        );
        let by_cargo = format!(r#""cargo", "run", "--release", "--bin", "{name}", "--""#);
        assert!(
            text.contains(&by_cargo),
            "the shop's {name} is started in another way"
        );
        text = text.replace(&by_cargo, &format!("{:?}", program.to_str().unwrap()));
    }
    for (port, own) in [
        ("7000", gateway),
        ("7001", free_port()),
        ("7002", free_port()),
    ] {
        text = text.replace(port, &own.to_string());
    }
    text
}

#[test]
fn the_shop_opens_takes_an_order_survives_a_death_and_closes() {
    let gateway = free_port();
    let stack = stack().up(&shop(gateway));
    for name in ["payments", "orders", "gateway"] {
        ready(&stack, name);
    }
    eventually(DEADLINE, "orders is found", || {
        passing(&stack, "orders").len() == 1
    });

    let address = SocketAddr::from(([127, 0, 0, 1], gateway));
    let order = r#"{"item": "tea", "cents": 250}"#;
    eventually(DEADLINE, "an order is taken", || {
        http::request(address, "POST", "/orders", order).is_ok_and(|answer| answer.status == 201)
    });

    let old = pid(&ready(&stack, "orders"));
    processes::signal(old, "KILL");
    replaced(&stack, "orders", old);
    eventually(DEADLINE, "orders is found again", || {
        passing(&stack, "orders").len() == 1
    });
    eventually(DEADLINE, "the order was kept", || {
        http::get(address, "/orders").is_ok_and(|answer| answer.body.contains("tea"))
    });

    let ended = stack.stop();
    let place = |name: &str| {
        let line = format!("{name}: TERMINATED");
        ended
            .stderr
            .rfind(&line)
            .unwrap_or_else(|| panic!("no {line:?} in\n{}", ended.stderr))
    };
    for name in ["gateway", "orders", "payments"] {
        let line = format!("{name}: STOPPING");
        assert!(
            ended.stderr.contains(&line),
            "no {line:?} in\n{}",
            ended.stderr
        );
    }
    assert!(place("gateway") < place("orders"), "{}", ended.stderr);
    assert!(place("orders") < place("payments"), "{}", ended.stderr);
}

#[test]
fn every_example_is_a_definition_without_errors() {
    for name in ["shop", "wrap"] {
        let file = example(name);
        let text = std::fs::read_to_string(&file).unwrap();
        if let Err(errors) = Definition::parse(&text, &file) {
            panic!("{errors}");
        }
    }
}
