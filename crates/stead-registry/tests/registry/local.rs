use std::time::Duration;

use serde_json::Value;
use stead_api::consul::{CheckDefinition, GoDuration, Status};
use stead_registry::{Local, LocalOptions, Query, RegistryError, ServiceRegistration, TtlUpdate};

use crate::stack::{Stack, health, service, until};

async fn agent(stack: &Stack) -> Local {
    let mut options = LocalOptions::new("one", "127.0.0.1");
    options.server_port = 8500;
    Local::open(&stack.registry, options).await.unwrap()
}

fn ttl(id: &str, millis: u64) -> CheckDefinition {
    CheckDefinition {
        id: id.to_owned(),
        ttl: GoDuration(Duration::from_millis(millis)),
        ..CheckDefinition::default()
    }
}

fn registration(id: &str, checks: Vec<CheckDefinition>) -> ServiceRegistration {
    ServiceRegistration {
        service: service("web", id),
        checks,
        kept: false,
        replace_checks: false,
    }
}

fn passing(output: &str) -> TtlUpdate {
    TtlUpdate {
        status: Status::Passing,
        output: output.to_owned(),
    }
}

fn status(seen: &Value, check: &str) -> String {
    let checks = seen[0]["Checks"].as_array().unwrap();
    let found = checks
        .iter()
        .find(|one| one["CheckID"] == check)
        .expect(check);
    found["Status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_node_its_service_and_its_check_are_there() {
    let stack = Stack::start().await;
    let local = agent(&stack).await;
    let seen = stack.json(health("consul"));
    assert_eq!(seen[0]["Node"]["Node"], "one");
    assert_eq!(seen[0]["Service"]["Port"], 8500);
    assert_eq!(status(&seen, "serfHealth"), "passing");
    let id = local.options().node.id.clone();
    assert_eq!(id.len(), 36);
    // The catalogue's, not the agent's: it registered none.
    assert!(local.services().is_empty() && local.checks().is_empty());
    drop(local);
    let stack = stack.restart().await;
    let local = agent(&stack).await;
    assert_eq!(local.options().node.id, id);
    stack.stop().await;
}

#[tokio::test]
async fn a_check_without_a_beat_becomes_critical_and_says_what_it_said_last() {
    let stack = Stack::start().await;
    let local = agent(&stack).await;
    local
        .register_service(registration("w", vec![ttl("", 100)]))
        .await
        .unwrap();
    assert_eq!(status(&stack.json(health("web")), "service:w"), "critical");
    local
        .update_ttl("service:w", passing("fine"))
        .await
        .unwrap();
    let seen = stack.registry.ask_now(health("web"));
    assert_eq!(status(&stack.json(health("web")), "service:w"), "passing");
    let expired = stack.change(&health("web"), seen.index).await;
    let seen: Value = serde_json::from_slice(&expired.bytes.unwrap()).unwrap();
    assert_eq!(status(&seen, "service:w"), "critical");
    let output = local.checks()[0].check.output.clone();
    assert_eq!(
        output,
        "TTL expired (last output before timeout follows): fine"
    );
    local.update_ttl("service:w", passing("")).await.unwrap();
    assert_eq!(status(&stack.json(health("web")), "service:w"), "passing");
    stack.stop().await;
}

#[tokio::test]
async fn a_beat_that_says_nothing_new_writes_nothing() {
    let stack = Stack::start().await;
    let local = agent(&stack).await;
    local
        .register_service(registration("w", vec![ttl("c", 60_000)]))
        .await
        .unwrap();
    local.update_ttl("c", passing("fine")).await.unwrap();
    let revision = stack.registry.revision();
    for _ in 0..10 {
        local.update_ttl("c", passing("fine")).await.unwrap();
    }
    local
        .register_service(registration("w", vec![ttl("c", 60_000)]))
        .await
        .unwrap();
    assert_eq!(stack.registry.revision(), revision);
    // The verdict outlives a registration of the same.
    assert_eq!(status(&stack.json(health("web")), "c"), "passing");
    stack.stop().await;
}

#[tokio::test]
async fn nothing_counts_as_passing_after_a_restart_before_it_was_checked() {
    let stack = Stack::start().await;
    let local = agent(&stack).await;
    let http = CheckDefinition {
        id: "h".to_owned(),
        http: "http://127.0.0.1:1/".to_owned(),
        interval: GoDuration(Duration::from_secs(5)),
        status: "passing".to_owned(),
        ..CheckDefinition::default()
    };
    local
        .register_service(registration("w", vec![ttl("t", 60_000), http]))
        .await
        .unwrap();
    local.update_ttl("t", passing("")).await.unwrap();
    let seen = stack.json(health("web"));
    assert_eq!(
        (status(&seen, "t"), status(&seen, "h")),
        ("passing".into(), "passing".into())
    );
    drop(local);
    let stack = stack.restart().await;
    let local = agent(&stack).await;
    let seen = stack.json(health("web"));
    assert_eq!(
        (status(&seen, "t"), status(&seen, "h")),
        ("critical".into(), "critical".into())
    );
    assert_eq!(local.services().len(), 1);
    assert_eq!(local.definitions().borrow().len(), 2);
    local.update_ttl("t", passing("")).await.unwrap();
    local
        .set_check("h", Status::Passing, "200 OK".to_owned())
        .await
        .unwrap();
    let seen = stack.json(health("web"));
    assert_eq!(
        (status(&seen, "t"), status(&seen, "h")),
        ("passing".into(), "passing".into())
    );
    assert!(local.deregister_service("w").await.unwrap());
    assert!(!local.deregister_service("w").await.unwrap());
    drop(local);
    let stack = stack.restart().await;
    let local = agent(&stack).await;
    assert!(local.services().is_empty() && local.checks().is_empty());
    stack.stop().await;
}

#[tokio::test]
async fn checks_get_their_ids_and_may_be_replaced() {
    let stack = Stack::start().await;
    let local = agent(&stack).await;
    let ids = || -> Vec<String> {
        let checks = local.checks();
        checks
            .iter()
            .map(|found| found.check.check_id.clone())
            .collect()
    };
    let two = vec![ttl("", 60_000), ttl("", 60_000)];
    local
        .register_service(registration("w", two))
        .await
        .unwrap();
    assert_eq!(ids(), ["service:w:1", "service:w:2"]);
    local
        .register_service(registration("w", vec![ttl("x", 60_000)]))
        .await
        .unwrap();
    assert_eq!(ids(), ["service:w:1", "service:w:2", "x"]);
    let mut replacing = registration("w", vec![ttl("x", 60_000)]);
    replacing.replace_checks = true;
    local.register_service(replacing).await.unwrap();
    assert_eq!(ids(), ["x"]);
    let on_node = Query::NodeChecks { node: "one".into() };
    assert_eq!(stack.json(on_node).as_array().unwrap().len(), 2);
    assert!(local.deregister_check("x").await.unwrap());
    assert!(!local.deregister_check("x").await.unwrap());
    assert_eq!(ids(), [""; 0]);
    stack.stop().await;
}

/// Sets what is wrong with a definition.
type Fill = fn(&mut CheckDefinition);

#[tokio::test]
async fn definitions_that_make_no_sense_are_refused() {
    let stack = Stack::start().await;
    let local = agent(&stack).await;
    let check = |fill: Fill| {
        let mut definition = CheckDefinition {
            name: "c".to_owned(),
            ..CheckDefinition::default()
        };
        fill(&mut definition);
        definition
    };
    let cases: [(Fill, &str); 5] = [
        (|_| {}, "TTL must be > 0"),
        (|c| c.http = "http://x/".to_owned(), "Interval must be > 0"),
        (
            |c| c.ttl = GoDuration(Duration::from_secs(1)),
            "does not exist",
        ),
        (
            |c| {
                c.tcp = "x:1".to_owned();
                c.http = "http://x/".to_owned();
            },
            "more than one",
        ),
        (
            |c| {
                c.ttl = GoDuration(Duration::from_secs(1));
                c.status = "weird".to_owned();
            },
            "Bad check status",
        ),
    ];
    for (fill, text) in cases {
        let mut definition = check(fill);
        definition.serviceid = "nope".to_owned();
        let refused = local
            .register_check(definition)
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains(text), "{refused:?} lacks {text:?}");
    }
    let unknown = local.update_ttl("nope", passing("")).await;
    assert!(matches!(unknown, Err(RegistryError::NoSuchCheck { .. })));
    let twice = registration("w", vec![ttl("x", 1), ttl("x", 1)]);
    assert!(local.register_service(twice).await.is_err());
    assert!(local.checks().is_empty());
    stack.stop().await;
}

#[tokio::test]
async fn more_services_than_one_transaction_holds_are_registered() {
    let stack = Stack::start().await;
    let local = agent(&stack).await;
    let many = (0..100)
        .map(|place| {
            let id = format!("w{place}");
            registration(&id, vec![ttl(&format!("c{place}"), 60_000)])
        })
        .collect();
    local.register_services(many).await.unwrap();
    assert_eq!(local.services().len(), 100);
    assert_eq!(stack.json(health("web")).as_array().unwrap().len(), 100);
    for place in 0..100 {
        local
            .update_ttl(&format!("c{place}"), passing("fine"))
            .await
            .unwrap();
    }
    drop(local);
    let stack = stack.restart().await;
    let local = agent(&stack).await;
    assert_eq!(local.services().len(), 100);
    let critical = |check: &stead_registry::LocalCheck| check.check.status == Status::Critical;
    assert!(local.checks().iter().all(critical));
    stack.registry.remove_node("one").await.unwrap();
    assert_eq!(stack.json(health("web")), Value::Array(Vec::new()));
    drop(local);
    stack.stop().await;
}

#[tokio::test]
async fn a_service_that_stays_critical_is_deregistered() {
    let stack = Stack::start().await;
    let local = agent(&stack).await;
    let mut definition = ttl("c", 3_600_000);
    // Shorter than a minute counts as a minute.
    definition.deregistercriticalserviceafter = GoDuration(Duration::from_secs(1));
    let register = async |id: &str| {
        let mut definition = definition.clone();
        definition.id = format!("c-{id}");
        let registration = registration(id, vec![definition]);
        local.register_service(registration).await.unwrap();
    };
    register("bad").await;
    register("good").await;
    local.update_ttl("c-good", passing("")).await.unwrap();
    let ids = || -> Vec<String> {
        let services = local.services();
        services
            .iter()
            .map(|found| found.service.id.clone())
            .collect()
    };
    let jump = async |seconds| {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
    };
    jump(50).await;
    stack.registry.sync().await.unwrap();
    assert_eq!(ids(), ["bad", "good"]);
    jump(11).await;
    until(|| ids() == ["good"]).await;
    assert_eq!(stack.json(health("web")).as_array().unwrap().len(), 1);
    stack.stop().await;
}
