use serde_json::json;

use crate::stack::Stack;

#[tokio::test]
async fn a_key_is_written_read_and_deleted() {
    let stack = Stack::start().await;
    assert_eq!(
        stack.put("/v1/kv/a/b/c?flags=42", "abc").await.text(),
        "true"
    );
    let index = stack.registry.revision().0;
    assert_eq!(stack.put("/v1/kv/a/empty", "").await.text(), "true");
    let found = stack.get("/v1/kv/a/b/c").await;
    assert_eq!(
        found.text(),
        format!(
            r#"[{{"LockIndex":0,"Key":"a/b/c","Flags":42,"Value":"YWJj","CreateIndex":{index},"ModifyIndex":{index}}}]"#
        )
    );
    assert_eq!(found.index(), index);
    let tree = stack.get("/v1/kv/a?recurse").await;
    assert_eq!(tree.json()[1]["Value"], json!(null));
    assert_eq!(tree.index(), index + 1);
    let raw = stack.get("/v1/kv/a/b/c?raw").await;
    assert_eq!((raw.text(), raw.index()), ("abc", index));
    assert_eq!(raw.headers["content-type"], "text/plain");
    assert_eq!(
        stack.get("/v1/kv/a?keys&separator=/").await.json(),
        json!(["a/"])
    );
    assert_eq!(
        stack.get("/v1/kv/?keys").await.json(),
        json!(["a/b/c", "a/empty"])
    );
    assert_eq!(stack.delete("/v1/kv/a/b/c").await.text(), "true");
    assert_eq!(stack.delete("/v1/kv/a/b/c").await.text(), "true");
    assert_eq!(stack.delete("/v1/kv/?recurse").await.text(), "true");
    for path in [
        "/v1/kv/a/b/c",
        "/v1/kv/a?recurse",
        "/v1/kv/a?keys",
        "/v1/kv/a/b/c?raw",
    ] {
        let gone = stack.get(path).await;
        assert_eq!((gone.status.as_u16(), gone.text()), (404, ""), "{path}");
        assert!(gone.index() > index, "{path}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn check_and_set_goes_by_the_modify_index() {
    let stack = Stack::start().await;
    let put = async |query: String, value: &'static str| {
        let done = stack.put(&format!("/v1/kv/k{query}"), value).await;
        done.json().as_bool().unwrap()
    };
    assert!(put("?cas=0".into(), "1").await);
    assert!(!put("?cas=0".into(), "2").await);
    let index = stack.get("/v1/kv/k").await.index();
    assert!(!put(format!("?cas={}", index - 1), "2").await);
    assert!(put(format!("?cas={index}"), "2").await);
    // The same once more changes nothing, not even the index.
    let index = stack.get("/v1/kv/k").await.index();
    assert!(put(String::new(), "2").await);
    assert_eq!(stack.get("/v1/kv/k").await.index(), index);
    assert_eq!(stack.delete("/v1/kv/k?cas=1").await.text(), "false");
    assert_eq!(
        stack.delete(&format!("/v1/kv/k?cas={index}")).await.text(),
        "true"
    );
    stack.stop().await;
}

#[tokio::test]
async fn every_key_that_stays_in_its_place_works() {
    let stack = Stack::start().await;
    let encoded = [
        "a//b",
        "a/",
        "%2Fa",
        "app%23127.0.0.1%233000",
        "%C3%BC%20x",
        "a%2Fb",
        "a%252Fb",
        "...",
        "a..b",
        "a+b",
        "a:b@c",
        "%22%5Bx%5D%22",
    ];
    for (place, key) in encoded.iter().enumerate() {
        let value = place.to_string();
        assert_eq!(
            stack.put(&format!("/v1/kv/{key}"), value).await.text(),
            "true",
            "{key}"
        );
    }
    for (place, key) in encoded.iter().enumerate() {
        let raw = stack.get(&format!("/v1/kv/{key}?raw")).await;
        assert_eq!(raw.text(), place.to_string(), "{key}");
    }
    let keys = stack.get("/v1/kv/?keys").await.json();
    for key in [
        "a//b",
        "a/",
        "/a",
        "app#127.0.0.1#3000",
        "ü x",
        "a/b",
        "a%2Fb",
        "\"[x]\"",
    ] {
        assert!(keys.as_array().unwrap().contains(&json!(key)), "{key}");
    }
    for key in ["../x", "%2e%2e/x", "a/%2E%2E/b", "a/..", "a%2f..%2fb"] {
        let refused = stack.put(&format!("/v1/kv/{key}"), "x").await;
        assert_eq!(refused.status, 400, "{key}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn flags_that_exclude_each_other_are_named() {
    let stack = Stack::start().await;
    for (method, query, text) in [
        (
            "PUT",
            "cas=0&acquire=x",
            "Conflicting flags: acquire=x&cas=0",
        ),
        (
            "DELETE",
            "recurse&cas=3",
            "Conflicting flags: cas=3&recurse=",
        ),
        ("PUT", "cas=x", "Invalid cas"),
        ("PUT", "flags=-1", "Invalid flags"),
        ("PUT", "acquire=x", "?acquire needs sessions"),
        ("PUT", "release=x", "?release needs sessions"),
        ("PUT", "dc=zz", "No path to datacenter"),
    ] {
        let refused = stack
            .request(method, &format!("/v1/kv/k?{query}"), "v")
            .await;
        assert!(
            refused.status.as_u16() >= 400 && refused.text().contains(text),
            "{}",
            refused.text()
        );
    }
    let largest = u64::MAX.to_string();
    assert_eq!(
        stack
            .put(&format!("/v1/kv/k?flags={largest}"), "v")
            .await
            .text(),
        "true"
    );
    assert_eq!(
        stack.get("/v1/kv/k").await.json()[0]["Flags"],
        json!(u64::MAX)
    );
    stack.stop().await;
}
