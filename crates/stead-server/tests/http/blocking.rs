//! Blocking queries over HTTP.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::stack::Stack;

#[tokio::test]
async fn a_registration_wakes_who_waits_for_the_service() {
    let stack = Stack::start().await;
    let empty = stack.get("/v1/health/service/web").await;
    assert_eq!(empty.text(), "[]");
    let path = format!("/v1/health/service/web?index={}&wait=1m", empty.index());
    let (woken, ()) = tokio::join!(stack.get(&path), async {
        stack.waiting(1).await;
        let done = stack
            .put("/v1/agent/service/register", r#"{"Name":"web","Port":80}"#)
            .await;
        assert_eq!((done.status.as_u16(), done.text()), (200, ""));
    });
    assert!(woken.index() > empty.index());
    let found = woken.json();
    assert_eq!(found[0]["Service"]["Service"], "web");
    assert_eq!(found[0]["Service"]["Port"], 80);
    assert_eq!(found[0]["Checks"][0]["CheckID"], "serfHealth");
    stack.stop().await;
}

#[tokio::test]
async fn an_unrelated_write_does_not_end_the_wait() {
    let stack = Stack::start().await;
    let before = stack.get("/v1/health/service/web").await;
    let path = format!("/v1/health/service/web?index={}&wait=200ms", before.index());
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(stack.get(&path), async {
        stack.waiting(1).await;
        stack
            .put("/v1/agent/service/register", r#"{"Name":"other"}"#)
            .await;
        stack.put("/v1/kv/web", "v").await;
        assert_eq!(stack.registry.waiters(), 1);
    });
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!((answer.text(), answer.index()), ("[]", before.index()));
    stack.stop().await;
}

#[tokio::test]
async fn every_kind_of_query_waits_for_its_own_change() {
    let stack = Stack::start().await;
    let body = r#"{"Name":"web","ID":"w","Tags":["a"],"Check":{"CheckID":"c","TTL":"1m"}}"#;
    let register = "/v1/agent/service/register";
    for (query, method, change, body) in [
        ("/v1/catalog/services", "PUT", register, body),
        (
            "/v1/catalog/service/web",
            "PUT",
            "/v1/agent/service/deregister/w",
            "",
        ),
        ("/v1/catalog/node/one", "PUT", register, body),
        (
            "/v1/catalog/node-services/one",
            "PUT",
            "/v1/agent/service/deregister/w",
            "",
        ),
        ("/v1/health/service/web", "PUT", register, body),
        ("/v1/health/checks/web", "PUT", "/v1/agent/check/pass/c", ""),
        ("/v1/health/node/one", "PUT", "/v1/agent/check/warn/c", ""),
        (
            "/v1/health/state/critical",
            "PUT",
            "/v1/agent/check/fail/c",
            "",
        ),
        (
            "/v1/health/service/web",
            "PUT",
            "/v1/agent/check/pass/c",
            "",
        ),
        (
            "/v1/catalog/nodes",
            "PUT",
            "/v1/catalog/register",
            r#"{"Node":"n","Address":"a"}"#,
        ),
        ("/v1/kv/a/b", "PUT", "/v1/kv/a/b", "1"),
        ("/v1/kv/a/?recurse", "PUT", "/v1/kv/a/b", "2"),
        ("/v1/kv/a?keys", "DELETE", "/v1/kv/a/b", ""),
        ("/v1/kv/a/b?raw", "PUT", "/v1/kv/a/b", "3"),
        ("/v1/kv/?recurse", "DELETE", "/v1/kv/a?recurse", ""),
    ] {
        let before = stack.get(query).await;
        let mark = if query.contains('?') { '&' } else { '?' };
        let path = format!("{query}{mark}index={}&wait=1m", before.index());
        let (woken, ()) = tokio::join!(stack.get(&path), async {
            stack.waiting(1).await;
            let done = stack.request(method, change, body).await;
            assert_eq!(done.status, 200, "{change}: {}", done.text());
        });
        assert!(woken.index() > before.index(), "{query}");
        assert_ne!(woken.body, before.body, "{query}");
    }
    stack.stop().await;
}

#[tokio::test]
async fn indexes_go_on_after_a_restart() {
    let mut stack = Stack::start().await;
    let paths = [
        "/v1/health/service/web",
        "/v1/catalog/services",
        "/v1/kv/k",
        "/v1/catalog/nodes",
    ];
    let mut seen = [0; 4];
    for round in 0..3 {
        let body = format!(r#"{{"Name":"web","Port":{}}}"#, round + 1);
        stack.put("/v1/agent/service/register", body).await;
        stack.put("/v1/kv/k", round.to_string()).await;
        stack.delete("/v1/kv/k").await;
        stack = stack.restart().await;
        for (path, last) in paths.iter().zip(&mut seen) {
            let index = stack.get(path).await.index();
            assert!(index >= *last && index > 0, "{path}");
            *last = index;
        }
    }
    stack.stop().await;
}

#[tokio::test]
async fn consistent_and_stale_reads_say_so() {
    let stack = Stack::start().await;
    stack.put("/v1/kv/k", "v").await;
    for mode in ["consistent", "stale", "stale="] {
        let found = stack.get(&format!("/v1/kv/k?{mode}")).await;
        let said = found.headers["x-consul-effective-consistency"]
            .to_str()
            .unwrap();
        assert_eq!(
            (found.status.as_u16(), said),
            (200, mode.trim_end_matches('='))
        );
    }
    stack.stop().await;
}

#[tokio::test]
async fn one_who_hangs_up_waits_no_longer() {
    let stack = Stack::start().await;
    let mut stream = TcpStream::connect(stack.address).await.unwrap();
    let request = b"GET /v1/kv/k?index=1&wait=5m HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    stack.waiting(1).await;
    drop(stream);
    stack.waiting(0).await;
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_waiters_are_woken_once_each() {
    const WAITERS: usize = 1_000;
    let stack = Stack::start().await;
    let index = stack.get("/v1/health/service/web").await.index();
    let mut waiters = JoinSet::new();
    let (address, request) = (stack.address, waiting_request(index));
    for _ in 0..WAITERS {
        let request = request.clone();
        waiters.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        });
    }
    stack.waiting(WAITERS).await;
    stack.put("/v1/kv/unrelated", "v").await;
    assert_eq!(stack.registry.waiters(), WAITERS);
    let body = r#"{"Name":"web","Port":80}"#;
    assert_eq!(
        stack.put("/v1/agent/service/register", body).await.status,
        200
    );
    let answers = waiters.join_all().await;
    let after = stack.get("/v1/health/service/web").await;
    assert!(after.index() > index);
    let header = format!("x-consul-index: {}", after.index());
    for answer in answers {
        assert!(
            answer.contains(&header) && answer.ends_with(after.text()),
            "{answer}"
        );
    }
    assert_eq!(stack.registry.waiters(), 0);
    stack.stop().await;
}

fn waiting_request(index: u64) -> String {
    format!(
        "GET /v1/health/service/web?index={index}&wait=1m HTTP/1.1\r\nHost: localhost\r\n\
         Connection: close\r\n\r\n"
    )
}
