//! Putting names into paths and queries.

use std::fmt::Write as _;

/// Percent-encodes for one segment of a path, RFC 3986: everything but
/// unreserved characters, slashes included.
pub(crate) fn segment(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut out, byte| {
            if is_unreserved(byte) {
                out.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
            out
        })
}

/// The same for a key, whose slashes are part of the path.
pub(crate) fn key_path(text: &str) -> String {
    // Dot segments would be resolved on the way; encoded they reach the server,
    // which decides.
    text.split('/')
        .map(|part| match part {
            "." => "%2E".to_owned(),
            ".." => "%2E%2E".to_owned(),
            _ => segment(part),
        })
        .collect::<Vec<_>>()
        .join("/")
}

/// Appends `name` or `name=value` to a path that may have a query already.
pub(crate) fn with_query(path: &mut String, name: &str, value: Option<&str>) {
    path.push(if path.contains('?') { '&' } else { '?' });
    path.push_str(name);
    if let Some(value) = value {
        path.push('=');
        path.push_str(&segment(value));
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_the_way() {
        assert_eq!(segment("app#127.0.0.1#3000"), "app%23127.0.0.1%233000");
        assert_eq!(segment("a/b c"), "a%2Fb%20c");
        assert_eq!(segment("ü?&="), "%C3%BC%3F%26%3D");
        assert_eq!(key_path("a/b c/ü"), "a/b%20c/%C3%BC");
        assert_eq!(key_path("/a//b/"), "/a//b/");
        assert_eq!(key_path("../a/./b"), "%2E%2E/a/%2E/b");
    }

    #[test]
    fn queries_join() {
        let mut path = "/v1/kv/a".to_owned();
        with_query(&mut path, "recurse", None);
        with_query(&mut path, "index", Some("7"));
        assert_eq!(path, "/v1/kv/a?recurse&index=7");
    }
}
