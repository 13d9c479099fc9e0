use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::params::Params;
use super::reply::Failure;
use super::request::Call;
use super::{Consul, agent, catalog, health, kv};

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint {
    StatusLeader,
    StatusPeers,
    AgentSelf,
    AgentMembers,
    AgentServices,
    AgentService,
    AgentServiceRegister,
    AgentServiceDeregister,
    AgentChecks,
    AgentCheckRegister,
    AgentCheckDeregister,
    AgentCheckPass,
    AgentCheckWarn,
    AgentCheckFail,
    AgentCheckUpdate,
    Datacenters,
    Services,
    Nodes,
    Instances,
    Node,
    NodeServices,
    Register,
    Deregister,
    Health,
    NodeChecks,
    ServiceChecks,
    Checks,
    Kv,
}

const GET: &[Method] = &[Method::GET];
const PUT: &[Method] = &[Method::PUT];
const KV: &[Method] = &[Method::GET, Method::PUT, Method::DELETE];

/// Paths; one that ends in a slash is followed by a name. Longer ones first where one starts
/// another.
const ROUTES: &[(&str, &[Method], Endpoint)] = &[
    ("/v1/status/leader", GET, Endpoint::StatusLeader),
    ("/v1/status/peers", GET, Endpoint::StatusPeers),
    ("/v1/agent/self", GET, Endpoint::AgentSelf),
    ("/v1/agent/members", GET, Endpoint::AgentMembers),
    ("/v1/agent/services", GET, Endpoint::AgentServices),
    (
        "/v1/agent/service/register",
        PUT,
        Endpoint::AgentServiceRegister,
    ),
    (
        "/v1/agent/service/deregister/",
        PUT,
        Endpoint::AgentServiceDeregister,
    ),
    ("/v1/agent/service/", GET, Endpoint::AgentService),
    ("/v1/agent/checks", GET, Endpoint::AgentChecks),
    (
        "/v1/agent/check/register",
        PUT,
        Endpoint::AgentCheckRegister,
    ),
    (
        "/v1/agent/check/deregister/",
        PUT,
        Endpoint::AgentCheckDeregister,
    ),
    ("/v1/agent/check/pass/", PUT, Endpoint::AgentCheckPass),
    ("/v1/agent/check/warn/", PUT, Endpoint::AgentCheckWarn),
    ("/v1/agent/check/fail/", PUT, Endpoint::AgentCheckFail),
    ("/v1/agent/check/update/", PUT, Endpoint::AgentCheckUpdate),
    ("/v1/catalog/datacenters", GET, Endpoint::Datacenters),
    ("/v1/catalog/services", GET, Endpoint::Services),
    ("/v1/catalog/nodes", GET, Endpoint::Nodes),
    ("/v1/catalog/service/", GET, Endpoint::Instances),
    ("/v1/catalog/node/", GET, Endpoint::Node),
    ("/v1/catalog/node-services/", GET, Endpoint::NodeServices),
    ("/v1/catalog/register", PUT, Endpoint::Register),
    ("/v1/catalog/deregister", PUT, Endpoint::Deregister),
    ("/v1/health/service/", GET, Endpoint::Health),
    ("/v1/health/node/", GET, Endpoint::NodeChecks),
    ("/v1/health/checks/", GET, Endpoint::ServiceChecks),
    ("/v1/health/state/", GET, Endpoint::Checks),
    ("/v1/kv/", KV, Endpoint::Kv),
];

/// Finds the route of a request and follows it.
pub(super) async fn dispatch(State(consul): State<Consul>, request: Request) -> Response {
    let outcome = follow(consul, request).await;
    outcome.unwrap_or_else(axum::response::IntoResponse::into_response)
}

async fn follow(consul: Consul, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let Some((rest, methods, endpoint)) = find(path) else {
        return Err(Failure::not_found(format!("no such endpoint: {path}")));
    };
    if parts.method == Method::OPTIONS {
        return Ok(options(methods));
    }
    if !methods.contains(&parts.method) {
        return Err(Failure::method(&parts.method, &allow(methods)));
    }
    let call = Call {
        consul,
        rest: decode(rest)?,
        params: Params::parse(parts.uri.query()),
        method: parts.method,
        headers: parts.headers,
    };
    match endpoint {
        Endpoint::StatusLeader => agent::leader(&call),
        Endpoint::StatusPeers => agent::peers(&call),
        Endpoint::AgentSelf => agent::this(&call),
        Endpoint::AgentMembers => agent::members(&call),
        Endpoint::AgentServices => agent::services(&call),
        Endpoint::AgentService => agent::service(&call).await,
        Endpoint::AgentServiceRegister => agent::register_service(&call, body).await,
        Endpoint::AgentServiceDeregister => agent::deregister_service(&call).await,
        Endpoint::AgentChecks => agent::checks(&call),
        Endpoint::AgentCheckRegister => agent::register_check(&call, body).await,
        Endpoint::AgentCheckDeregister => agent::deregister_check(&call).await,
        Endpoint::AgentCheckPass => agent::beat(&call, "passing").await,
        Endpoint::AgentCheckWarn => agent::beat(&call, "warning").await,
        Endpoint::AgentCheckFail => agent::beat(&call, "critical").await,
        Endpoint::AgentCheckUpdate => agent::update_check(&call, body).await,
        Endpoint::Datacenters => catalog::datacenters(&call),
        Endpoint::Services => catalog::services(&call).await,
        Endpoint::Nodes => catalog::nodes(&call).await,
        Endpoint::Instances => catalog::instances(&call).await,
        Endpoint::Node => catalog::node(&call).await,
        Endpoint::NodeServices => catalog::node_services(&call).await,
        Endpoint::Register => catalog::register(&call, body).await,
        Endpoint::Deregister => catalog::deregister(&call, body).await,
        Endpoint::Health => health::service(&call).await,
        Endpoint::NodeChecks => health::node(&call).await,
        Endpoint::ServiceChecks => health::checks(&call).await,
        Endpoint::Checks => health::state(&call).await,
        Endpoint::Kv => kv::dispatch(&call, body).await,
    }
}

fn find(path: &str) -> Option<(&str, &'static [Method], Endpoint)> {
    ROUTES.iter().find_map(|(route, methods, endpoint)| {
        let rest = if route.ends_with('/') {
            // The name may be missing, with its slash.
            match path.strip_prefix(route) {
                Some(rest) => rest,
                None if route.strip_suffix('/') == Some(path) => "",
                None => return None,
            }
        } else if path.strip_suffix('/').unwrap_or(path) == *route {
            ""
        } else {
            return None;
        };
        Some((rest, *methods, *endpoint))
    })
}

/// Decodes a name once, and refuses what climbs out of its place or cannot be a name.
fn decode(rest: &str) -> Result<String, Failure> {
    let decoded = percent_decode_str(rest)
        .decode_utf8()
        .map_err(|_| Failure::bad_request("The path is not UTF-8"))?;
    if decoded
        .split(['/', '\\'])
        .any(|part| part == ".." || part == ".")
    {
        return Err(Failure::bad_request(
            "The path must not contain . or .. as a part",
        ));
    }
    if decoded.contains('\0') {
        return Err(Failure::bad_request("The path must not contain a NUL byte"));
    }
    Ok(decoded.into_owned())
}

fn allow(methods: &[Method]) -> String {
    let mut allow = String::from("OPTIONS");
    for method in methods {
        allow.push(',');
        allow.push_str(method.as_str());
    }
    allow
}

fn options(methods: &[Method]) -> Response {
    let mut response = StatusCode::OK.into_response();
    if let Ok(allow) = HeaderValue::from_str(&allow(methods)) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_endpoint() {
        for (path, rest, endpoint) in [
            (
                "/v1/agent/service/register",
                "",
                Endpoint::AgentServiceRegister,
            ),
            ("/v1/agent/service/web1", "web1", Endpoint::AgentService),
            (
                "/v1/agent/service/deregister/a/b",
                "a/b",
                Endpoint::AgentServiceDeregister,
            ),
            ("/v1/catalog/nodes/", "", Endpoint::Nodes),
            ("/v1/catalog/node/", "", Endpoint::Node),
            ("/v1/kv", "", Endpoint::Kv),
            ("/v1/kv/a//b/", "a//b/", Endpoint::Kv),
        ] {
            let (found, _, at) = find(path).unwrap();
            assert_eq!((found, at), (rest, endpoint), "{path}");
        }
        for path in [
            "/",
            "",
            "/v1",
            "/v1/nope",
            "/v2/kv/a",
            "/v1/catalog/nodesx",
            "/v1/kvx",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn names_are_decoded_once_and_never_climb() {
        assert_eq!(
            decode("app%23127.0.0.1%233000").unwrap(),
            "app#127.0.0.1#3000"
        );
        assert_eq!(decode("a/b%2Fc%252F+d..").unwrap(), "a/b/c%2F+d..");
        for climbs in [
            "..",
            "../x",
            "%2e%2e/x",
            "a/..",
            "a/%2E%2e/b",
            "a%2f..%2fb",
            "./a",
            "a\\..\\b",
        ] {
            assert!(decode(climbs).is_err(), "{climbs}");
        }
        assert!(decode("%ff").is_err() && decode("a%00b").is_err());
    }
}
