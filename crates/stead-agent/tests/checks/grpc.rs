//! The gRPC health protocol, against a server that speaks it over the `h2` crate.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response};
use stead_model::definition::CheckKind;

use super::{Bench, closed, failed, server, worked};

/// What the server answers.
#[derive(Clone)]
struct Answer {
    frames: Vec<Bytes>,
    /// `None`: the answer ends without.
    status: Option<&'static str>,
}

/// Answers the service `asked`, and refuses others as servers do.
async fn health(asked: &'static str, answer: Answer) -> SocketAddr {
    server(move |stream| {
        let answer = answer.clone();
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                assert_eq!(request.headers()["content-type"], "application/grpc");
                assert_eq!(request.headers()["te"], "trailers");
                let answer = answer.clone();
                // The connection goes on meanwhile: it is what brings the request's body.
                tokio::spawn(async move {
                    let message = request.into_body().data().await.unwrap().unwrap();
                    let name = message.get(7..).unwrap_or_default();
                    let response = Response::builder().header("content-type", "application/grpc");
                    if name != asked.as_bytes() {
                        let refused = response
                            .header("grpc-status", "5")
                            .header("grpc-message", "unknown service");
                        respond
                            .send_response(refused.body(()).unwrap(), true)
                            .unwrap();
                        return;
                    }
                    let mut body = respond
                        .send_response(response.body(()).unwrap(), false)
                        .unwrap();
                    let last = answer.frames.len();
                    for (number, frame) in answer.frames.into_iter().enumerate() {
                        body.send_data(frame, answer.status.is_none() && number + 1 == last)
                            .unwrap();
                    }
                    if let Some(status) = answer.status {
                        let mut trailers = HeaderMap::new();
                        trailers.insert("grpc-status", status.parse().unwrap());
                        body.send_trailers(trailers).unwrap();
                    }
                });
            }
        }
    })
    .await
}

fn serving() -> Answer {
    // In two pieces, as a network may cut it.
    let frames = vec![
        Bytes::from_static(&[0, 0, 0]),
        Bytes::from_static(&[0, 2, 8, 1]),
    ];
    Answer {
        frames,
        status: Some("0"),
    }
}

fn one(message: &'static [u8]) -> Vec<Bytes> {
    vec![Bytes::from_static(message)]
}

#[tokio::test]
async fn a_serving_server_is_a_success() {
    let mut bench = Bench::new();
    let address = health("", serving()).await;
    worked(
        &bench.once(CheckKind::Grpc(address.to_string())).await,
        "SERVING",
    );
    let address = health("shop.Orders", serving()).await;
    worked(
        &bench
            .once(CheckKind::Grpc(format!("{address}/shop.Orders")))
            .await,
        "SERVING",
    );
    failed(
        &bench
            .once(CheckKind::Grpc(format!("{address}/other")))
            .await,
        "grpc-status 5 (NOT_FOUND",
    );
}

#[tokio::test]
async fn everything_else_is_a_failure_that_says_which() {
    let mut bench = Bench::new();
    let not_serving = &[0, 0, 0, 0, 2, 8, 2];
    for (answer, why) in [
        (
            Answer {
                frames: one(not_serving),
                status: Some("0"),
            },
            "NOT_SERVING",
        ),
        (
            Answer {
                frames: one(&[0, 0, 0, 0, 0]),
                status: Some("0"),
            },
            ": UNKNOWN",
        ),
        (
            Answer {
                frames: one(&[0, 0, 0, 0, 2, 8, 9]),
                status: Some("0"),
            },
            "status 9",
        ),
        (
            Answer {
                frames: Vec::new(),
                status: Some("12"),
            },
            "UNIMPLEMENTED",
        ),
        (
            Answer {
                status: None,
                ..serving()
            },
            "without grpc-status",
        ),
        (
            Answer {
                frames: one(b"nonsense"),
                status: Some("0"),
            },
            "no HealthCheckResponse",
        ),
        (
            Answer {
                frames: vec![vec![0; 10_000].into()],
                status: Some("0"),
            },
            "more than 4096 bytes",
        ),
    ] {
        let address = health("", answer).await;
        failed(&bench.once(CheckKind::Grpc(address.to_string())).await, why);
    }
    failed(
        &bench.once(CheckKind::Grpc(closed().to_string())).await,
        "Connection refused",
    );
}

#[tokio::test]
async fn who_does_not_speak_it_fails() {
    let mut bench = Bench::new();
    let hangs_up = server(|_| async {}).await;
    failed(
        &bench.once(CheckKind::Grpc(hangs_up.to_string())).await,
        "gRPC health",
    );
    let silent = server(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let kind = CheckKind::Grpc(silent.to_string());
    let outcome = bench.once_within(kind, Duration::from_millis(100)).await;
    failed(&outcome, "no result within 100ms");
}
