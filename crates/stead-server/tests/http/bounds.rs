use std::time::Duration;

use stead_server::Bounds;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::stack::{DEADLINE, Stack};

#[tokio::test]
async fn a_body_over_the_bound_is_refused_with_the_bound() {
    let stack = Stack::start_with(Bounds {
        body: 100,
        value: 10,
        ..Bounds::default()
    })
    .await;
    assert_eq!(stack.put("/v1/kv/k", "0123456789").await.text(), "true");
    let refused = stack.put("/v1/kv/k", "0123456789a").await;
    assert_eq!(refused.status, 413);
    assert!(
        refused.text().contains("max size: 10 bytes"),
        "{}",
        refused.text()
    );
    let long = format!(r#"{{"Name":"{}"}}"#, "n".repeat(100));
    let refused = stack.put("/v1/agent/service/register", long).await;
    assert_eq!(refused.status, 413);
    assert!(
        refused.text().contains("max size: 100 bytes"),
        "{}",
        refused.text()
    );
    // One that does not say its length either.
    let mut stream = TcpStream::connect(stack.address).await.unwrap();
    let request = "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                   Transfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("max size: 10 bytes"),
        "{answer}"
    );
    assert_eq!(stack.get("/v1/kv/k?raw").await.text(), "0123456789");
    stack.stop().await;
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_body_first_gets_the_answer() {
    let stack = Stack::start_with(Bounds {
        value: 10,
        ..Bounds::default()
    })
    .await;
    // More than the sockets' buffers hold, so that sending it needs a server that reads.
    let body = vec![b'x'; 24 << 20];
    let head = format!(
        "PUT /v1/kv/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(stack.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    stack.stop().await;
}

#[tokio::test]
async fn waiters_over_the_bound_are_told_so() {
    let stack = Stack::start_with(Bounds {
        waiters: 1,
        ..Bounds::default()
    })
    .await;
    let path = format!(
        "/v1/kv/k?index={}&wait=1m",
        stack.get("/v1/kv/k").await.index()
    );
    let (first, ()) = tokio::join!(stack.get(&path), async {
        stack.waiting(1).await;
        let refused = stack.get(&path).await;
        assert_eq!(refused.status, 503);
        assert!(
            refused.text().contains("bound of 1 waiting"),
            "{}",
            refused.text()
        );
        assert_eq!(stack.get("/v1/kv/k").await.status, 404);
        assert_eq!(stack.put("/v1/kv/k", "v").await.text(), "true");
    });
    assert_eq!(first.status, 200);
    stack.stop().await;
}

#[tokio::test]
async fn connections_over_the_bound_wait_and_are_served() {
    let stack = Stack::start_with(Bounds {
        connections: 2,
        ..Bounds::default()
    })
    .await;
    let request = b"GET /v1/status/leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..2 {
        // Held open: its head is never finished.
        let mut stream = TcpStream::connect(stack.address).await.unwrap();
        stream
            .write_all(b"GET /v1/status/leader HTTP/1.1\r\n")
            .await
            .unwrap();
        open.push(stream);
    }
    let mut waiting = TcpStream::connect(stack.address).await.unwrap();
    waiting.write_all(request).await.unwrap();
    let mut byte = [0; 1];
    let early = tokio::time::timeout(Duration::from_millis(50), waiting.read(&mut byte)).await;
    assert!(early.is_err(), "served beyond the bound");
    drop(open);
    let mut answer = String::new();
    let read = waiting.read_to_string(&mut answer);
    tokio::time::timeout(DEADLINE, read).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    stack.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_arrive_ends_the_connection() {
    let stack = Stack::start_with(Bounds {
        head: Duration::from_millis(50),
        ..Bounds::default()
    })
    .await;
    let mut stream = TcpStream::connect(stack.address).await.unwrap();
    stream.write_all(b"GET /v1/").await.unwrap();
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    let _ = tokio::time::timeout(DEADLINE, read)
        .await
        .expect("still open");
    stack.stop().await;
}

#[tokio::test]
async fn stopping_answers_who_waits() {
    let stack = Stack::start().await;
    let index = stack.get("/v1/health/service/web").await.index();
    let request = format!(
        "GET /v1/health/service/web?index={index}&wait=5m HTTP/1.1\r\nHost: localhost\r\n\r\n"
    );
    let mut waiters = JoinSet::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(stack.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        waiters.spawn(async move {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        });
    }
    stack.waiting(20).await;
    stack.stop().await;
    for answer in waiters.join_all().await {
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("[]"),
            "{answer}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn connections_that_come_all_at_once_are_held_until_they_are_accepted() {
    let listener = stead_server::listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let connect = || std::net::TcpStream::connect_timeout(&address, Duration::from_secs(5));
    let connections: Vec<_> = (0..500).map(|_| connect()).collect();
    assert!(connections.iter().all(Result::is_ok));
}
