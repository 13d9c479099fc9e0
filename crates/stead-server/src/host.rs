//! Which names a request may call this server by.
//!
//! A page in a browser can make its own name resolve to this machine and then send requests that
//! the browser takes for same-origin. Such a request carries the page's name in `Host` and
//! `Origin`, so only names that no stranger can have are let in.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};

/// The names that are let in besides IP addresses and `localhost`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostNames(BTreeSet<String>);

impl HostNames {
    /// These names, in any case.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Self {
        let names = names.into_iter();
        Self(
            names
                .map(|name| name.as_ref().to_ascii_lowercase())
                .collect(),
        )
    }

    /// Whether a `Host` of this value is let in, with or without a port.
    pub fn allows(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        let address = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'));
        if address.unwrap_or(name).parse::<IpAddr>().is_ok() {
            return true;
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost" || name.ends_with(".localhost") || self.0.contains(&name)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), String> {
        for value in headers.get_all(header::HOST) {
            let host = value.to_str().unwrap_or_default();
            if !self.allows(host) {
                return Err(refusal("Host", host));
            }
        }
        for value in headers.get_all(header::ORIGIN) {
            let origin = value.to_str().unwrap_or_default();
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            if !self.allows(host) {
                return Err(refusal("Origin", origin));
            }
        }
        Ok(())
    }
}

fn refusal(header: &str, value: &str) -> String {
    format!("{header} {value:?} is neither an address, localhost nor a configured name")
}

/// The host of `host`, `host:port`, `[v6]`, `[v6]:port`; a bare IPv6 address too.
fn without_port(host: &str) -> Option<&str> {
    let (name, port) = match host.rfind(']') {
        Some(end) if host.starts_with('[') => host.split_at(end + 1),
        Some(_) => return None,
        None if host.matches(':').count() > 1 => (host, ""),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port,
        None if port.is_empty() => "",
        None => return None,
    };
    (!name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

/// Refuses requests that call the server by another name.
pub(crate) fn guard<S>(router: Router<S>, names: HostNames) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router.layer(middleware::from_fn_with_state(Arc::new(names), check))
}

async fn check(State(names): State<Arc<HostNames>>, request: Request, next: Next) -> Response {
    match names.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => (StatusCode::FORBIDDEN, refusal).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_localhost_and_configured_names_are_let_in() {
        let names = HostNames::new(["Registry.example"]);
        for host in [
            "127.0.0.1",
            "127.0.0.1:8500",
            "10.1.2.3:80",
            "[::1]",
            "[::1]:8500",
            "::1",
            "localhost",
            "LOCALHOST:8500",
            "localhost.",
            "app.localhost:1",
            "registry.example:8500",
        ] {
            assert!(names.allows(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8500",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "localhost:80:80",
            "localhost:x",
            "[::1",
            "[::1]x",
            "]",
            ":80",
            "notlocalhost",
        ] {
            assert!(!names.allows(host), "{host}");
        }
    }

    #[test]
    fn origins_are_held_to_the_same() {
        let names = HostNames::default();
        for (origin, allowed) in [
            ("http://127.0.0.1:8500", true),
            ("https://localhost", true),
            ("http://evil.example", false),
            ("null", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "127.0.0.1:8500".parse().unwrap());
            headers.insert(header::ORIGIN, origin.parse().unwrap());
            assert_eq!(names.check(&headers).is_ok(), allowed, "{origin}");
        }
    }
}
