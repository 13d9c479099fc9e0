use std::time::Duration;

use serde_json::json;

use crate::stack::Stack;

#[tokio::test]
async fn a_service_is_registered_shown_beaten_and_removed() {
    let stack = Stack::start().await;
    let body = r#"{"name":"web","ID":"app#127.0.0.1#3000","tags":["a","b"],"port":80,
        "address":"10.0.0.9","meta":{"K":"v"},"check":{"ttl":"30s"}}"#;
    let done = stack.put("/v1/agent/service/register", body).await;
    assert_eq!((done.status.as_u16(), done.text()), (200, ""));
    let shown = json!({
        "ID": "app#127.0.0.1#3000", "Service": "web", "Tags": ["a", "b"], "Meta": {"K": "v"},
        "Port": 80, "Address": "10.0.0.9",
        "TaggedAddresses": {
            "lan_ipv4": {"Address": "10.0.0.9", "Port": 80},
            "wan_ipv4": {"Address": "10.0.0.9", "Port": 80},
        },
        "Weights": {"Passing": 1, "Warning": 1}, "EnableTagOverride": false, "Datacenter": "dc1",
    });
    let services = stack.get("/v1/agent/services").await.json();
    assert_eq!(services, json!({"app#127.0.0.1#3000": shown}));
    let path = "/v1/agent/service/app%23127.0.0.1%233000";
    let one = stack.get(path).await;
    let hash = one.headers["x-consul-contenthash"]
        .to_str()
        .unwrap()
        .to_owned();
    let mut hashed = shown;
    hashed["ContentHash"] = json!(hash);
    assert_eq!(one.json(), hashed);

    let check =
        async || stack.get("/v1/agent/checks").await.json()["service:app#127.0.0.1#3000"].clone();
    let first = check().await;
    assert_eq!(
        (&first["Status"], &first["Type"]),
        (&json!("critical"), &json!("ttl"))
    );
    assert_eq!(first["Name"], "Service 'web' check");
    assert_eq!(first["ServiceTags"], json!(["a", "b"]));
    for (verb, status) in [
        ("pass", "passing"),
        ("warn", "warning"),
        ("fail", "critical"),
    ] {
        let path =
            format!("/v1/agent/check/{verb}/service:app%23127.0.0.1%233000?note={verb}%20it");
        assert_eq!(stack.put(&path, "").await.status, 200);
        let seen = check().await;
        assert_eq!(
            (&seen["Status"], &seen["Output"]),
            (&json!(status), &json!(format!("{verb} it")))
        );
    }
    let update = "/v1/agent/check/update/service:app%23127.0.0.1%233000";
    let body = r#"{"status":"passing","OUTPUT":"fine"}"#;
    assert_eq!(stack.put(update, body).await.status, 200);
    assert_eq!(check().await["Output"], "fine");
    assert_eq!(
        stack.put(update, r#"{"Status":"odd"}"#).await.text(),
        "Invalid check status: 'odd'"
    );
    let gone = "/v1/agent/service/deregister/app%23127.0.0.1%233000";
    assert_eq!(stack.put(gone, "").await.status, 200);
    assert_eq!(stack.get("/v1/agent/services").await.json(), json!({}));
    assert_eq!(stack.get("/v1/agent/checks").await.json(), json!({}));
    assert_eq!(stack.get("/v1/health/service/web").await.text(), "[]");
    assert_eq!(
        stack.get(path).await.text(),
        "unknown service ID: app#127.0.0.1#3000"
    );
    stack.stop().await;
}

#[tokio::test]
async fn the_agent_says_who_it_is() {
    let stack = Stack::start().await;
    let this = stack.get("/v1/agent/self").await.json();
    let mut members: Vec<_> = this.as_object().unwrap().keys().cloned().collect();
    members.sort();
    let expected = [
        "Config",
        "Coord",
        "DebugConfig",
        "Member",
        "Meta",
        "Stats",
        "xDS",
    ];
    assert_eq!(members, expected);
    assert_eq!(this["Config"]["Datacenter"], "dc1");
    assert_eq!(this["Config"]["NodeName"], "one");
    assert_eq!(this["Config"]["Server"], true);
    assert_eq!(this["Config"]["NodeID"].as_str().unwrap().len(), 36);
    let members = stack.get("/v1/agent/members").await.json();
    assert_eq!(members[0], this["Member"]);
    assert_eq!(
        (&members[0]["Name"], &members[0]["Status"]),
        (&json!("one"), &json!(1))
    );
    let leader = stack.get("/v1/status/leader").await.json();
    assert_eq!(leader, json!(stack.address.to_string()));
    assert_eq!(stack.get("/v1/status/peers").await.json(), json!([leader]));
    stack.stop().await;
}

#[tokio::test]
async fn unknown_ids_are_named() {
    let stack = Stack::start().await;
    for (path, status) in [
        ("/v1/agent/check/pass/nope", 404),
        ("/v1/agent/check/deregister/nope", 404),
        ("/v1/agent/service/deregister/nope", 404),
    ] {
        let refused = stack.put(path, "").await;
        assert_eq!(refused.status, status, "{path}");
        assert!(refused.text().contains("\"nope\""), "{}", refused.text());
    }
    let missing = r#"{"Name":"c","TTL":"10s","ServiceID":"zz"}"#;
    let refused = stack.put("/v1/agent/check/register", missing).await;
    assert_eq!(
        (refused.status.as_u16(), refused.text()),
        (400, "ServiceID \"zz\" does not exist")
    );
    let http = r#"{"Name":"h","HTTP":"http://127.0.0.1:1","Interval":"10s"}"#;
    assert_eq!(
        stack.put("/v1/agent/check/register", http).await.status,
        200
    );
    let refused = stack.put("/v1/agent/check/pass/h", "").await;
    assert!(
        refused.text().contains("does not have associated TTL"),
        "{}",
        refused.text()
    );
    stack.stop().await;
}

#[tokio::test]
async fn a_hash_waits_for_another_content() {
    let stack = Stack::start().await;
    let register = async |port: u16| {
        let body = format!(r#"{{"Name":"web","Port":{port}}}"#);
        assert_eq!(
            stack.put("/v1/agent/service/register", body).await.status,
            200
        );
    };
    register(80).await;
    let first = stack.get("/v1/agent/service/web").await.json();
    let hash = first["ContentHash"].as_str().unwrap();
    let path = format!("/v1/agent/service/web?hash={hash}&wait=1m");
    let (changed, ()) = tokio::join!(stack.get(&path), async {
        stack.waiting(1).await;
        // Another service of the node is no change of this one.
        assert_eq!(
            stack
                .put("/v1/agent/service/register", r#"{"Name":"x"}"#)
                .await
                .status,
            200
        );
        register(81).await;
    });
    assert_eq!(changed.json()["Port"], 81);
    let hash = changed.json()["ContentHash"].as_str().unwrap().to_owned();
    let path = format!("/v1/agent/service/web?hash={hash}&wait=20ms");
    let begun = std::time::Instant::now();
    assert_eq!(stack.get(&path).await.json()["ContentHash"], json!(hash));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    stack.stop().await;
}
