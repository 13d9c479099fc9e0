//! How long from a registration to the blocking watcher that it wakes, over HTTP on both sides
//! and with the store's fsync in between; and how fast one change reaches many watchers.
//!
//! `cargo bench -p stead-server --bench wake`

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on says where, and prints what it found"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stead_registry::{Local, LocalOptions, Options, Registry};
use stead_server::{Bounds, HostNames, consul, serve};
use stead_store::Embedded;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

const ROUNDS: usize = 2_000;
const WATCHERS: usize = 4_000;

/// One connection, kept alive.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Sends a request and returns the answer's index, 0 if it has none.
    async fn ask(&mut self, method: &str, path: &str, body: &str) -> u64 {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        loop {
            assert!(
                self.stream.read_buf(&mut self.buffer).await.unwrap() > 0,
                "closed"
            );
            let Some(end) = self.buffer.windows(4).position(|part| part == b"\r\n\r\n") else {
                continue;
            };
            let head = std::str::from_utf8(&self.buffer[..end]).unwrap();
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            let field = |name: &str| {
                head.lines()
                    .find_map(|line| line.strip_prefix(name)?.trim().parse::<usize>().ok())
                    .unwrap_or(0)
            };
            if self.buffer.len() >= end + 4 + field("content-length:") {
                return field("x-consul-index:") as u64;
            }
        }
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let store = Embedded::open(folder.path(), stead_store::Options::default()).unwrap();
        let registry = Registry::open(Arc::new(store), Options::default())
            .await
            .unwrap();
        let listener = stead_server::listen(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let address = listener.local_addr().unwrap();
        let local = Local::open(&registry, LocalOptions::new("bench", "127.0.0.1"))
            .await
            .unwrap();
        let (bounds, shutdown) = (Bounds::default(), CancellationToken::new());
        let state = consul::Consul::new(local, bounds.clone(), shutdown.clone());
        let router = consul::router(state, HostNames::default());
        let token = shutdown.clone();
        let server = tokio::spawn(async move { serve(listener, router, &bounds, token).await });

        one_watcher(&registry, address).await;
        reads(address).await;
        many_watchers(&registry, address).await;

        shutdown.cancel();
        // Idle connections of this process are cut when the time to drain is over.
        let _ = server.await.unwrap();
        registry.close().await;
    });
}

async fn one_watcher(registry: &Registry, address: SocketAddr) {
    let mut writer = Connection::open(address).await;
    let mut watcher = Connection::open(address).await;
    let mut index = watcher.ask("GET", "/v1/health/service/web", "").await;
    let (sender, mut woken) = mpsc::channel(1);
    tokio::spawn(async move {
        for _ in 0..ROUNDS {
            let path = format!("/v1/health/service/web?index={index}&wait=1m");
            index = watcher.ask("GET", &path, "").await;
            sender.send(Instant::now()).await.unwrap();
        }
    });
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        while registry.waiters() == 0 {
            tokio::task::yield_now().await;
        }
        let body = format!(r#"{{"Name":"web","Port":{}}}"#, round % 60_000 + 1);
        let begun = Instant::now();
        writer.ask("PUT", "/v1/agent/service/register", &body).await;
        times.push(woken.recv().await.unwrap() - begun);
    }
    report("register -> one blocking watcher", &mut times);
}

async fn reads(address: SocketAddr) {
    let mut connection = Connection::open(address).await;
    for id in 0..100 {
        let body = format!(
            r#"{{"Name":"big","ID":"big-{id}","Tags":["a","b"],"Port":80,"Check":{{"TTL":"1h","Status":"passing"}}}}"#
        );
        connection
            .ask("PUT", "/v1/agent/service/register", &body)
            .await;
    }
    let begun = Instant::now();
    let readers = (0..16).map(|_| {
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await;
            for _ in 0..ROUNDS {
                connection
                    .ask("GET", "/v1/health/service/big?passing", "")
                    .await;
            }
        })
    });
    for reader in readers.collect::<Vec<_>>() {
        reader.await.unwrap();
    }
    let rate = 16.0 * f64::from(u32::try_from(ROUNDS).unwrap()) / begun.elapsed().as_secs_f64();
    println!("health of 100 instances: {rate:.0}/s");
    let begun = Instant::now();
    let writers = (0..64).map(|writer| {
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await;
            for round in 0..500 {
                let path = format!("/v1/kv/bench/{writer}/{}", round % 50);
                connection.ask("PUT", &path, &round.to_string()).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    println!(
        "kv put, 64 connections: {:.0}/s",
        32_000.0 / begun.elapsed().as_secs_f64()
    );
}

async fn many_watchers(registry: &Registry, address: SocketAddr) {
    let mut writer = Connection::open(address).await;
    let index = writer.ask("GET", "/v1/health/service/web", "").await;
    let path = format!("/v1/health/service/web?index={index}&wait=5m");
    let watchers: Vec<_> = (0..WATCHERS)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move {
                Connection::open(address).await.ask("GET", &path, "").await;
                Instant::now()
            })
        })
        .collect();
    while registry.waiters() < WATCHERS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begun = Instant::now();
    writer
        .ask(
            "PUT",
            "/v1/agent/service/register",
            r#"{"Name":"web","Port":65000}"#,
        )
        .await;
    let mut times = Vec::with_capacity(WATCHERS);
    for watcher in watchers {
        times.push(watcher.await.unwrap() - begun);
    }
    report(&format!("one change -> {WATCHERS} watchers"), &mut times);
}

fn report(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "{what}: p50 {:?}, p99 {:?}, last {:?}",
        at(50),
        at(99),
        at(100)
    );
}
