//! The shapes of the catalogue and of health, member by member.

use serde_json::json;

use crate::stack::Stack;

const REGISTRATION: &str = r#"{
    "node": "n1", "ADDRESS": "10.0.0.9", "Unknown": {"x": [1]},
    "Service": {"Service": "redis", "Port": 8000, "Tags": null},
    "Check": {"Node": "n1", "CheckID": "c1", "Name": "foo", "Status": "passing", "ServiceID": "redis"}
}"#;

async fn registered() -> (Stack, u64) {
    let stack = Stack::start().await;
    let done = stack.put("/v1/catalog/register", REGISTRATION).await;
    assert_eq!(done.text(), "true");
    let index = stack.registry.revision().0;
    (stack, index)
}

fn node(index: u64) -> serde_json::Value {
    json!({
        "ID": "", "Node": "n1", "Address": "10.0.0.9", "Datacenter": "dc1",
        "TaggedAddresses": null, "Meta": null, "CreateIndex": index, "ModifyIndex": index,
    })
}

fn service(index: u64) -> serde_json::Value {
    json!({
        "ID": "redis", "Service": "redis", "Tags": [], "Address": "", "Meta": null, "Port": 8000,
        "Weights": {"Passing": 1, "Warning": 1}, "EnableTagOverride": false,
        "Proxy": {"MeshGateway": {}, "Expose": {}}, "Connect": {},
        "CreateIndex": index, "ModifyIndex": index,
    })
}

fn check(index: u64) -> serde_json::Value {
    json!({
        "Node": "n1", "CheckID": "c1", "Name": "foo", "Status": "passing", "Notes": "",
        "Output": "", "ServiceID": "redis", "ServiceName": "redis", "ServiceTags": [],
        "Type": "", "Definition": {}, "CreateIndex": index, "ModifyIndex": index,
    })
}

#[tokio::test]
async fn health_has_node_service_and_checks() {
    let (stack, index) = registered().await;
    let found = stack.get("/v1/health/service/redis?passing").await;
    assert_eq!(
        found.json(),
        json!([{"Node": node(index), "Service": service(index), "Checks": [check(index)]}])
    );
    assert_eq!(found.index(), index);
    for (header, value) in [
        ("content-type", "application/json"),
        ("x-consul-knownleader", "true"),
        ("x-consul-lastcontact", "0"),
        ("x-consul-effective-consistency", "leader"),
    ] {
        assert_eq!(found.headers[header], value);
    }
    for path in [
        "/v1/health/checks/redis",
        "/v1/health/node/n1",
        "/v1/health/state/any?node-meta=x",
    ] {
        let expected = if path.contains("node-meta") {
            json!([])
        } else {
            json!([check(index)])
        };
        assert_eq!(stack.get(path).await.json(), expected, "{path}");
    }
    for path in [
        "/v1/health/service/none",
        "/v1/health/checks/none",
        "/v1/health/node/none",
        "/v1/health/state/critical",
        "/v1/health/state/odd",
        "/v1/health/service/redis?tag=x",
        "/v1/catalog/service/none",
    ] {
        let empty = stack.get(path).await;
        assert_eq!(empty.text(), "[]", "{path}");
        assert!(empty.index() > 0);
    }
    stack.stop().await;
}

#[tokio::test]
async fn the_catalogue_is_flat_by_service_and_nested_by_node() {
    let (stack, index) = registered().await;
    let flat = json!([{
        "ID": "", "Node": "n1", "Address": "10.0.0.9", "Datacenter": "dc1",
        "TaggedAddresses": null, "NodeMeta": null, "ServiceKind": "", "ServiceID": "redis",
        "ServiceName": "redis", "ServiceTags": [], "ServiceAddress": "",
        "ServiceWeights": {"Passing": 1, "Warning": 1}, "ServiceMeta": {}, "ServicePort": 8000,
        "ServiceEnableTagOverride": false,
        "ServiceProxy": {"MeshGateway": {}, "Expose": {}}, "ServiceConnect": {},
        "CreateIndex": index, "ModifyIndex": index,
    }]);
    assert_eq!(stack.get("/v1/catalog/service/redis").await.json(), flat);
    assert_eq!(
        stack.get("/v1/catalog/node/n1").await.json(),
        json!({"Node": node(index), "Services": {"redis": service(index)}})
    );
    assert_eq!(stack.get("/v1/catalog/node/none").await.text(), "null");
    assert_eq!(
        stack.get("/v1/catalog/node-services/n1").await.json(),
        json!({"Node": node(index), "Services": [service(index)]})
    );
    assert_eq!(
        stack.get("/v1/catalog/node-services/none").await.json(),
        json!({"Node": null, "Services": null})
    );
    let nodes = stack.get("/v1/catalog/nodes").await.json();
    assert_eq!(nodes[0], node(index));
    assert_eq!(nodes[1]["Node"], "one");
    assert_eq!(
        stack.get("/v1/catalog/services").await.json(),
        json!({"consul": [], "redis": []})
    );
    assert_eq!(
        stack.get("/v1/catalog/datacenters").await.json(),
        json!(["dc1"])
    );
    stack.stop().await;
}

#[tokio::test]
async fn deregistration_takes_the_check_else_the_service_else_the_node() {
    let (stack, _) = registered().await;
    let deregister = async |body: &'static str| {
        let done = stack.put("/v1/catalog/deregister", body).await;
        assert_eq!(done.text(), "true");
        (
            stack
                .get("/v1/health/node/n1")
                .await
                .json()
                .as_array()
                .unwrap()
                .len(),
            stack
                .get("/v1/catalog/service/redis")
                .await
                .json()
                .as_array()
                .unwrap()
                .len(),
            stack.get("/v1/catalog/node/n1").await.text() != "null",
        )
    };
    let left = deregister(r#"{"Node":"n1","CheckID":"c1","ServiceID":"redis"}"#).await;
    assert_eq!(left, (0, 1, true));
    let left = deregister(r#"{"Node":"n1","ServiceID":"redis"}"#).await;
    assert_eq!(left, (0, 0, true));
    assert_eq!(deregister(r#"{"Node":"n1"}"#).await, (0, 0, false));
    assert_eq!(deregister(r#"{"Node":"n1"}"#).await, (0, 0, false));
    stack.stop().await;
}

#[tokio::test]
async fn pretty_is_the_same_with_indentation() {
    let (stack, _) = registered().await;
    for path in [
        "/v1/health/service/redis",
        "/v1/catalog/datacenters",
        "/v1/agent/self",
    ] {
        let plain = stack.get(path).await;
        let pretty = stack.get(&format!("{path}?pretty")).await;
        assert!(!plain.text().contains('\n') && pretty.text().contains("\n    "));
        assert_eq!(plain.json(), pretty.json());
    }
    stack.stop().await;
}

#[tokio::test]
async fn everything_that_was_registered_is_shown() {
    let stack = Stack::start().await;
    let body = r#"{
        "Node": "q", "Address": "1.1.1.1", "TaggedAddresses": {"lan": "1.1.1.1"},
        "NodeMeta": {"a": "b"},
        "Service": {
            "ID": "r1", "Service": "r", "Tags": ["t"], "Meta": {"m": "n"}, "Address": "3.3.3.3",
            "TaggedAddresses": {"lan": {"address": "2.2.2.2", "port": 3}},
            "Weights": {"Passing": 5, "warning": 2}
        },
        "Checks": [{"Name": "alive", "CheckID": "al", "Status": "warning", "Output": "oo"}]
    }"#;
    assert_eq!(stack.put("/v1/catalog/register", body).await.text(), "true");
    let index = stack.registry.revision().0;
    let found = stack
        .get("/v1/health/service/r?tag=t&node-meta=a:b&near=_agent")
        .await
        .json();
    assert_eq!(
        found,
        json!([{
            "Node": {
                "ID": "", "Node": "q", "Address": "1.1.1.1", "Datacenter": "dc1",
                "TaggedAddresses": {"lan": "1.1.1.1"}, "Meta": {"a": "b"},
                "CreateIndex": index, "ModifyIndex": index,
            },
            "Service": {
                "ID": "r1", "Service": "r", "Tags": ["t"], "Address": "3.3.3.3",
                "TaggedAddresses": {"lan": {"Address": "2.2.2.2", "Port": 3}},
                "Meta": {"m": "n"}, "Port": 0, "Weights": {"Passing": 5, "Warning": 2},
                "EnableTagOverride": false, "Proxy": {"MeshGateway": {}, "Expose": {}},
                "Connect": {}, "CreateIndex": index, "ModifyIndex": index,
            },
            "Checks": [{
                "Node": "q", "CheckID": "al", "Name": "alive", "Status": "warning", "Notes": "",
                "Output": "oo", "ServiceID": "", "ServiceName": "", "ServiceTags": [],
                "Type": "", "Definition": {}, "CreateIndex": index, "ModifyIndex": index,
            }],
        }])
    );
    stack.stop().await;
}
