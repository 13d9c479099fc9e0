//! The three programs together, with a registry of the test's own in Stead's
//! place.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(
    clippy::disallowed_methods,
    reason = "the programs run without Stead here"
)]

mod registry;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use registry::Registry;
use shop::{Order, OrderState};

const DEADLINE: Duration = Duration::from_secs(20);

/// A running program; killed when the test is over.
struct Running {
    child: Child,
    authority: String,
}

impl Running {
    /// Starts a program on a free port and waits until it listens.
    fn start(program: &str, registry: &Registry, data: &Path) -> Self {
        let mut child = Command::new(program)
            .args(["--port", "0", "--data"])
            .arg(data)
            .env("STEAD_ADDR", registry.address())
            .env("NO_COLOR", "1")
            .env_remove("RUST_LOG")
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let authority = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "{program} ended");
            if let Some((_, address)) = line.trim_end().split_once("listening address=") {
                break address.to_owned();
            }
        };
        // What it says from here on goes to the test's own output.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::stderr()));
        Self { child, authority }
    }

    async fn call(&self, method: Method, path: &str, body: &str) -> (StatusCode, Bytes) {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.authority))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let answer = client.request(request).await.unwrap();
        let status = answer.status();
        (
            status,
            answer.into_body().collect().await.unwrap().to_bytes(),
        )
    }

    async fn order(&self, cents: u64) -> (StatusCode, Order) {
        let wish = format!(r#"{{"item": "tea", "cents": {cents}}}"#);
        let (status, body) = self.call(Method::POST, "/orders", &wish).await;
        let order = serde_json::from_slice(&body);
        (
            status,
            order.unwrap_or_else(|error| panic!("{error}: {status} {body:?}")),
        )
    }

    /// Calls until the answer has the status: the programs learn of a change in
    /// the registry a moment later.
    async fn until(&self, path: &str, expected: StatusCode) {
        let begun = Instant::now();
        loop {
            let (status, body) = self.call(Method::GET, path, "").await;
            if status == expected {
                return;
            }
            assert!(begun.elapsed() < DEADLINE, "{path}: {status} {body:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[cfg(unix)]
    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const GATEWAY: &str = env!("CARGO_BIN_EXE_gateway");
const ORDERS: &str = env!("CARGO_BIN_EXE_orders");
const PAYMENTS: &str = env!("CARGO_BIN_EXE_payments");

#[tokio::test]
async fn orders_find_their_way() {
    let registry = Registry::serve().await;
    let folder = tempfile::tempdir().unwrap();
    let start = |program| Running::start(program, &registry, folder.path());
    let payments = start(PAYMENTS);
    let orders = start(ORDERS);
    let gateway = start(GATEWAY);
    for running in [&payments, &orders, &gateway] {
        assert_eq!(
            running.call(Method::GET, "/health", "").await.0,
            StatusCode::OK
        );
    }

    // Nobody is registered: the gateway says so.
    let (status, body) = gateway.call(Method::GET, "/orders", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        body.ends_with(b"no healthy instance of orders\"}"),
        "{body:?}"
    );

    // Orders without payments are written down and unpaid.
    registry.set("orders", &[(&orders.authority, 10)]);
    gateway.until("/orders", StatusCode::OK).await;
    let (status, order) = gateway.order(250).await;
    assert_eq!(
        (status, order.id, order.state),
        (StatusCode::SERVICE_UNAVAILABLE, 1, OrderState::Placed)
    );

    registry.set("payments", &[(&payments.authority, 1)]);
    registry.answered("payments").await;
    let (status, order) = gateway.order(250).await;
    assert_eq!(
        (status, order.state),
        (StatusCode::CREATED, OrderState::Paid)
    );
    let (status, order) = gateway.order(1_000_000).await;
    assert_eq!(
        (status, order.state),
        (StatusCode::PAYMENT_REQUIRED, OrderState::Declined)
    );

    // Payments fails on demand, and says so in its health.
    payments.call(Method::PUT, "/failing", "true").await;
    payments
        .until("/health", StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert_eq!(gateway.order(1).await.1.state, OrderState::Placed);
    payments.call(Method::PUT, "/failing", "false").await;
    assert_eq!(gateway.order(1).await.1.state, OrderState::Paid);

    let (status, _) = gateway.call(Method::GET, "/orders/99", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = gateway.call(Method::POST, "/orders", "{").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);

    #[cfg(unix)]
    for running in [gateway, orders, payments] {
        running.stop();
    }
}

#[tokio::test]
async fn an_order_outlives_a_kill_and_another_instance_takes_over() {
    let registry = Registry::serve().await;
    let folder = tempfile::tempdir().unwrap();
    let start = |program| Running::start(program, &registry, folder.path());
    let payments = start(PAYMENTS);
    let orders = start(ORDERS);
    let gateway = start(GATEWAY);
    registry.set("payments", &[(&payments.authority, 1)]);
    registry.set("orders", &[(&orders.authority, 1)]);
    registry.answered("payments").await;
    gateway.until("/orders", StatusCode::OK).await;
    let (_, kept) = gateway.order(250).await;
    assert_eq!(kept.state, OrderState::Paid);

    // Dropping kills it; the registry still names it beside the new one, and
    // the gateway's call goes on to that.
    let dead = orders.authority.clone();
    drop(orders);
    let orders = start(ORDERS);
    registry.set("orders", &[(&dead, 5), (&orders.authority, 1)]);
    registry.answered("orders").await;
    let (status, body) = gateway.call(Method::GET, "/orders", "").await;
    assert_eq!(status, StatusCode::OK);
    let found: Vec<Order> = serde_json::from_slice(&body).unwrap();
    assert_eq!(found, [kept]);
}
