//! Who may control a stack.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::process::Command;

use crate::support::{assert_fails, ready, stack};

#[test]
fn the_control_socket_is_for_its_owner() {
    let stack = stack().up("[services.a]\ncommand = [\"sleep\", \"1000\"]\n");
    ready(&stack, "a");
    let socket = stack.data().join("agent.sock");
    let about = fs::symlink_metadata(&socket).unwrap();
    assert!(about.file_type().is_socket());
    assert_eq!(about.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(stack.data()).unwrap().mode() & 0o077, 0);
    stack.stop();
    assert!(!socket.exists());
}

#[test]
fn another_user_is_turned_away() {
    let stack = stack().up("[services.a]\ncommand = [\"sleep\", \"1000\"]\n");
    ready(&stack, "a");
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("not root: the way of another user is not tried");
        return;
    }
    // The binary and the way to the socket are open to all; the socket itself is what refuses.
    let open = stead_testkit::folder();
    let binary = open.path().join("stead");
    fs::copy(env!("CARGO_BIN_EXE_stead"), &binary).unwrap();
    for folder in [open.path(), stack.folder(), &stack.data()] {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let socket = stack.data().join("agent.sock");
    for verb in [["ps"].as_slice(), &["stop", "a"]] {
        let output = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(&binary)
            .arg("--agent")
            .arg(&socket)
            .args(verb)
            .current_dir("/")
            .output()
            .unwrap();
        assert_fails(&output, 4, &["error: ", "hint: "]);
    }
    // Were the socket's mode wrong too, its peer's credentials would still tell.
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&binary)
        .arg("--agent")
        .arg(&socket)
        .args(["stop", "a"])
        .current_dir("/")
        .output()
        .unwrap();
    assert!(!output.status.success());
    ready(&stack, "a");
    stack.stop();
}

#[test]
fn a_browser_page_cannot_reach_the_http_api_by_rebinding() {
    use std::io::{Read, Write};

    let stack = stack().up("[services.a]\ncommand = [\"sleep\", \"1000\"]\n");
    for (header, allowed) in [
        ("Host: evil.example", false),
        ("Host: localhost\r\nOrigin: http://evil.example", false),
        ("Host: localhost", true),
    ] {
        let mut stream = std::net::TcpStream::connect(stack.http()).unwrap();
        write!(stream, "GET /v1/catalog/nodes HTTP/1.0\r\n{header}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.contains(" 200 OK"), allowed, "{header}: {answer}");
    }
    stack.stop();
}
