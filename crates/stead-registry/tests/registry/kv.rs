use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use stead_registry::{Cas, Query, RegistryError};

use crate::stack::{Stack, key, tree};

/// What the key-value store is to do, as plainly as it can be said. Revisions are those that the
/// registry reports.
#[derive(Default)]
struct Model(BTreeMap<String, (Vec<u8>, u64, u64)>);

impl Model {
    fn allows(&self, key: &str, cas: Option<u64>) -> bool {
        match (cas, self.0.get(key)) {
            (None, _) | (Some(0), None) => true,
            (Some(index), Some((_, _, modified))) => index == *modified,
            (Some(_), None) => false,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(String, Vec<u8>, u64, CasKind),
    Delete(String, CasKind),
    DeleteTree(String),
    Restart,
}

#[derive(Clone, Copy, Debug)]
enum CasKind {
    None,
    Zero,
    Current,
    Stale,
}

fn keys() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab](/[ab]){0,2}/?",
        Just("ü/x".to_owned()),
        Just("a b%2F#?\\".to_owned()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let cas = prop_oneof![
        4 => Just(CasKind::None),
        1 => Just(CasKind::Zero),
        1 => Just(CasKind::Current),
        1 => Just(CasKind::Stale),
    ];
    let value = prop::collection::vec(any::<u8>(), 0..3);
    prop_oneof![
        6 => (keys(), value, 0..3_u64, cas.clone()).prop_map(|(k, v, f, c)| Step::Put(k, v, f, c)),
        2 => (keys(), cas).prop_map(|(k, c)| Step::Delete(k, c)),
        1 => prop_oneof![keys(), Just(String::new())].prop_map(Step::DeleteTree),
        1 => Just(Step::Restart),
    ]
}

fn cas_index(kind: CasKind, model: &Model, key: &str) -> Option<u64> {
    let current = model.0.get(key).map_or(7_777, |(_, _, modified)| *modified);
    match kind {
        CasKind::None => None,
        CasKind::Zero => Some(0),
        CasKind::Current => Some(current),
        CasKind::Stale => Some(current + 1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn keys_behave_as_the_model_says(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut stack = Stack::start().await;
            let mut model = Model::default();
            for step in steps {
                match step {
                    Step::Put(key, value, flags, kind) => {
                        let cas = cas_index(kind, &model, &key);
                        let rule = cas.map_or(Cas::Always, Cas::from_index);
                        let done = stack.registry.kv_put(&key, value.clone().into(), flags, rule);
                        assert_eq!(done.await.unwrap(), model.allows(&key, cas));
                        if model.allows(&key, cas) {
                            let same = model.0.get(&key).is_some_and(|(old, old_flags, _)| {
                                *old == value && *old_flags == flags
                            });
                            let now = stack.registry.kv_get(&key).unwrap().modified.0;
                            if same {
                                assert_eq!(now, model.0[&key].2, "an identical value was written");
                            }
                            model.0.insert(key, (value, flags, now));
                        }
                    }
                    Step::Delete(key, kind) => {
                        let cas = cas_index(kind, &model, &key);
                        let rule = cas.map_or(Cas::Always, Cas::from_index);
                        let gone = !model.0.contains_key(&key);
                        let done = stack.registry.kv_delete(&key, rule).await.unwrap();
                        let zero = cas == Some(0) && !gone;
                        assert_eq!(done, gone || (model.allows(&key, cas) && !zero));
                        if done {
                            model.0.remove(&key);
                        }
                    }
                    Step::DeleteTree(prefix) => {
                        stack.registry.kv_delete_tree(&prefix).await.unwrap();
                        model.0.retain(|key, _| !key.starts_with(&prefix));
                    }
                    Step::Restart => stack = stack.restart().await,
                }
                check(&stack, &model);
            }
            stack.stop().await;
        });
    }
}

fn check(stack: &Stack, model: &Model) {
    for prefix in ["", "a", "a/", "b/a", "ü"] {
        let below: Vec<_> = model
            .0
            .iter()
            .filter(|(key, _)| key.starts_with(prefix))
            .collect();
        let answer = stack.registry.ask_now(tree(prefix));
        let found: Vec<Value> = match &answer.bytes {
            Some(bytes) => serde_json::from_slice(bytes).unwrap(),
            None => Vec::new(),
        };
        let found: Vec<_> = found
            .iter()
            .map(|pair| {
                (
                    pair["Key"].as_str().unwrap(),
                    pair["Flags"].as_u64().unwrap(),
                )
            })
            .collect();
        let expected: Vec<_> = below
            .iter()
            .map(|(k, (_, flags, _))| (k.as_str(), *flags))
            .collect();
        assert_eq!(found, expected, "below {prefix:?}");
        let newest = below.iter().map(|(_, (_, _, modified))| *modified).max();
        assert!(answer.index >= newest.unwrap_or(1));
    }
    for (key, (value, flags, modified)) in &model.0 {
        let entry = stack.registry.kv_get(key).unwrap();
        assert_eq!((&entry.value[..], entry.flags), (&value[..], *flags));
        assert_eq!(entry.modified.0, *modified);
        let raw = stack.registry.ask_now(Query::Raw {
            key: key.clone().into(),
        });
        assert_eq!(&raw.bytes.unwrap()[..], &value[..]);
        assert_eq!(raw.index, *modified);
    }
}

#[tokio::test]
async fn names_are_cut_behind_the_separator() {
    let stack = Stack::start().await;
    for key in ["a/b/c", "a/b/d", "a/e", "a/ü/x", "ab", "z"] {
        stack
            .registry
            .kv_put(key, "v".into(), 0, Cas::Always)
            .await
            .unwrap();
    }
    for (prefix, separator, names) in [
        ("", "", json!(["a/b/c", "a/b/d", "a/e", "a/ü/x", "ab", "z"])),
        ("", "/", json!(["a/", "ab", "z"])),
        ("a/", "/", json!(["a/b/", "a/e", "a/ü/"])),
        ("a", "/", json!(["a/", "ab"])),
        ("a/b/", "/", json!(["a/b/c", "a/b/d"])),
        ("a/", "ü/", json!(["a/b/c", "a/b/d", "a/e", "a/ü/"])),
    ] {
        let query = Query::Keys {
            prefix: prefix.into(),
            separator: separator.to_owned(),
        };
        assert_eq!(stack.json(query), names, "{prefix:?} {separator:?}");
    }
    let query = Query::Keys {
        prefix: "q".into(),
        separator: String::new(),
    };
    assert_eq!(stack.registry.ask_now(query).bytes, None);
    stack.stop().await;
}

#[tokio::test]
async fn an_empty_value_is_null_and_base64_is_padded() {
    let stack = Stack::start().await;
    for (name, value, shown) in [("e", "", Value::Null), ("v", "abcd", json!("YWJjZA=="))] {
        stack
            .registry
            .kv_put(name, value.into(), 42, Cas::Always)
            .await
            .unwrap();
        let pair = &stack.json(key(name))[0];
        assert_eq!(pair["Value"], shown);
        assert_eq!(pair["Flags"], 42);
        assert!(pair.get("Session").is_none());
    }
    stack.stop().await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let stack = Stack::start().await;
    let put = |key: String, size: usize| {
        let registry = stack.registry.clone();
        async move {
            registry
                .kv_put(&key, vec![0; size].into(), 0, Cas::Always)
                .await
        }
    };
    let refused = put(String::new(), 1).await;
    assert!(matches!(refused, Err(RegistryError::EmptyKey)));
    let refused = put("k".repeat(5_000), 1).await;
    assert!(matches!(
        refused,
        Err(RegistryError::TooLarge { what: "key", .. })
    ));
    let refused = put("k".to_owned(), 2 << 20).await;
    assert!(matches!(
        refused,
        Err(RegistryError::TooLarge { what: "value", .. })
    ));
    // The longest key that is taken can be deleted too.
    let longest = "k".repeat((4 << 10) - 8);
    assert!(put(longest.clone(), 1).await.unwrap());
    assert!(
        stack
            .registry
            .kv_delete(&longest, Cas::Always)
            .await
            .unwrap()
    );
    assert!(stack.registry.kv_get(&longest).is_none());
    stack.stop().await;
}

#[tokio::test]
async fn a_large_tree_is_deleted_in_one_step_and_stays_deleted() {
    let stack = Stack::start().await;
    for place in 0..100 {
        let name = format!("t/{place}");
        stack
            .registry
            .kv_put(&name, "v".into(), 0, Cas::Always)
            .await
            .unwrap();
    }
    let before = stack.registry.revision();
    stack.registry.kv_delete_tree("t/").await.unwrap();
    assert_eq!(stack.registry.revision().0, before.0 + 1);
    let index = stack.registry.ask_now(key("t/5")).index;
    assert_eq!(index, before.0 + 1);
    let stack = stack.restart().await;
    assert_eq!(stack.registry.ask_now(tree("t")).bytes, None);
    assert_eq!(stack.registry.ask_now(tree("t")).index, index);
    assert_eq!(stack.registry.ask_now(key("t/5")).index, index);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_create_the_same_key_one_succeeds() {
    let stack = Stack::start().await;
    let mut tries = tokio::task::JoinSet::new();
    for place in 0..200_u32 {
        let registry = stack.registry.clone();
        tries.spawn(async move {
            let value = place.to_string().into();
            registry
                .kv_put("lock", value, 0, Cas::Create)
                .await
                .unwrap()
        });
    }
    let won = tries
        .join_all()
        .await
        .into_iter()
        .filter(|won| *won)
        .count();
    assert_eq!(won, 1);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_counter_kept_by_check_and_set_loses_nothing() {
    let stack = Stack::start().await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let registry = stack.registry.clone();
        writers.spawn(async move {
            let mut added = 0;
            while added < 10 {
                let entry = registry.kv_get("n");
                let (count, index) = entry.map_or((0_u32, 0), |entry| {
                    let text = std::str::from_utf8(&entry.value).unwrap();
                    (text.parse().unwrap(), entry.modified.0)
                });
                let value = (count + 1).to_string().into();
                let cas = Cas::from_index(index);
                if registry.kv_put("n", value, 0, cas).await.unwrap() {
                    added += 1;
                }
            }
        });
    }
    writers.join_all().await;
    assert_eq!(&stack.registry.kv_get("n").unwrap().value[..], b"160");
    stack.stop().await;
}
