use serde_json::json;
use stead_api::consul::{Service, Status};
use stead_registry::{Batch, CheckState, HealthFilter, NodeMeta, Query, RegistryError, tags};

use crate::stack::{Stack, check, health, instances, node, nodes, service, services};

#[tokio::test]
async fn a_batch_is_done_together_or_not_at_all() {
    let stack = Stack::start().await;
    let mut batch = Batch::new();
    batch.node(node("a")).service("a", service("web", "web1"));
    batch.check(check("a", "c", "nope", Status::Passing));
    let refused = stack.registry.catalog(batch).await;
    assert!(matches!(refused, Err(RegistryError::NoSuchService { .. })));
    assert_eq!(stack.json(nodes()), json!([]));
    assert_eq!(stack.json(services()), json!({}));
    stack.stop().await;
}

/// Puts something into a batch.
type Fill = fn(&mut Batch);

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let stack = Stack::start().await;
    let cases: [(Fill, &str); 7] = [
        (
            |b| {
                b.node(node(""));
            },
            "Must provide node",
        ),
        (
            |b| {
                b.service("", service("s", ""));
            },
            "Must provide node",
        ),
        (
            |b| {
                b.service("a", service("", "x"));
            },
            "Must provide service name",
        ),
        (
            |b| {
                b.service("a", service("s", ""));
            },
            "\"a\" is not registered",
        ),
        (
            |b| {
                b.check(check("a", "", "", Status::Passing));
            },
            "check id",
        ),
        (
            |b| {
                b.node(node("a\0b"));
            },
            "NUL",
        ),
        (
            |b| {
                b.node(node(&"n".repeat(600)));
            },
            "longer than",
        ),
    ];
    for (fill, text) in cases {
        let mut batch = Batch::new();
        fill(&mut batch);
        let refused = stack.registry.catalog(batch).await.unwrap_err().to_string();
        assert!(refused.contains(text), "{refused:?} lacks {text:?}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn tags_facts_and_passing_select_instances() {
    let stack = Stack::start().await;
    stack
        .do_batch(|batch| {
            let mut first = node("a");
            first.meta = Some([("rack".to_owned(), "1".to_owned())].into());
            batch.node(first).node(node("b"));
            let tagged = |id: &str, tags: &[&str]| Service {
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                ..service("web", id)
            };
            batch.service("a", tagged("w1", &["x", "y"]));
            batch.service("b", tagged("w2", &["y"]));
            batch.check(check("a", "c1", "w1", Status::Warning));
            batch.check(check("b", "alive", "", Status::Passing));
        })
        .await;
    let ids = |tags_: &[&str], filter, meta: &[(&str, &str)]| {
        let query = Query::Health {
            service: "web".into(),
            tags: tags(tags_),
            filter,
            meta: meta
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        };
        let found = stack.json(query);
        let found = found.as_array().unwrap().iter();
        found
            .map(|one| one["Service"]["ID"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&[], HealthFilter::Any, &[]), ["w1", "w2"]);
    assert_eq!(ids(&["y", "x", "y"], HealthFilter::Any, &[]), ["w1"]);
    assert_eq!(ids(&["z"], HealthFilter::Any, &[]), [""; 0]);
    assert_eq!(ids(&[], HealthFilter::Passing, &[]), ["w2"]);
    assert_eq!(ids(&[], HealthFilter::Any, &[("rack", "1")]), ["w1"]);
    assert_eq!(stack.json(services()), json!({"web": ["x", "y"]}));
    stack.stop().await;
}

#[tokio::test]
async fn removing_a_node_removes_all_that_is_on_it() {
    let stack = Stack::start().await;
    stack
        .do_batch(|batch| {
            batch.node(node("a")).node(node("b"));
        })
        .await;
    for place in 0..30 {
        stack
            .do_batch(|batch| {
                let id = format!("w{place}");
                batch.service("a", service("web", &id));
                for number in 0..12 {
                    let name = format!("c{place}-{number}");
                    batch.check(check("a", &name, &id, Status::Passing));
                }
                batch.check(check("a", &format!("own{place}"), "", Status::Passing));
            })
            .await;
    }
    stack
        .do_batch(|batch| {
            batch.check(check("a", "alive", "", Status::Passing));
        })
        .await;
    stack.registry.remove_node("a").await.unwrap();
    assert_eq!(stack.json(health("web")), json!([]));
    assert_eq!(stack.json(services()), json!({}));
    assert_eq!(
        stack.json(Query::NodeChecks { node: "a".into() }),
        json!([])
    );
    assert_eq!(stack.json(nodes()).as_array().unwrap().len(), 1);
    let stack = stack.restart().await;
    assert_eq!(stack.json(Query::Node { node: "a".into() }), json!(null));
    assert_eq!(
        stack.json(Query::Node { node: "b".into() })["Services"],
        json!({})
    );
    stack.stop().await;
}

#[tokio::test]
async fn a_renamed_service_takes_its_checks_along() {
    let stack = Stack::start().await;
    stack
        .do_batch(|batch| {
            batch.node(node("a")).service("a", service("old", "id"));
            batch.check(check("a", "c", "id", Status::Passing));
        })
        .await;
    let before = stack.registry.ask_now(health("old")).index;
    stack
        .do_batch(|batch| {
            batch.service("a", service("new", "id"));
        })
        .await;
    let old = stack.change(&health("old"), before).await;
    assert_eq!(&old.bytes.unwrap()[..], b"[]");
    let new = stack.json(health("new"));
    assert_eq!(new[0]["Checks"][0]["ServiceName"], "new");
    let index = stack.registry.ask_now(health("old")).index;
    let stack = stack.restart().await;
    assert!(stack.registry.ask_now(health("old")).index >= index);
    stack.stop().await;
}

#[tokio::test]
async fn registering_the_same_again_changes_nothing() {
    let stack = Stack::start().await;
    let fill = |batch: &mut Batch| {
        batch.node(node("a")).service("a", service("web", "w"));
        batch.check(check("a", "c", "w", Status::Passing));
    };
    stack.do_batch(fill).await;
    let (revision, before) = (stack.registry.revision(), stack.json(health("web")));
    stack.do_batch(fill).await;
    assert_eq!(stack.registry.revision(), revision);
    assert_eq!(stack.json(health("web")), before);
    stack.stop().await;
}

#[tokio::test]
async fn a_changed_output_is_readable_and_wakes_nobody() {
    let stack = Stack::start().await;
    stack
        .do_batch(|batch| {
            batch.node(node("a")).service("a", service("web", "w"));
            batch.check(check("a", "c", "w", Status::Passing));
            batch.check(check("a", "alive", "", Status::Passing));
        })
        .await;
    for (id, place) in [("c", 1), ("alive", 0)] {
        for query in [
            health("web"),
            instances("web"),
            Query::NodeChecks { node: "a".into() },
            Query::Checks {
                status: None,
                meta: NodeMeta::default(),
            },
        ] {
            let say = |output: &str| CheckState {
                status: Status::Passing,
                output: format!("{output} {query:?}"),
            };
            let (first, second) = (say("one"), say("two"));
            stack
                .do_batch(|batch| {
                    batch.set_check("a", id, first);
                })
                .await;
            stack
                .assert_quiet(
                    query.clone(),
                    stack.do_batch(|batch| {
                        batch.set_check("a", id, second.clone());
                    }),
                )
                .await;
            let seen = stack.json(health("web"));
            assert_eq!(seen[0]["Checks"][place]["Output"], second.output);
        }
    }
    let stack = stack.restart().await;
    let seen = stack.json(health("web"))[0]["Checks"][1]["Output"].to_string();
    assert!(seen.contains("two"), "{seen}");
    stack.stop().await;
}

#[tokio::test]
async fn output_is_cut_between_characters() {
    let stack = Stack::start().await;
    let output = format!("x{}", "ü".repeat(4096));
    stack
        .do_batch(|batch| {
            batch
                .node(node("a"))
                .check(check("a", "c", "", Status::Passing));
            let status = Status::Critical;
            batch.set_check("a", "c", CheckState { status, output });
        })
        .await;
    let seen = stack.json(Query::NodeChecks { node: "a".into() });
    assert_eq!(seen[0]["Output"].as_str().unwrap().len(), 4095);
    stack.stop().await;
}
