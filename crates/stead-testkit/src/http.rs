//! An HTTP client of a few lines, so that a test of the server does not lean on its client.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The longest a read or a write may take; longer than any blocking query a test should ask.
const TIMEOUT: Duration = Duration::from_mins(1);

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The status line and the headers, as they came.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}\n{}", self.head, self.body))
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// `GET path`.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    request(address, "GET", path, "")
}

/// `PUT path` with a body.
pub fn put(address: SocketAddr, path: &str, body: &str) -> io::Result<Answer> {
    request(address, "PUT", path, body)
}

/// Any request, on a connection of its own.
///
/// It is sent as HTTP/1.0, so the answer comes unchunked and ends with the connection.
pub fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let cut = |error: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        matches!(error.kind(), BrokenPipe | ConnectionReset)
    };
    // A body too many is refused, and the connection closed, while it is still being sent.
    match stream.write_all(request.as_bytes()) {
        Err(error) if !cut(&error) => return Err(error),
        _ => {}
    }
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Err(error) if text.is_empty() || !cut(&error) => return Err(error),
        _ => {}
    }
    parse(&String::from_utf8_lossy(&text))
}

fn parse(text: &str) -> io::Result<Answer> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, format!("not an answer: {text}"));
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(malformed)?;
    Ok(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = parse("HTTP/1.1 404 Not Found\r\nX-Consul-Index: 7\r\n\r\n{\"a\":1}").unwrap();
        assert_eq!(answer.status, 404);
        assert_eq!(answer.header("x-consul-index"), Some("7"));
        assert_eq!(answer.header("x-other"), None);
        assert_eq!(answer.json()["a"], 1);
    }

    #[test]
    fn half_an_answer_is_an_error() {
        assert!(parse("HTTP/1.1 200 OK\r\n").is_err());
        assert!(parse("").is_err());
    }
}
