//! http and tcp.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use stead_model::definition::CheckKind;
use stead_model::health::OUTPUT_MAX;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Bench, closed, failed, server, worked};

/// Answers with `answer` and closes.
async fn answering(answer: String) -> std::net::SocketAddr {
    server(move |mut stream| {
        let answer = answer.clone();
        async move {
            read_request(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await
}

async fn read_request(stream: &mut TcpStream) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
}

struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// python3's http.server that serves `folder`, and where.
#[allow(
    clippy::disallowed_methods,
    reason = "the server is the test's own child"
)]
fn python(folder: &std::path::Path) -> (Python, String) {
    let child = std::process::Command::new("python3")
        .args([
            "-u",
            "-m",
            "http.server",
            "0",
            "--bind",
            "127.0.0.1",
            "--directory",
        ])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut python = Python(child.unwrap());
    let mut line = String::new();
    BufReader::new(python.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    // Serving HTTP on 127.0.0.1 port 40961 (http://127.0.0.1:40961/) ...
    let port = line.split(' ').nth(5).unwrap_or_else(|| panic!("{line}"));
    (python, format!("http://127.0.0.1:{port}"))
}

#[tokio::test]
async fn a_real_server_is_asked() {
    let mut bench = Bench::new();
    std::fs::write(bench.folder.path().join("health"), "all is well").unwrap();
    let (_python, url) = python(bench.folder.path());
    let found = bench.once(CheckKind::Http(format!("{url}/health"))).await;
    worked(&found, "200 OK Output: all is well");
    let missing = bench.once(CheckKind::Http(format!("{url}/none"))).await;
    failed(&missing, "404 Not Found Output: ");
}

#[tokio::test]
async fn only_200_to_299_is_success() {
    for (status, success) in [
        ("200 OK", true),
        ("204 No Content", true),
        ("304 Not Modified", false),
        ("429 Too Many Requests", false),
        ("500 Internal Server Error", false),
    ] {
        let address = answering(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")).await;
        let outcome = Bench::new()
            .once(CheckKind::Http(format!("http://{address}/")))
            .await;
        if success {
            worked(&outcome, status);
        } else {
            failed(&outcome, status);
        }
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_while_it_is_read() {
    let address = server(|mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        // Ends when the other side has had enough.
        while stream.write_all(&[b'x'; 1024]).await.is_ok() {}
    })
    .await;
    let outcome = Bench::new()
        .once(CheckKind::Http(format!("http://{address}/")))
        .await;
    worked(&outcome, "200 OK Output: xxx");
    assert_eq!(outcome.output.len(), OUTPUT_MAX);
}

#[tokio::test]
async fn redirects_have_a_bound() {
    let address =
        answering("HTTP/1.1 302 Found\r\nlocation: /again\r\ncontent-length: 0\r\n\r\n".into())
            .await;
    let outcome = Bench::new()
        .once(CheckKind::Http(format!("http://{address}/")))
        .await;
    failed(&outcome, "too many redirects");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let address = server(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let mut bench = Bench::new();
    let kind = CheckKind::Http(format!("http://{address}/"));
    let outcome = bench.once_within(kind, Duration::from_millis(100)).await;
    failed(&outcome, "no result within 100ms");
}

#[tokio::test]
async fn what_breaks_is_named() {
    let mut bench = Bench::new();
    let address = closed();
    let outcome = bench
        .once(CheckKind::Http(format!("http://{address}/")))
        .await;
    failed(&outcome, "Connection refused");
    let outcome = bench.once(CheckKind::Http("http://".into())).await;
    failed(&outcome, "empty host");
    let broken = answering("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".into()).await;
    let outcome = bench
        .once(CheckKind::Http(format!("http://{broken}/")))
        .await;
    failed(&outcome, "the body broke off");
    let no_tls = server(|mut stream| async move {
        stream.write_all(b"nonsense").await.unwrap();
    })
    .await;
    let outcome = bench
        .once(CheckKind::Http(format!("https://{no_tls}/")))
        .await;
    failed(&outcome, "HTTP GET https://");
}

#[tokio::test]
async fn a_connection_is_all_that_tcp_wants() {
    let mut bench = Bench::new();
    let address = server(|_| async {}).await;
    worked(
        &bench.once(CheckKind::Tcp(address.to_string())).await,
        "Success",
    );
    failed(
        &bench.once(CheckKind::Tcp(closed().to_string())).await,
        "Connection refused",
    );
}
