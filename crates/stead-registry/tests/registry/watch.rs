use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use stead_api::consul::{Service, Status};
use stead_registry::{Batch, Cas, CheckState, HealthFilter, NodeMeta, Query, tags};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stack::{DEADLINE, Stack, check, health, node, service, tree};

/// Every writer's number under its own key, as a watcher sees it.
fn numbers(bytes: Option<&[u8]>) -> BTreeMap<String, u32> {
    use base64::Engine as _;
    let pairs: Vec<Value> = serde_json::from_slice(bytes.unwrap_or(b"[]")).unwrap();
    let decode = |pair: &Value| {
        let value = pair["Value"].as_str().unwrap();
        let value = base64::engine::general_purpose::STANDARD
            .decode(value)
            .unwrap();
        String::from_utf8(value).unwrap().parse().unwrap()
    };
    pairs
        .iter()
        .map(|pair| (pair["Key"].as_str().unwrap().to_owned(), decode(pair)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_watcher_misses_a_change_under_a_thousand_concurrent_writes() {
    const WRITERS: u32 = 1_000;
    const ROUNDS: u32 = 3;
    let stack = Stack::start().await;
    stack
        .do_batch(|batch| {
            batch.node(node("n")).service("n", service("web", "w"));
        })
        .await;
    let mut watchers = JoinSet::new();
    for _ in 0..8 {
        let registry = stack.registry.clone();
        watchers.spawn(async move {
            // Ends only when the last value of every writer was seen through the index alone.
            let mut index = 1;
            loop {
                let until = Instant::now() + DEADLINE;
                let answer = registry.ask(tree("w/"), Some(index), until).await;
                assert!(answer.index > index, "a change was missed");
                index = answer.index;
                let seen = numbers(answer.bytes.as_deref());
                let last = |value: &u32| *value == ROUNDS;
                if seen.len() == WRITERS as usize && seen.values().all(last) {
                    return;
                }
            }
        });
        let registry = stack.registry.clone();
        watchers.spawn(async move {
            let mut index = registry.ask_now(health("web")).index;
            loop {
                let until = Instant::now() + DEADLINE;
                let answer = registry.ask(health("web"), Some(index), until).await;
                assert!(answer.index > index, "a change was missed");
                index = answer.index;
                let seen: Value = serde_json::from_slice(&answer.bytes.unwrap()).unwrap();
                if seen[0]["Service"]["Port"] == 100 {
                    return;
                }
            }
        });
    }
    stack.waiting(16).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let registry = stack.registry.clone();
        writers.spawn(async move {
            let name = format!("w/{writer}");
            for round in 1..=ROUNDS {
                let value = round.to_string().into();
                registry.kv_put(&name, value, 0, Cas::Always).await.unwrap();
                // A write answers once the view holds it.
                assert_eq!(
                    &registry.kv_get(&name).unwrap().value[..],
                    round.to_string().as_bytes()
                );
            }
        });
    }
    let registry = stack.registry.clone();
    writers.spawn(async move {
        for port in 1..=100 {
            let service = Service {
                port,
                ..service("web", "w")
            };
            let mut batch = Batch::new();
            batch.service("n", service);
            registry.catalog(batch).await.unwrap();
        }
    });
    writers.join_all().await;
    watchers.join_all().await;
    stack.stop().await;
}

#[tokio::test]
async fn a_watcher_of_a_key_sees_each_change_of_it_alone() {
    let stack = Stack::start().await;
    let query = crate::stack::key("a/b");
    let mut index = stack.registry.ask_now(query.clone()).index;
    for round in 0..20 {
        let registry = stack.registry.clone();
        let asked = query.clone();
        let waiter = tokio::spawn(async move {
            registry
                .ask(asked, Some(index), Instant::now() + DEADLINE)
                .await
        });
        stack.waiting(1).await;
        for other in ["a", "a/", "a/bc", "a/b/c"] {
            let value = round.to_string().into();
            stack
                .registry
                .kv_put(other, value, 0, Cas::Always)
                .await
                .unwrap();
        }
        assert!(!waiter.is_finished());
        match round % 2 {
            0 => stack
                .registry
                .kv_put("a/b", "v".into(), 0, Cas::Always)
                .await
                .unwrap(),
            _ => stack.registry.kv_delete("a/b", Cas::Always).await.unwrap(),
        };
        let answer = waiter.await.unwrap();
        assert!(answer.index > index);
        assert_eq!(answer.bytes.is_some(), round % 2 == 0);
        index = answer.index;
    }
    stack.stop().await;
}

#[tokio::test]
async fn who_waits_for_the_same_gets_the_same_bytes() {
    let stack = Stack::start().await;
    stack
        .do_batch(|batch| {
            batch.node(node("n"));
        })
        .await;
    let index = stack.registry.ask_now(health("web")).index;
    let mut waiters = JoinSet::new();
    for _ in 0..100 {
        let registry = stack.registry.clone();
        waiters.spawn(async move {
            let until = Instant::now() + DEADLINE;
            registry.ask(health("web"), Some(index), until).await
        });
    }
    stack.waiting(100).await;
    stack
        .do_batch(|batch| {
            batch.service("n", service("web", "w"));
        })
        .await;
    let answers = waiters.join_all().await;
    let first = answers[0].bytes.as_ref().unwrap().as_ptr();
    assert!(
        answers
            .iter()
            .all(|answer| answer.bytes.as_ref().unwrap().as_ptr() == first)
    );
    assert_eq!(stack.registry.waiters(), 0);
    stack.stop().await;
}

#[tokio::test]
async fn the_end_of_the_wait_brings_what_there_is() {
    let stack = Stack::start().await;
    let soon = || Instant::now() + Duration::from_millis(20);
    let now = stack.registry.ask_now(health("web"));
    let answer = stack
        .registry
        .ask(health("web"), Some(now.index), soon())
        .await;
    assert_eq!(answer, now);
    // One whose index is ahead of this registry waits, and is told what is true here.
    let answer = stack
        .registry
        .ask(health("web"), Some(1_000_000), soon())
        .await;
    assert_eq!(answer, now);
    // One whose index was given by a tombstone that is forgotten keeps it.
    let revision = stack.registry.revision().0;
    let answer = stack
        .registry
        .ask(health("web"), Some(revision), soon())
        .await;
    assert_eq!(answer.index, revision);
    stack.stop().await;
}

#[tokio::test]
async fn closing_answers_who_waits() {
    let stack = Stack::start().await;
    let index = stack.registry.ask_now(health("web")).index;
    let registry = stack.registry.clone();
    let waiter = tokio::spawn(async move {
        registry
            .ask(health("web"), Some(index), Instant::now() + DEADLINE)
            .await
    });
    stack.waiting(1).await;
    let registry = stack.registry.clone();
    stack.stop().await;
    assert_eq!(&waiter.await.unwrap().bytes.unwrap()[..], b"[]");
    let refused = registry.kv_put("a", "v".into(), 0, Cas::Always).await;
    assert!(matches!(
        refused,
        Err(stead_registry::RegistryError::Closed)
    ));
}

#[tokio::test]
async fn one_who_stops_waiting_leaves_nothing_behind() {
    let stack = Stack::start().await;
    for round in 0..3 {
        let registry = stack.registry.clone();
        let query = Query::NodeChecks {
            node: format!("n{round}").into(),
        };
        let waiter = tokio::spawn(async move {
            registry
                .ask(query, Some(1), Instant::now() + DEADLINE)
                .await
        });
        stack.waiting(1).await;
        waiter.abort();
        let _ = waiter.await;
        stack.waiting(0).await;
    }
    stack
        .do_batch(|batch| {
            batch.node(node("n0"));
            batch.check(check("n0", "c", "", Status::Passing));
        })
        .await;
    stack.stop().await;
}

#[tokio::test]
async fn a_change_that_is_not_in_the_answer_wakes_nobody() {
    let stack = Stack::start().await;
    let tagged = |id: &str, tag: &str| Service {
        tags: vec![tag.to_owned()],
        ..service("web", id)
    };
    stack
        .do_batch(|batch| {
            batch.node(node("n"));
            batch
                .service("n", tagged("w1", "a"))
                .service("n", tagged("w2", "b"));
            batch.check(check("n", "c", "w2", Status::Warning));
        })
        .await;
    let only = |tag: Option<&str>, filter| Query::Health {
        service: "web".into(),
        tags: tags(tag),
        filter,
        meta: NodeMeta::default(),
    };
    let say = async |status| {
        let output = String::new();
        let state = CheckState { status, output };
        stack
            .do_batch(|batch| {
                batch.set_check("n", "c", state);
            })
            .await;
    };
    let passing = only(None, HealthFilter::Passing);
    stack
        .assert_quiet(passing.clone(), say(Status::Critical))
        .await;
    stack
        .assert_quiet(only(Some("a"), HealthFilter::Any), say(Status::Warning))
        .await;
    let before = stack.registry.ask_now(passing.clone());
    say(Status::Passing).await;
    let after = stack.change(&passing, before.index).await;
    assert_ne!(before.bytes, after.bytes);
    stack.stop().await;
}

#[tokio::test]
async fn a_key_wakes_who_waits_for_any_prefix_of_it() {
    let stack = Stack::start().await;
    for prefix in ["", "a", "a/", "a/b", "a/b/", "a/b/c"] {
        for round in 0..2 {
            let query = tree(prefix);
            let index = stack.registry.ask_now(query.clone()).index;
            let registry = stack.registry.clone();
            let waiter = tokio::spawn(async move {
                let until = Instant::now() + DEADLINE;
                registry.ask(query, Some(index), until).await
            });
            stack.waiting(1).await;
            let begun = Instant::now();
            if round == 0 {
                let value = prefix.to_owned().into();
                let put = stack.registry.kv_put("a/b/c", value, 7, Cas::Always);
                put.await.unwrap();
            } else {
                stack
                    .registry
                    .kv_delete("a/b/c", Cas::Always)
                    .await
                    .unwrap();
            }
            let answer = waiter.await.unwrap();
            // The end of the wait would bring the change as well.
            assert!(begun.elapsed() < DEADLINE / 2, "{prefix:?} was not woken");
            assert_eq!(
                (answer.index > index, answer.bytes.is_some()),
                (true, round == 0)
            );
        }
    }
    stack.stop().await;
}
