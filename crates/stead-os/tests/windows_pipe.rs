//! The control pipe on Windows, both ends of it.
#![cfg(windows)]

mod windows;

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use stead_os::pipe::{self, Listener};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use windows::soon;

/// A name nobody else has.
fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(r"\\.\pipe\stead-test-{}-{number}", std::process::id())
}

/// Gives back what it is sent, to one client after the other.
async fn echo(mut listener: Listener, clients: usize) -> io::Result<()> {
    for _ in 0..clients {
        let mut connection = listener.accept().await?;
        assert_eq!(pipe::client_pid(&connection)?, std::process::id());
        let length = connection.read_u32().await?;
        let mut bytes = vec![0; length as usize];
        connection.read_exact(&mut bytes).await?;
        connection.write_all(&bytes).await?;
        connection.flush().await?;
        // Closing would throw away what the client has not read.
        assert_eq!(connection.read(&mut [0]).await.unwrap_or(0), 0);
    }
    Ok(())
}

async fn ask(name: &str, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut client = pipe::connect(name).await?;
    client
        .write_u32(u32::try_from(bytes.len()).map_err(io::Error::other)?)
        .await?;
    client.write_all(bytes).await?;
    let mut answer = vec![0; bytes.len()];
    client.read_exact(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn bytes_go_both_ways() {
    let name = name();
    let server = tokio::spawn(echo(Listener::bind(&name).unwrap(), 2));
    let large: Vec<u8> = (0..200_000_u32).map(|it| it.to_le_bytes()[0]).collect();
    for bytes in [b"hello".as_slice(), &large] {
        let answer = soon("an answer", ask(&name, bytes)).await.unwrap();
        assert!(answer == bytes, "{} bytes came back changed", bytes.len());
    }
    soon("the server's end", server).await.unwrap().unwrap();
}

#[tokio::test]
async fn clients_wait_for_their_turn() {
    let name = name();
    let server = tokio::spawn(echo(Listener::bind(&name).unwrap(), 10));
    let clients: Vec<_> = (0..10_u8)
        .map(|number| {
            let name = name.clone();
            tokio::spawn(async move { ask(&name, &[number; 3]).await })
        })
        .collect();
    for (number, client) in (0_u8..).zip(clients) {
        let answer = soon("an answer", client).await.unwrap().unwrap();
        assert_eq!(answer, [number; 3]);
    }
    soon("the server's end", server).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_name_is_refused() {
    let name = name();
    let first = Listener::bind(&name).unwrap();
    assert_eq!(first.name().to_str(), Some(name.as_str()));
    match Listener::bind(&name) {
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}"),
        // Wine before 9 knows no first instances.
        Ok(_) => assert!(windows::under_wine()),
    }
    drop(first);
    Listener::bind(&name).unwrap();
}

#[tokio::test]
async fn nobody_listens() {
    let error = pipe::connect(name()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}");
}
