//! The control client against a socket.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod peer;

use std::error::Error as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use peer::{Peer, json, streaming};
use stead_client::{ClientError, ControlAddress, ControlClient, LogOptions, ProblemKind, Verb};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);

const ORDERS: &str = r#"{"name":"orders","state":"RUNNING","phase":"ready","health":"Healthy",
    "pid":42,"restarts":1,"since":"2026-01-01T00:00:00Z","exit":null,"status":null,"detail":null}"#;

const MISSING: &str = r#"{"error":"there is no service x","causes":["because"],"hint":"stead ps","kind":"not_found"}"#;

fn socket_in(folder: &Path) -> ControlAddress {
    ControlAddress::Socket(folder.join("agent.sock"))
}

fn listen(folder: &Path) -> UnixListener {
    UnixListener::bind(folder.join("agent.sock")).unwrap()
}

#[tokio::test]
async fn requests_and_answers() {
    let folder = tempfile::tempdir().unwrap();
    let peer = Peer::new(|asked| match asked.target.as_str() {
        "/stead/v1/agent" => json(
            200,
            r#"{"pid":7,"version":"0.1.0","http":"127.0.0.1:8500","data":"/d","definition":null}"#,
        ),
        "/stead/v1/services" => json(200, &format!("[{ORDERS}]")),
        "/stead/v1/services/x" => json(404, MISSING),
        _ => json(200, ORDERS),
    });
    let _serving = peer.on_socket(listen(folder.path()));

    let client = ControlClient::connect(socket_in(folder.path()))
        .await
        .unwrap();
    let agent = client.agent().await.unwrap();
    assert_eq!(
        (agent.pid, agent.http.as_deref()),
        (7, Some("127.0.0.1:8500"))
    );
    assert_eq!(client.services().await.unwrap().len(), 1);
    assert_eq!(client.service("a/b").await.unwrap().pid, Some(42));
    let after = client.verb("orders", Verb::Restart).await.unwrap();
    assert_eq!(after.restarts, 1);
    let problem = client.service("x").await.unwrap_err();
    assert_eq!(problem.to_string(), "there is no service x");
    let ClientError::Problem(problem) = problem else {
        panic!("{problem:?}");
    };
    assert_eq!(problem.kind, ProblemKind::NotFound);
    assert_eq!(problem.hint.as_deref(), Some("stead ps"));

    assert_eq!(
        peer.targets(),
        [
            "GET /stead/v1/agent",
            "GET /stead/v1/services",
            "GET /stead/v1/services/a%2Fb",
            "POST /stead/v1/services/orders/restart",
            "GET /stead/v1/services/x",
        ]
    );
    // One after the other they share the connection that was made at first.
    assert!(peer.asked().iter().all(|asked| asked.connection == 0));
}

#[tokio::test]
async fn a_closed_idle_connection_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let peer = Peer::new(|_| json(200, "[]")).closing_after_one_answer();
    let _serving = peer.on_socket(listen(folder.path()));
    let client = ControlClient::connect(socket_in(folder.path()))
        .await
        .unwrap();
    for _ in 0..20 {
        client.services().await.unwrap();
    }
    assert_eq!(peer.asked().len(), 20);
    assert!(peer.asked().last().unwrap().connection >= 19);
}

#[tokio::test]
async fn logs_arrive_while_they_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, answer) = streaming();
    let answer = Mutex::new(Some(answer));
    let peer = Peer::new(move |_| answer.lock().unwrap().take().unwrap());
    let _serving = peer.on_socket(listen(folder.path()));
    let client = ControlClient::connect(socket_in(folder.path()))
        .await
        .unwrap();
    let mut logs = client
        .logs(
            "orders",
            LogOptions {
                follow: true,
                lines: Some(5),
                timestamps: true,
            },
        )
        .await
        .unwrap();

    // Each piece is there before the next is sent: nothing waits for the end.
    for piece in [&b"one\n"[..], b"\xff\xfe\0", b"\n\n"] {
        sender.send(Bytes::from_static(piece)).await.unwrap();
        let arrived = timeout(DEADLINE, logs.next_piece()).await.unwrap();
        assert_eq!(arrived.unwrap().unwrap(), piece);
    }
    drop(sender);
    assert!(timeout(DEADLINE, logs.next()).await.unwrap().is_none());
    assert_eq!(
        peer.targets(),
        ["GET /stead/v1/services/orders/logs?follow&lines=5&timestamps"]
    );
}

#[tokio::test]
async fn dropping_the_logs_ends_the_stream() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, answer) = streaming();
    let answer = Mutex::new(Some(answer));
    let peer = Peer::new(move |_| answer.lock().unwrap().take().unwrap());
    let _serving = peer.on_socket(listen(folder.path()));
    let client = ControlClient::connect(socket_in(folder.path()))
        .await
        .unwrap();
    let logs = client.logs("orders", LogOptions::default()).await.unwrap();
    drop(logs);
    timeout(DEADLINE, sender.closed()).await.unwrap();
}

#[tokio::test]
async fn logs_of_nothing_are_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let peer = Peer::new(|_| json(404, MISSING));
    let _serving = peer.on_socket(listen(folder.path()));
    let client = ControlClient::connect(socket_in(folder.path()))
        .await
        .unwrap();
    let refused = client.logs("x", LogOptions::default()).await.unwrap_err();
    assert!(matches!(refused, ClientError::Problem(_)), "{refused:?}");
}

#[tokio::test]
async fn nobody_there() {
    let folder = tempfile::tempdir().unwrap();
    let address = socket_in(folder.path());
    let missing = ControlClient::connect(address.clone()).await.unwrap_err();
    assert!(missing.is_unreachable());
    assert!(missing.to_string().contains("agent.sock"), "{missing}");
    assert!(missing.source().is_some());

    drop(listen(folder.path()));
    assert!(address.is_there());
    let left_behind = ControlClient::connect(address).await.unwrap_err();
    assert!(left_behind.is_unreachable());
}

#[tokio::test]
async fn answers_that_make_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let peer = Peer::new(|asked| match asked.target.as_str() {
        "/stead/v1/agent" => json(200, "{}"),
        "/stead/v1/services" => json(403, "go away"),
        _ => json(500, "oh"),
    });
    let _serving = peer.on_socket(listen(folder.path()));
    let client = ControlClient::connect(socket_in(folder.path()))
        .await
        .unwrap();
    let error = client.agent().await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
    let error = client.service("a").await.unwrap_err();
    assert!(matches!(error, ClientError::Protocol { .. }), "{error:?}");
    let error = client.services().await.unwrap_err();
    let ClientError::Problem(problem) = error else {
        panic!("{error:?}");
    };
    assert_eq!(problem.kind, ProblemKind::Denied);
}

#[tokio::test]
async fn an_agent_that_dies_in_mid_answer() {
    let folder = tempfile::tempdir().unwrap();
    let listener = listen(folder.path());
    let client = ControlClient::connect(socket_in(folder.path()))
        .await
        .unwrap();
    let (mut connection, _) = listener.accept().await.unwrap();
    let asking = client.verb("orders", Verb::Stop);
    let dying = async {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert!(connection.read_buf(&mut request).await.unwrap() > 0);
        }
        connection
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            .await
            .unwrap();
        drop(connection);
    };
    let both = async { tokio::join!(asking, dying) };
    let (answer, ()) = timeout(DEADLINE, both).await.unwrap();
    let error = answer.unwrap_err();
    assert!(matches!(error, ClientError::Lost { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("POST /stead/v1/services/orders/stop")
    );
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_socket_deep_down() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(200));
    std::fs::create_dir(&deep).unwrap();
    // Bound where its address fits and moved to where it does not.
    let listener = listen(folder.path());
    std::fs::rename(folder.path().join("agent.sock"), deep.join("agent.sock")).unwrap();
    let peer = Peer::new(|_| json(200, "[]"));
    let _serving = peer.on_socket(listener);
    let client = ControlClient::connect(socket_in(&deep)).await.unwrap();
    assert!(client.services().await.unwrap().is_empty());
}
