//! Checks by `grpc.health.v1.Health/Check`, the gRPC health checking protocol, over plain HTTP/2.
//!
//! The two messages are so small that they are written out here: a request with one string in field
//! 1, an answer with one number in field 1.

use bytes::Bytes;
use h2::client;
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

use super::{Tried, chain};

/// The longest name of a service that is asked for.
const NAME_MAX: usize = 4096;
/// The most bytes of an answer that are read; a right one has 7.
const ANSWER_MAX: usize = 4096;

/// `HealthCheckResponse.ServingStatus`.
const STATUS: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const SERVING: u64 = 1;

/// Asks `host:port` for its own health, `host:port/service` for that service's.
pub(super) async fn check(target: &str) -> Tried {
    let (address, service) = target.split_once('/').unwrap_or((target, ""));
    match ask(address, service).await {
        Ok(SERVING) => Tried::worked(format!("gRPC health {target}: SERVING")),
        Ok(status) => {
            let name = usize::try_from(status)
                .ok()
                .and_then(|status| STATUS.get(status));
            let name = name.map_or_else(|| format!("status {status}"), ToString::to_string);
            Tried::failed(format!("gRPC health {target}: {name}"))
        }
        Err(why) => Tried::failed(format!("gRPC health {target}: {why}")),
    }
}

async fn ask(address: &str, service: &str) -> Result<u64, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) = client::handshake(stream)
        .await
        .map_err(|error| chain(&error))?;
    // The connection has to be driven while the call goes on, and goes when the call is over.
    let call = call(&mut sender, address, service);
    tokio::select! {
        answer = call => answer,
        ended = connection => Err(match ended {
            Ok(()) => "the connection was closed without an answer".to_owned(),
            Err(error) => chain(&error),
        }),
    }
}

async fn call(
    sender: &mut client::SendRequest<Bytes>,
    address: &str,
    service: &str,
) -> Result<u64, String> {
    let fail = |error: h2::Error| chain(&error);
    let message = request(service)?;
    let mut sender = sender.clone().ready().await.map_err(fail)?;
    let request = Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", concat!("stead/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|error| error.to_string())?;
    let (response, mut body) = sender.send_request(request, false).map_err(fail)?;
    body.send_data(message, true).map_err(fail)?;
    let response = response.await.map_err(fail)?;
    if !response.status().is_success() {
        return Err(format!("HTTP status {}", response.status()));
    }
    // An error can come without a message; then the headers are the trailers.
    refused(response.headers())?;
    let mut body = response.into_body();
    let mut answer = Vec::new();
    while let Some(bytes) = body.data().await {
        let bytes = bytes.map_err(fail)?;
        // The window is only a bookkeeping of the peer's; the answer is bounded below.
        body.flow_control()
            .release_capacity(bytes.len())
            .map_err(fail)?;
        answer.extend_from_slice(&bytes);
        if answer.len() > ANSWER_MAX {
            return Err(format!("an answer of more than {ANSWER_MAX} bytes"));
        }
    }
    match body.trailers().await.map_err(fail)? {
        Some(trailers) => refused(&trailers)?,
        None => return Err("an answer without grpc-status".to_owned()),
    }
    status(&answer).ok_or_else(|| "an answer that is no HealthCheckResponse".to_owned())
}

/// The error in trailers that have one.
fn refused(trailers: &HeaderMap) -> Result<(), String> {
    let Some(code) = trailers.get("grpc-status") else {
        return Ok(());
    };
    if code == "0" {
        return Ok(());
    }
    let code = String::from_utf8_lossy(code.as_bytes());
    // Codes of the gRPC specification that a health service is known to give.
    let name = match &*code {
        "5" => " (NOT_FOUND: the server does not know this service)",
        "12" => " (UNIMPLEMENTED: the server has no health service)",
        "14" => " (UNAVAILABLE)",
        _ => "",
    };
    let message = trailers
        .get("grpc-message")
        .map(|text| String::from_utf8_lossy(text.as_bytes()));
    let message = message.map(|text| format!(": {text}")).unwrap_or_default();
    Err(format!("grpc-status {code}{name}{message}"))
}

/// A length-prefixed `HealthCheckRequest { string service = 1; }`.
fn request(service: &str) -> Result<Bytes, String> {
    if service.len() > NAME_MAX {
        return Err(format!("a service name of more than {NAME_MAX} bytes"));
    }
    let mut message = Vec::new();
    if !service.is_empty() {
        // Field 1, length-delimited.
        message.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            // The low seven bits, and that there are more.
            message.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        message.push(length.to_le_bytes()[0]);
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).map_err(|error| error.to_string())?;
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&message);
    Ok(framed.into())
}

/// The status in a length-prefixed `HealthCheckResponse { ServingStatus status = 1; }`.
fn status(framed: &[u8]) -> Option<u64> {
    let (&[compressed, a, b, c, d], mut message) = framed.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    if compressed != 0 || message.len() != length {
        return None;
    }
    // Proto3 leaves a zero out.
    let mut status = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match (tag >> 3, tag & 7) {
            (1, 0) => status = varint(&mut message)?,
            // Fields of a later version are skipped by their wire type.
            (_, 0) => drop(varint(&mut message)?),
            (_, 1) => message = message.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            (_, 5) => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_a_frame_with_the_name() {
        assert_eq!(&request("").unwrap()[..], [0, 0, 0, 0, 0]);
        assert_eq!(
            &request("ab").unwrap()[..],
            [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']
        );
        let long = request(&"x".repeat(300)).unwrap();
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 0x02]);
        assert!(request(&"x".repeat(NAME_MAX + 1)).is_err());
    }

    #[test]
    fn the_status_is_read_past_unknown_fields() {
        assert_eq!(status(&[0, 0, 0, 0, 0]), Some(0));
        assert_eq!(status(&[0, 0, 0, 0, 2, 0x08, 1]), Some(1));
        assert_eq!(
            status(&[0, 0, 0, 0, 6, 0x12, 2, b'h', b'i', 0x08, 2]),
            Some(2)
        );
        for broken in [
            &[][..],
            &[0, 0, 0, 0],
            &[1, 0, 0, 0, 2, 0x08, 1],
            &[0, 0, 0, 0, 3, 0x08, 1],
            &[0, 0, 0, 0, 2, 0x08, 0x80],
            &[0, 0, 0, 0, 2, 0x12, 9],
            &[0, 0, 0, 0, 1, 0x0b],
        ] {
            assert_eq!(status(broken), None, "{broken:?}");
        }
    }
}
