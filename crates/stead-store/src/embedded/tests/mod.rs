//! Tests that look inside the engine: a disk that loses power, and the suite of all engines.

mod crash;
mod disk;
mod faults;
mod model;

use std::time::Duration;

use super::{Embedded, Options};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_every_promise_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicUsize::new(0);
    crate::conformance::run(Duration::from_millis(500), async || {
        let next = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Embedded::open(folder.path().join(next.to_string()), Options::default()).unwrap()
    })
    .await;
}
