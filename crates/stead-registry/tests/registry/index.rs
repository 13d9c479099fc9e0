use proptest::prelude::*;
use stead_api::consul::{Service, Status};
use stead_registry::{Batch, CheckState, NodeMeta, Options, Query, Registry};

use crate::stack::{
    Stack, check, health, instances, key, node, nodes, service, services, tree, until,
};

fn everything() -> Vec<Query> {
    let mut queries = vec![nodes(), services()];
    for name in ["s0", "s1"] {
        queries.push(health(name));
        queries.push(instances(name));
        queries.push(Query::ServiceChecks {
            service: name.into(),
            meta: NodeMeta::default(),
        });
    }
    for name in ["n0", "n1"] {
        queries.push(Query::Node { node: name.into() });
        queries.push(Query::NodeChecks { node: name.into() });
    }
    for status in [None, Some(Status::Passing), Some(Status::Critical)] {
        queries.push(Query::Checks {
            status,
            meta: NodeMeta::default(),
        });
    }
    queries.push(Query::Services {
        meta: [("k".to_owned(), "v".to_owned())].into(),
    });
    queries.extend([
        tree(""),
        tree("a"),
        tree("a/"),
        tree("b"),
        key("a/1"),
        key("b"),
    ]);
    queries
}

#[derive(Clone, Debug)]
enum Step {
    Node(usize, u8),
    Service(usize, usize, usize, u8),
    Check(usize, usize, Option<usize>, bool),
    SetCheck(usize, usize, bool, u8),
    RemoveNode(usize),
    RemoveService(usize, usize),
    RemoveCheck(usize, usize),
    Put(usize, u8),
    Delete(usize),
    DeleteTree(usize),
    Restart,
}

const KEYS: [&str; 5] = ["a", "a/1", "a/2", "ab", "b"];

fn step() -> impl Strategy<Value = Step> {
    let (node, small) = (0..2_usize, 0..2_usize);
    prop_oneof![
        (node.clone(), 0..2_u8).prop_map(|(n, a)| Step::Node(n, a)),
        (node.clone(), small.clone(), small.clone(), 0..3_u8)
            .prop_map(|(n, i, s, t)| Step::Service(n, i, s, t)),
        (
            node.clone(),
            small.clone(),
            proptest::option::of(small.clone()),
            any::<bool>()
        )
            .prop_map(|(n, c, s, up)| Step::Check(n, c, s, up)),
        (node.clone(), small.clone(), any::<bool>(), 0..3_u8)
            .prop_map(|(n, c, up, o)| Step::SetCheck(n, c, up, o)),
        node.clone().prop_map(Step::RemoveNode),
        (node.clone(), small.clone()).prop_map(|(n, i)| Step::RemoveService(n, i)),
        (node, small).prop_map(|(n, c)| Step::RemoveCheck(n, c)),
        (0..KEYS.len(), 0..3_u8).prop_map(|(k, v)| Step::Put(k, v)),
        (0..KEYS.len()).prop_map(Step::Delete),
        (0..KEYS.len()).prop_map(Step::DeleteTree),
        Just(Step::Restart),
    ]
}

/// Does a step. One that makes no sense now is refused, which is a change of nothing.
async fn act(registry: &Registry, step: &Step) {
    let status = |up: bool| {
        if up {
            Status::Passing
        } else {
            Status::Critical
        }
    };
    let name = |kind: &str, place: &usize| format!("{kind}{place}");
    let mut batch = Batch::new();
    match step {
        Step::Node(n, address) => {
            let mut node = node(&name("n", n));
            node.address = format!("10.0.0.{address}");
            if *address == 1 {
                node.meta = Some([("k".to_owned(), "v".to_owned())].into());
            }
            batch.node(node);
        }
        Step::Service(n, id, s, tag) => {
            let tags = (*tag > 0).then(|| format!("t{tag}")).into_iter().collect();
            let service = Service {
                tags,
                ..service(&name("s", s), &name("i", id))
            };
            batch.service(&name("n", n), service);
        }
        Step::Check(n, c, s, up) => {
            let service = s.map(|s| name("i", &s)).unwrap_or_default();
            batch.check(check(&name("n", n), &name("c", c), &service, status(*up)));
        }
        Step::SetCheck(n, c, up, output) => {
            let state = CheckState {
                status: status(*up),
                output: format!("said {output}"),
            };
            batch.set_check(&name("n", n), &name("c", c), state);
        }
        Step::RemoveNode(n) => {
            batch.remove_node(&name("n", n));
        }
        Step::RemoveService(n, id) => {
            batch.remove_service(&name("n", n), &name("i", id));
        }
        Step::RemoveCheck(n, c) => {
            batch.remove_check(&name("n", n), &name("c", c));
        }
        Step::Put(k, value) => {
            let value = vec![*value].into();
            let cas = stead_registry::Cas::Always;
            assert!(registry.kv_put(KEYS[*k], value, 0, cas).await.unwrap());
            return;
        }
        Step::Delete(k) => {
            let cas = stead_registry::Cas::Always;
            assert!(registry.kv_delete(KEYS[*k], cas).await.unwrap());
            return;
        }
        Step::DeleteTree(k) => return registry.kv_delete_tree(KEYS[*k]).await.unwrap(),
        Step::Restart => unreachable!("done by the test"),
    }
    let _ = registry.catalog(batch).await;
}

/// Leaves the outputs of checks aside, which change without an index.
fn without_outputs(bytes: Option<&[u8]>) -> Option<String> {
    let text = std::str::from_utf8(bytes?).unwrap();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\"Output\":\"") {
        let (head, tail) = rest.split_at(at);
        out.push_str(head);
        rest = &tail[tail.find(',').unwrap()..];
    }
    Some(out + rest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever happens, restarts included: an index is never 0, never goes backwards, and grows
    /// when the answer changes; a step that changes an answer by more than outputs is never
    /// missed by one who compares indexes; a listed view answers what a followed one did.
    #[test]
    fn an_answer_that_changed_has_a_greater_index(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut stack = Stack::start().await;
            let queries = everything();
            let mut seen: Vec<_> =
                queries.iter().map(|query| stack.registry.ask_now(query.clone())).collect();
            for step in &steps {
                let restarted = matches!(step, Step::Restart);
                if restarted {
                    stack = stack.restart().await;
                } else {
                    act(&stack.registry, step).await;
                }
                for (query, old) in queries.iter().zip(&mut seen) {
                    let new = stack.registry.ask_now(query.clone());
                    let changed = without_outputs(new.bytes.as_deref())
                        != without_outputs(old.bytes.as_deref());
                    assert!(new.index > 0 && new.index >= old.index, "{query:?} at {step:?}");
                    assert!(!changed || new.index > old.index, "{query:?} at {step:?}");
                    assert!(!changed || !restarted, "{query:?} changed by a restart");
                    *old = new;
                }
            }
            stack.stop().await;
        });
    }
}

#[tokio::test]
async fn unrelated_writes_wake_nobody_even_when_the_answer_is_empty() {
    let stack = Stack::start().await;
    stack
        .do_batch(|batch| {
            batch.node(node("n0")).service("n0", service("s0", "i0"));
            batch.check(check("n0", "c0", "i0", Status::Passing));
        })
        .await;
    let cas = stead_registry::Cas::Always;
    for query in [
        health("other"),
        instances("other"),
        tree("x/"),
        key("x"),
        tree("a/1/"),
    ] {
        stack
            .assert_quiet(query, async {
                stack
                    .do_batch(|batch| {
                        batch.node(node("n1")).service("n1", service("s1", "i1"));
                        batch.check(check("n1", "c1", "i1", Status::Passing));
                    })
                    .await;
                for key in ["a", "a/1", "xy/z"] {
                    stack
                        .registry
                        .kv_put(key, "v".into(), 0, cas)
                        .await
                        .unwrap();
                }
                stack.registry.kv_delete_tree("a").await.unwrap();
                stack.registry.kv_delete_tree("xy/").await.unwrap();
                stack.registry.remove_node("n1").await.unwrap();
            })
            .await;
    }
    // A check's verdict is no change of the catalogue, a port none of the list of services.
    let critical = CheckState {
        status: Status::Critical,
        output: String::new(),
    };
    stack
        .assert_quiet(
            instances("s0"),
            stack.do_batch(|batch| {
                batch.set_check("n0", "c0", critical);
            }),
        )
        .await;
    let port = Service {
        port: 99,
        ..service("s0", "i0")
    };
    stack
        .assert_quiet(
            services(),
            stack.do_batch(|batch| {
                batch.service("n0", port);
            }),
        )
        .await;
    stack.stop().await;
}

#[tokio::test]
async fn deleting_the_last_key_advances_the_prefix_over_a_restart_too() {
    let stack = Stack::start().await;
    let cas = stead_registry::Cas::Always;
    stack
        .registry
        .kv_put("a/1", "v".into(), 0, cas)
        .await
        .unwrap();
    let before = stack.registry.ask_now(tree("a/"));
    stack.registry.kv_delete("a/1", cas).await.unwrap();
    let after = stack.registry.ask_now(tree("a/"));
    assert!(after.index > before.index && after.bytes.is_none());
    let stack = stack.restart().await;
    assert_eq!(stack.registry.ask_now(tree("a/")), after);
    stack.stop().await;
}

#[tokio::test]
async fn forgotten_tombstones_never_take_an_index_back() {
    let stack = Stack::start_with(Options {
        tombstones_max: 64,
        ..Options::default()
    })
    .await;
    let cas = stead_registry::Cas::Always;
    let mut last = Vec::new();
    for place in 0..200 {
        let name = format!("k{place}");
        stack
            .registry
            .kv_put(&name, "v".into(), 0, cas)
            .await
            .unwrap();
        stack.registry.kv_delete(&name, cas).await.unwrap();
        last.push(stack.registry.ask_now(key(&name)).index);
    }
    // Some of them are forgotten: what the store holds says so.
    let graves = async || {
        let range = stead_store::KeyRange::prefix("t\0k\0");
        let at = stead_store::ReadAt::Latest;
        let found = stead_store::Store::range(&*stack.store, range, at, None).await;
        found.unwrap().entries.len()
    };
    let deadline = tokio::time::Instant::now() + crate::stack::DEADLINE;
    while graves().await > 64 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "nothing is forgotten"
        );
        tokio::task::yield_now().await;
    }
    for (place, index) in last.iter().enumerate() {
        assert!(stack.registry.ask_now(key(&format!("k{place}"))).index >= *index);
    }
    let newest = stack.registry.ask_now(tree("")).index;
    let stack = stack.restart().await;
    for (place, index) in last.iter().enumerate() {
        assert!(stack.registry.ask_now(key(&format!("k{place}"))).index >= *index);
    }
    assert!(stack.registry.ask_now(tree("")).index >= newest);
    until(|| stack.registry.waiters() == 0).await;
    stack.stop().await;
}
