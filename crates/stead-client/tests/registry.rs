//! The registry client against a server that speaks Consul's shapes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod peer;

use std::time::Duration;

use peer::{Answer, Asked, Peer, indexed, json};
use stead_client::{
    Blocking, CheckReport, CheckStatus, ClientError, HealthQuery, RegistryAddress, RegistryClient,
};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const HEALTH: &str = r#"[{
  "Node":{"ID":"n","Node":"here","Address":"10.0.0.1","Datacenter":"dc1","TaggedAddresses":null,"Meta":null,"CreateIndex":1,"ModifyIndex":1},
  "Service":{"ID":"orders-1","Service":"orders","Tags":null,"Address":"","Meta":null,"Port":7001,
    "Weights":{"Passing":10,"Warning":2},"EnableTagOverride":false,"Proxy":{},"Connect":{},"CreateIndex":2,"ModifyIndex":2},
  "Checks":[{"Node":"here","CheckID":"serfHealth","Name":"n","Status":"passing","Notes":"","Output":"","Definition":{}},
    {"Node":"here","CheckID":"service:orders-1","Name":"c","Status":"STATUS","Output":"out","ServiceID":"orders-1"}]}]"#;

async fn serving(
    answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
) -> (Peer, RegistryClient, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = Peer::new(answer);
    let tasks = peer.on_tcp(listener);
    let address: RegistryAddress = format!("127.0.0.1:{port}").parse().unwrap();
    (peer, RegistryClient::new(address), tasks)
}

#[tokio::test]
async fn health_and_weights() {
    for (status, weight) in [("passing", 10), ("warning", 2), ("critical", 0)] {
        let answer = HEALTH.replace("STATUS", status);
        let (peer, client, _tasks) = serving(move |_| indexed(200, 77, &answer)).await;
        let query = HealthQuery {
            passing: true,
            tags: vec!["v1".into(), "a b".into()],
            blocking: Some(Blocking {
                index: 76,
                wait: Duration::from_secs(10),
            }),
        };
        let found = client.health("orders", &query).await.unwrap();
        assert_eq!(found.index, 77);
        assert_eq!(found.value[0].weight(), weight, "{status}");
        assert_eq!(found.value[0].authority(), "10.0.0.1:7001");
        assert_eq!(
            peer.targets(),
            ["GET /v1/health/service/orders?passing&tag=v1&tag=a%20b&index=76&wait=10000ms"]
        );
    }
}

#[tokio::test]
async fn the_catalogue() {
    let (_, client, _tasks) = serving(|asked| match asked.target.as_str() {
        "/v1/catalog/services" => json(200, r#"{"consul":[],"orders":["v1"]}"#),
        "/v1/catalog/nodes" => json(
            200,
            r#"[{"ID":"","Node":"here","Address":"127.0.0.1","Datacenter":"dc1","Meta":{"a":"b"}}]"#,
        ),
        _ => json(
            200,
            r#"[{"Node":"here","Address":"127.0.0.1","ServiceID":"o","ServiceName":"orders",
                "ServiceTags":[],"ServiceAddress":"","ServicePort":1,"ServiceMeta":{}}]"#,
        ),
    })
    .await;
    let services = client.services(None).await.unwrap().value;
    assert_eq!(services["orders"], ["v1"]);
    assert_eq!(client.nodes(None).await.unwrap().value[0].meta["a"], "b");
    let instances = client.instances("orders", None).await.unwrap().value;
    assert_eq!(instances[0].service_port, 1);
}

#[tokio::test]
async fn keys_and_values() {
    let (peer, client, _tasks) = serving(|asked| match (asked.method.as_str(), asked.target.as_str()) {
        ("GET", "/v1/kv/none" | "/v1/kv/none/?recurse") => indexed(404, 5, ""),
        ("GET", "/v1/kv/a/?keys&separator=%2F") => json(200, r#"["a/b","a/c/"]"#),
        ("GET", _) => json(
            200,
            r#"[{"LockIndex":0,"Key":"a/b","Flags":3,"Value":"aGk=","CreateIndex":2,"ModifyIndex":9},
                {"LockIndex":0,"Key":"a/c","Flags":0,"Value":null,"CreateIndex":3,"ModifyIndex":3}]"#,
        ),
        ("PUT", "/v1/kv/a/b?cas=9") => json(200, "false\n"),
        ("PUT", "/v1/kv/big") => json(413, "Value exceeds 524288 byte limit\n"),
        _ => json(200, "true"),
    })
    .await;

    let entry = client.kv_get("a/b", None).await.unwrap().value.unwrap();
    assert_eq!(
        (entry.bytes().unwrap(), entry.flags, entry.modify_index),
        (b"hi".to_vec(), 3, 9)
    );
    let missing = client.kv_get("none", None).await.unwrap();
    assert_eq!((missing.index, missing.value), (5, None));
    let tree = client.kv_list("a/", None).await.unwrap().value;
    assert_eq!(tree.len(), 2);
    assert_eq!(tree[1].bytes().unwrap(), b"");
    assert!(
        client
            .kv_list("none/", None)
            .await
            .unwrap()
            .value
            .is_empty()
    );
    let keys = client.kv_keys("a/", Some("/"), None).await.unwrap().value;
    assert_eq!(keys, ["a/b", "a/c/"]);
    assert!(client.kv_put("a/ü", "v", None).await.unwrap());
    assert!(!client.kv_put("a/b", "v", Some(9)).await.unwrap());
    assert!(client.kv_delete("a/b", None).await.unwrap());
    assert!(client.kv_delete_tree("a/").await.unwrap());
    let refused = client.kv_put("big", "v", None).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "PUT /v1/kv/big was answered with 413 Payload Too Large: Value exceeds 524288 byte limit"
    );

    let asked = peer.asked();
    let put = asked
        .iter()
        .find(|asked| asked.target == "/v1/kv/a/%C3%BC")
        .unwrap();
    assert_eq!(put.body, "v");
    assert!(
        asked
            .iter()
            .any(|asked| asked.target == "/v1/kv/a/?recurse" && asked.method == "DELETE")
    );
}

#[tokio::test]
async fn reports() {
    let (peer, client, _tasks) = serving(|asked| {
        if asked.target.contains("unknown") {
            json(404, "Unknown check ID \"unknown\"")
        } else {
            json(200, "")
        }
    })
    .await;
    for (status, note) in [
        (CheckStatus::Passing, "7 in flight"),
        (CheckStatus::Warning, ""),
        (CheckStatus::Critical, ""),
    ] {
        let report = CheckReport {
            check: "service:orders",
            status,
            note,
        };
        client.report(report).await.unwrap();
    }
    assert_eq!(
        peer.targets(),
        [
            "PUT /v1/agent/check/pass/service%3Aorders?note=7%20in%20flight",
            "PUT /v1/agent/check/warn/service%3Aorders",
            "PUT /v1/agent/check/fail/service%3Aorders",
        ]
    );
    let unknown = CheckReport {
        check: "unknown",
        status: CheckStatus::Passing,
        note: "",
    };
    let error = client.report(unknown).await.unwrap_err();
    assert!(
        error.to_string().ends_with("Unknown check ID \"unknown\""),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_without_an_index_makes_no_sense() {
    let (_, client, _tasks) =
        serving(|_| http::Response::new(peer::json(200, "{}").into_body())).await;
    let error = client.services(None).await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = RegistryClient::new(address.parse().unwrap());
    let error = client.nodes(None).await.unwrap_err();
    assert!(error.is_unreachable());
    assert_eq!(error.to_string(), format!("cannot reach {address}"));
}
