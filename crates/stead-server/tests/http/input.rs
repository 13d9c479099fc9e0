//! Bad input gets a clear text, and nothing is half-done.

use axum::body::Body;
use http::Request;
use http_body_util::Full;
use proptest::prelude::*;
use serde_json::json;
use tower::ServiceExt as _;

use crate::stack::Stack;

const REGISTER: &str = "/v1/agent/service/register";

/// Method, path, body; status and a part of the text.
type BadRequest = (&'static str, &'static str, &'static str, u16, &'static str);

const BAD_REQUESTS: &[BadRequest] = &[
    (
        "GET",
        "/v1/health/service/web?index=foo",
        "",
        400,
        "Invalid index",
    ),
    (
        "GET",
        "/v1/health/service/web?index=-1",
        "",
        400,
        "Invalid index",
    ),
    (
        "GET",
        "/v1/kv/a?index=1&wait=foo",
        "",
        400,
        "Invalid wait time",
    ),
    (
        "GET",
        "/v1/kv/a?stale&consistent",
        "",
        400,
        "Cannot specify ?stale with ?consistent",
    ),
    (
        "GET",
        "/v1/health/service/web?passing=maybe",
        "",
        400,
        "Invalid value for ?passing",
    ),
    (
        "GET",
        "/v1/health/service/",
        "",
        400,
        "Missing service name",
    ),
    (
        "GET",
        "/v1/catalog/service/",
        "",
        400,
        "Missing service name",
    ),
    ("GET", "/v1/catalog/node/", "", 400, "Missing node name"),
    ("GET", "/v1/health/state/", "", 400, "Missing check state"),
    ("GET", "/v1/kv/", "", 400, "Missing key name"),
    ("PUT", "/v1/kv/", "x", 400, "Missing key name"),
    ("DELETE", "/v1/kv/", "", 400, "Missing key name"),
    ("GET", "/v1/kv/%ff", "", 400, "UTF-8"),
    ("GET", "/v1/kv/a%00b", "", 400, "NUL"),
    (
        "GET",
        "/v1/catalog/nodes?dc=zz",
        "",
        500,
        "No path to datacenter",
    ),
    (
        "GET",
        "/v1/catalog/nodes?filter=a",
        "",
        400,
        "Filter expressions",
    ),
    ("GET", "/v1/nope", "", 404, "/v1/nope"),
    ("GET", "/", "", 404, "no such endpoint"),
    ("POST", "/v1/kv/a", "", 405, "method POST not allowed"),
    (
        "PUT",
        "/v1/catalog/nodes",
        "",
        405,
        "method PUT not allowed",
    ),
    ("PUT", REGISTER, "{\n \"name\": ]", 400, "line 2 column 10"),
    ("PUT", REGISTER, "", 400, "line 1 column 0"),
    ("PUT", REGISTER, "[]", 400, "Request decode failed"),
    ("PUT", REGISTER, "{}", 400, "Missing service name"),
    ("PUT", REGISTER, r#"{"Name":5}"#, 400, "Name: invalid type"),
    (
        "PUT",
        REGISTER,
        r#"{"Name":"a","Port":70000}"#,
        400,
        "Port: ",
    ),
    (
        "PUT",
        REGISTER,
        r#"{"Name":"a","Check":{"TTL":"x"}}"#,
        400,
        "Check.TTL: ",
    ),
    (
        "PUT",
        REGISTER,
        r#"{"Name":"a","Check":{"HTTP":"x"}}"#,
        400,
        "Interval must be > 0",
    ),
    (
        "PUT",
        "/v1/agent/check/register",
        r#"{"TTL":"1s"}"#,
        400,
        "Missing check name",
    ),
    (
        "PUT",
        "/v1/catalog/register",
        r#"{"Node":"n"}"#,
        500,
        "Must provide address",
    ),
    (
        "PUT",
        "/v1/catalog/register",
        r#"{"Address":"n"}"#,
        500,
        "Must provide node",
    ),
    (
        "PUT",
        "/v1/catalog/deregister",
        r#"{"Node":""}"#,
        500,
        "Must provide node",
    ),
    (
        "PUT",
        "/v1/catalog/register",
        r#"{"Node":"n","Address":"a","Datacenter":"z"}"#,
        500,
        "No path",
    ),
];

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let stack = Stack::start().await;
    for &(method, path, body, status, text) in BAD_REQUESTS {
        let reply = stack.request(method, path, body).await;
        assert_eq!(
            reply.status,
            status,
            "{method} {path} {body}: {}",
            reply.text()
        );
        assert!(
            reply.text().contains(text),
            "{method} {path} {body}: {}",
            reply.text()
        );
        let kind = reply.headers["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/plain"), "{kind}");
    }
    assert_eq!(stack.get("/v1/agent/services").await.json(), json!({}));
    assert_eq!(
        stack
            .get("/v1/catalog/nodes")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let refused = stack.request("POST", "/v1/kv/a", "").await;
    assert_eq!(refused.headers["allow"], "OPTIONS,GET,PUT,DELETE");
    let options = stack.request("OPTIONS", "/v1/catalog/nodes", "").await;
    assert_eq!(
        (
            options.status.as_u16(),
            options.headers["allow"].to_str().unwrap()
        ),
        (200, "OPTIONS,GET")
    );
    stack.stop().await;
}

#[tokio::test]
async fn only_known_names_reach_the_registry() {
    let stack = Stack::start().await;
    let ask = async |name: &'static str, value: &'static str| {
        let request = Request::put(stack.url("/v1/kv/k")).header(name, value);
        stack.send(request.body(Full::default()).unwrap()).await
    };
    for (header, value) in [
        ("host", "evil.example"),
        ("host", "evil.example:8500"),
        ("host", "127.0.0.1.evil.example"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
    ] {
        let refused = ask(header, value).await;
        assert_eq!(refused.status, 403, "{header}: {value}");
        assert!(refused.text().contains(value), "{}", refused.text());
    }
    assert_eq!(stack.get("/v1/kv/k").await.status, 404);
    for (header, value) in [
        ("host", "localhost:8500"),
        ("host", "registry.example"),
        ("host", "[::1]:8500"),
        ("origin", "http://127.0.0.1:3000"),
    ] {
        assert_eq!(ask(header, value).await.status, 200, "{header}: {value}");
    }
    stack.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever bytes come, the router answers, and with nothing worse than a refusal.
    #[test]
    fn any_request_is_answered(
        method in prop_oneof![Just("GET"), Just("PUT"), Just("DELETE"), Just("PATCH")],
        place in 0..12_usize,
        rest in "[ -~]{0,24}|(%[0-9a-f]{2}){0,8}",
        query in "((index|wait|cas|recurse|keys|separator|tag|raw|passing|pretty|flags)(=[^#]{0,6})?&){0,4}",
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64),
            "\\{(\"(Name|ID|Check|TTL|Port|Node|Service|Address|Meta)\":(\"[a-z0-9]{0,4}\"|[0-9]{1,6}|null|\\[\\]|\\{\\}),?){0,4}\\}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let prefix = [
            "/v1/kv/", "/v1/health/service/", "/v1/health/state/", "/v1/catalog/node/",
            "/v1/catalog/register", "/v1/catalog/deregister", "/v1/agent/service/register",
            "/v1/agent/check/register", "/v1/agent/check/update/", "/v1/agent/service/", "/v1/", "/",
        ][place];
        // A wait is cut short: what is under test is the reading of the request.
        let uri = format!("{prefix}{rest}?{query}wait=1ms");
        let Ok(request) = Request::builder().method(method).uri(uri).body(Body::from(body)) else {
            return Ok(());
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stack = Stack::start().await;
            let response = stack.router().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            assert!(status <= 500, "{status}");
            stack.stop().await;
        });
    }
}
