use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Serialize;
use stead_registry::{Answer, RegistryError};

use super::params::Consistency;

/// A request that gets no answer: a status and a plain text.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    text: String,
    allow: Option<String>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
            allow: None,
        }
    }

    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn internal(text: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, text)
    }

    pub(super) fn method(method: &Method, allowed: &str) -> Self {
        Self {
            allow: Some(allowed.to_owned()),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("method {method} not allowed"),
            )
        }
    }

    pub(super) fn too_large(what: &str, limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("Request {what} too large, max size: {limit} bytes"),
        )
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        let status = match &error {
            RegistryError::EmptyKey
            | RegistryError::MissingCheckName
            | RegistryError::UnknownService { .. }
            | RegistryError::InvalidCheck { .. }
            | RegistryError::InvalidName { .. } => StatusCode::BAD_REQUEST,
            RegistryError::NoSuchCheck { .. } => StatusCode::NOT_FOUND,
            RegistryError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            RegistryError::Closed | RegistryError::Contended { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut text = error.to_string();
        if matches!(error, RegistryError::Store(_) | RegistryError::Read(_)) {
            tracing::error!(error = %Chain(&error), "a request met a failing store");
            text = Chain(&error).to_string();
        }
        Self::new(status, text)
    }
}

/// An error with its sources.
struct Chain<'a>(&'a RegistryError);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = std::error::Error::source(self.0);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.text).into_response();
        if let Some(allow) = self.allow
            && let Ok(allow) = HeaderValue::from_str(&allow)
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}

/// JSON, indented if asked for.
pub(super) fn json<T: Serialize>(value: &T, pretty: bool) -> Result<Response, Failure> {
    match serde_json::to_vec(value) {
        Ok(bytes) if pretty => Ok(json_bytes(indent(&bytes))),
        Ok(bytes) => Ok(json_bytes(bytes.into())),
        Err(error) => Err(Failure::internal(format!(
            "cannot write the answer: {error}"
        ))),
    }
}

fn json_bytes(bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}

/// Nothing to say but that it is done.
pub(super) fn done() -> Response {
    StatusCode::OK.into_response()
}

/// An answer of the registry, with its index; 404 when there is none.
pub(super) fn answer(answer: Answer, consistency: Consistency, pretty: bool) -> Response {
    let mut response = match answer.bytes {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(bytes) if pretty => json_bytes(indent(&bytes)),
        Some(bytes) => json_bytes(bytes),
    };
    index_headers(&mut response, answer.index, consistency);
    response
}

/// A bare value; 404 when there is none.
pub(super) fn raw(answer: Answer, consistency: Consistency) -> Response {
    let mut response = match answer.bytes {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(bytes) => (
            [
                (header::CONTENT_TYPE, "text/plain"),
                (header::CONTENT_SECURITY_POLICY, "sandbox"),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ],
            Body::from(bytes),
        )
            .into_response(),
    };
    index_headers(&mut response, answer.index, consistency);
    response
}

fn index_headers(response: &mut Response, index: u64, consistency: Consistency) {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-consul-index"), index.into());
    headers.insert(
        HeaderName::from_static("x-consul-knownleader"),
        HeaderValue::from_static("true"),
    );
    headers.insert(
        HeaderName::from_static("x-consul-lastcontact"),
        HeaderValue::from_static("0"),
    );
    headers.insert(
        HeaderName::from_static("x-consul-effective-consistency"),
        HeaderValue::from_static(consistency.word()),
    );
}

/// Indents JSON by four spaces, as Go does. The order of members stays.
fn indent(json: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut quoted = false;
    let mut escaped = false;
    let mut opened = false;
    for &byte in json {
        if quoted {
            out.push(byte);
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        if byte.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(byte, b'}' | b']');
        if closes {
            depth -= 1;
        }
        if opened != closes {
            // Neither the inside of an empty object, nor in the middle of one.
            if opened || closes {
                new_line(&mut out, depth);
            }
        }
        opened = matches!(byte, b'{' | b'[');
        quoted = byte == b'"';
        out.push(byte);
        match byte {
            b'{' | b'[' => depth += 1,
            b',' => new_line(&mut out, depth),
            b':' => out.push(b' '),
            _ => {}
        }
    }
    out.into()
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', depth * 4));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents_as_go_does() {
        let json = br#"{"a":[1,{"b":"x, \" {y"}],"e":[],"o":{},"n":null}"#;
        let expected = r#"{
    "a": [
        1,
        {
            "b": "x, \" {y"
        }
    ],
    "e": [],
    "o": {},
    "n": null
}"#;
        assert_eq!(std::str::from_utf8(&indent(json)).unwrap(), expected);
        assert_eq!(&indent(b"[]")[..], b"[]");
        assert_eq!(&indent(b"null")[..], b"null");
    }
}
