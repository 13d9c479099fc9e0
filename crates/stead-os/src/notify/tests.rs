use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::sender::{parse_address, send_to};
use super::{Field, MAX_MESSAGE, Message, NotifySocket};

fn check(datagram: &[u8], expected: &[Field]) {
    let message = Message::parse(datagram);
    assert_eq!(message.0, expected, "{}", datagram.escape_ascii());
}

#[test]
fn datagrams_are_read_as_systemd_reads_them() {
    let status = |text: &str| Field::Status(text.to_owned());
    check(b"READY=1", &[Field::Ready]);
    check(b"READY=1\n", &[Field::Ready]);
    check(b"READY=0", &[Field::Other("READY".into(), "0".into())]);
    check(
        b"RELOADING=1\nMONOTONIC_USEC=1500000",
        &[
            Field::Reloading,
            Field::Monotonic(Duration::from_millis(1500)),
        ],
    );
    check(
        b"STOPPING=1\n\nSTATUS=bye",
        &[Field::Stopping, status("bye")],
    );
    check(b"STATUS=a=b c", &[status("a=b c")]);
    check(b"STATUS=", &[status("")]);
    check(b"STATUS=\xff", &[status("\u{fffd}")]);
    check(
        b"ERRNO=2\nBUSERROR=x.y",
        &[Field::Errno(2), Field::BusError("x.y".into())],
    );
    check(b"EXIT_STATUS=7", &[Field::ExitStatus(7)]);
    check(b"MAINPID=812", &[Field::MainPid(812)]);
    check(b"MAINPID=0\nMAINPID=-4\nMAINPID=x", &[]);
    check(b"WATCHDOG=1", &[Field::Watchdog]);
    check(b"WATCHDOG=trigger", &[Field::WatchdogTrigger]);
    check(
        b"WATCHDOG_USEC=20",
        &[Field::WatchdogTimeout(Duration::from_micros(20))],
    );
    check(
        b"EXTEND_TIMEOUT_USEC=30000000",
        &[Field::ExtendTimeout(Duration::from_secs(30))],
    );
    check(b"EXTEND_TIMEOUT_USEC=soon", &[]);
    check(b"BARRIER=1", &[Field::Barrier]);
    check(b"FDSTORE=1", &[Field::Other("FDSTORE".into(), "1".into())]);
    check(b"", &[]);
    check(b"no assignment\n=x", &[]);
}

#[test]
fn the_last_of_a_kind_counts() {
    let message = Message::parse(b"STATUS=a\nMAINPID=3\nSTATUS=b\nMAINPID=4");
    assert_eq!((message.status(), message.main_pid()), (Some("b"), Some(4)));
    assert_eq!(
        (message.extend_timeout(), message.watchdog_timeout()),
        (None, None)
    );
}

#[test]
fn what_is_written_is_read_back() {
    let fields = vec![
        Field::Ready,
        Field::Reloading,
        Field::Stopping,
        Field::Monotonic(Duration::from_micros(7)),
        Field::Status("all is well".into()),
        Field::Errno(5),
        Field::BusError("a.b".into()),
        Field::ExitStatus(1),
        Field::MainPid(9),
        Field::Watchdog,
        Field::WatchdogTrigger,
        Field::WatchdogTimeout(Duration::from_secs(1)),
        Field::ExtendTimeout(Duration::from_secs(2)),
        Field::Barrier,
        Field::Other("X_KEY".into(), "value".into()),
    ];
    let message = Message(fields);
    assert_eq!(Message::parse(&message.to_datagram()), message);
    let smuggled = Message(vec![Field::Status("x\nREADY=1".into())]);
    assert_eq!(
        Message::parse(&smuggled.to_datagram()).0,
        [Field::Status("x READY=1".into())]
    );
}

#[test]
fn addresses_are_paths_or_abstract() {
    assert_eq!(
        parse_address(OsStr::new("/run/x")).unwrap().path_bytes(),
        Some(&b"/run/x"[..])
    );
    #[cfg(target_os = "linux")]
    assert_eq!(
        parse_address(OsStr::new("@x")).unwrap().abstract_name(),
        Some(&b"x"[..])
    );
    for wrong in ["", "@", "relative", "vsock:2:1"] {
        assert!(parse_address(OsStr::new(wrong)).is_err(), "{wrong}");
    }
    let long = "/".repeat(200);
    assert!(parse_address(OsStr::new(&long)).is_err());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn messages_arrive_with_their_sender() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify").into_os_string();
    let name = format!(
        "@stead-test-{}-{}",
        std::process::id(),
        folder.path().display()
    );
    for address in [path.as_os_str(), OsStr::new(&name)] {
        let socket = NotifySocket::bind(address).unwrap();
        send_to(address, &[Field::Ready, Field::Status("up".into())], None).unwrap();
        let received = socket.recv().await.unwrap();
        assert_eq!(received.pid, std::process::id());
        assert_eq!(
            received.message.0,
            [Field::Ready, Field::Status("up".into())]
        );
        assert!(received.descriptors.is_empty());

        // Too long, and then one that counts.
        send_to(address, &[Field::Status("x".repeat(MAX_MESSAGE))], None).unwrap();
        send_to(address, &[Field::Watchdog], None).unwrap();
        assert_eq!(socket.recv().await.unwrap().message.0, [Field::Watchdog]);
    }
    assert!(!folder.path().join("notify").exists());
}

#[tokio::test]
async fn a_barrier_lasts_until_its_descriptor_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = NotifySocket::bind(path.as_os_str()).unwrap();
    let (mut reader, writer) = io::pipe().unwrap();
    send_to(path.as_os_str(), &[Field::Barrier], Some(writer.as_fd())).unwrap();
    drop(writer);
    let received = socket.recv().await.unwrap();
    assert_eq!(received.message.0, [Field::Barrier]);
    assert_eq!(received.descriptors.len(), 1);
    let closed = tokio::task::spawn_blocking(move || io::Read::read(&mut reader, &mut [0]));
    drop(received);
    assert_eq!(closed.await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn only_a_socket_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let left = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    drop(left);
    assert!(path.exists());
    let socket = NotifySocket::bind(path.as_os_str()).unwrap();
    assert_eq!(socket.address(), path.as_os_str());
    drop(socket);
    std::fs::write(&path, "precious").unwrap();
    let error = NotifySocket::bind(path.as_os_str()).unwrap_err();
    assert!(error.to_string().ends_with("/notify"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}
