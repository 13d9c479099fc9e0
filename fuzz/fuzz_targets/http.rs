//! Any bytes as a request to the HTTP API: whatever a client sends, the server neither fails nor
//! answers what its own clients cannot read.
//!
//! The world lives on from one request to the next, as a server does, and is made anew now and
//! then; a find may therefore need the requests before it.

#![no_main]

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri, header};
use libfuzzer_sys::fuzz_target;
use stead_registry::{Local, LocalOptions, Registry};
use stead_server::consul::{Consul, router};
use stead_server::{Bounds, HostNames};
use stead_store::{Embedded, Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Requests that one world answers.
const LIFE: u32 = 2_000;

/// More than any answer of so small a world.
const ANSWER_MAX: usize = 64 << 20;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

fuzz_target!(|data: &[u8]| {
    let Some(request) = request(data) else {
        return;
    };
    WORLD.with_borrow_mut(|world| {
        if let Some(old) = world.take_if(|world| world.answered >= LIFE) {
            old.end();
        }
        world.get_or_insert_with(World::new).answer(request);
    });
});

/// A server over a store in a folder of its own.
struct World {
    // The last world is still there when the fuzzer exits, and then tokio's own thread-local is
    // gone already: only the folder goes with it.
    parts: ManuallyDrop<Parts>,
    answered: u32,
    _folder: TempDir,
}

struct Parts {
    runtime: Runtime,
    registry: Registry,
    router: Router,
    store: Arc<Embedded>,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = Embedded::open(folder.path(), stead_store::Options::default());
        let store = Arc::new(store.expect("a fresh store opens"));
        let shared: Arc<dyn Store> = store.clone();
        let (registry, local) = runtime.block_on(async {
            let registry = Registry::open(shared, stead_registry::Options::default())
                .await
                .expect("a fresh registry opens");
            let local = Local::open(&registry, LocalOptions::new("one", "127.0.0.1"))
                .await
                .expect("a fresh agent registers");
            (registry, local)
        });
        // Told to stop already, a query that would wait answers with what there is.
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let consul = Consul::new(local, Bounds::default(), shutdown);
        Self {
            parts: ManuallyDrop::new(Parts {
                runtime,
                registry,
                router: router(consul, HostNames::default()),
                store,
            }),
            answered: 0,
            _folder: folder,
        }
    }

    fn end(self) {
        let parts = ManuallyDrop::into_inner(self.parts);
        parts.runtime.block_on(parts.registry.close());
        parts.store.close();
    }

    fn answer(&mut self, request: Request<Body>) {
        self.answered += 1;
        let asked = format!("{} {}", request.method(), request.uri());
        let stranger = is_stranger(request.headers());
        let router = self.parts.router.clone();
        let (status, headers, body) = self.parts.runtime.block_on(async {
            let Ok(response) = router.oneshot(request).await;
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, ANSWER_MAX).await.expect("an answer ends");
            (parts.status, parts.headers, body)
        });
        assert!(
            !is_fault(status, &body),
            "{asked}: {status} {}",
            String::from_utf8_lossy(&body)
        );
        assert!(
            !stranger || status == StatusCode::FORBIDDEN,
            "{asked}: {status}"
        );
        if headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/json")
        {
            let read: Result<serde_json::Value, _> = serde_json::from_slice(&body);
            assert!(read.is_ok(), "{asked}: {}", String::from_utf8_lossy(&body));
        }
        if let Some(index) = headers.get("x-consul-index") {
            let index: u64 = index
                .to_str()
                .ok()
                .and_then(|index| index.parse().ok())
                .expect("an index is a number");
            assert!(index > 0, "{asked}: an index of 0 would wait for nothing");
        }
    }
}

/// Whether the server failed, rather than the request. Consul answers with 500 to many a request
/// that it refuses, and so does Stead, so the text decides.
fn is_fault(status: StatusCode, body: &[u8]) -> bool {
    const FAULTS: &[&str] = &["the store ", "cannot write the answer"];
    status.is_server_error()
        && (status != StatusCode::INTERNAL_SERVER_ERROR
            || FAULTS
                .iter()
                .any(|fault| body.starts_with(fault.as_bytes())))
}

/// Whether the request calls the server by a name that only a browser's page would use.
fn is_stranger(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::HOST)
        .iter()
        .chain(headers.get_all(header::ORIGIN))
        .any(|name| name.as_bytes().ends_with(b".example"))
}

/// `METHOD TARGET`, a line for each header, an empty line, the body.
fn request(data: &[u8]) -> Option<Request<Body>> {
    let (line, mut rest) = split_line(data)?;
    let mut words = line.split(|&byte| byte == b' ');
    let mut builder = Request::builder()
        .method(Method::from_bytes(words.next()?).ok()?)
        .uri(Uri::try_from(words.next()?).ok()?);
    while let Some((header, after)) = split_line(rest) {
        rest = after;
        if header.is_empty() {
            break;
        }
        let colon = header.iter().position(|&byte| byte == b':')?;
        builder = builder.header(&header[..colon], header[colon + 1..].trim_ascii());
    }
    builder.body(Body::from(rest.to_vec())).ok()
}

fn split_line(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|&byte| byte == b'\n')?;
    let line = data[..end].strip_suffix(b"\r").unwrap_or(&data[..end]);
    Some((line, &data[end + 1..]))
}
