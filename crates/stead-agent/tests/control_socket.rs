//! Where the control socket can be, and what is left of it.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use axum::Router;
use axum::routing::get;
use stead_agent::control::{self, ControlListener};
use stead_client::{ControlAddress, ControlClient};
use tokio_util::sync::CancellationToken;

/// Listens at a path, is asked by a client, and ends.
async fn serves_at(path: &Path) {
    let listener = ControlListener::bind(path).unwrap();
    assert_eq!(listener.address(), path.display().to_string());
    let kind = std::fs::symlink_metadata(path).unwrap();
    assert!(kind.file_type().is_socket());
    assert_eq!(kind.permissions().mode() & 0o777, 0o600);
    let folder = path.parent().unwrap();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);

    let router = Router::new().route("/stead/v1/services", get(async || "[]"));
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(control::serve(listener, router, shutdown.clone()));
    let address = ControlAddress::Socket(path.to_owned());
    let client = ControlClient::connect(address).await.unwrap();
    assert_eq!(client.services().await.unwrap(), []);
    drop(client);
    shutdown.cancel();
    served.await.unwrap();
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[tokio::test]
async fn it_is_served_however_long_its_path_is() {
    let root = tempfile::tempdir().unwrap();
    // The shortest path, those on both sides of what an address holds, and a very long one.
    let shortest = root.path().join("agent.sock").as_os_str().len();
    for length in [shortest, 107, 108, 300, 2000] {
        let mut folder = root.path().to_owned();
        let mut left = length - shortest;
        while left > 0 {
            // A slash and at most 200 letters; never a slash alone at the end.
            let piece = match left {
                ..=201 => left,
                202 => 100,
                _ => 201,
            };
            folder.push("d".repeat(piece - 1));
            left -= piece;
        }
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("agent.sock");
        assert_eq!(path.as_os_str().len(), length);
        serves_at(&path).await;
        // A dead one's socket is replaced.
        std::mem::forget(ControlListener::bind(&path).unwrap());
        serves_at(&path).await;
    }
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused_with_the_way_out() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("s".repeat(120));
    let error = ControlListener::bind(&path).unwrap_err();
    assert_eq!(
        error.source.to_string(),
        "the path is longer than 107 bytes; --data can name a shorter folder"
    );
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}
