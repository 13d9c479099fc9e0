//! The machine's own agent: `/v1/agent/*` and `/v1/status/*`.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::HeaderName;
use serde_json::{Value, json};
use stead_api::consul::{
    AgentCheckUpdate, AgentConfig, AgentMember, AgentSelf, AgentService, CheckDefinition, Service,
    ServiceDefinition, Status,
};
use stead_registry::{Local, ServiceRegistration, TtlUpdate};
use tokio::time::Instant;

use super::reply::{self, Failure};
use super::request::Call;

pub(super) fn leader(call: &Call) -> Result<Response, Failure> {
    reply::json(&server_address(&call.consul.inner.local), call.pretty())
}

pub(super) fn peers(call: &Call) -> Result<Response, Failure> {
    reply::json(&[server_address(&call.consul.inner.local)], call.pretty())
}

pub(super) fn this(call: &Call) -> Result<Response, Failure> {
    let inner = &call.consul.inner;
    let options = inner.local.options();
    let datacenter = inner.registry.datacenter();
    let config = AgentConfig {
        datacenter: datacenter.to_owned(),
        primary_datacenter: datacenter.to_owned(),
        node_name: options.node.node.clone(),
        node_id: options.node.id.clone(),
        revision: String::new(),
        server: options.server_port != 0,
        version: options.version.clone(),
    };
    let debug_config = BTreeMap::from([
        (
            "AdvertiseAddrLAN",
            Value::from(options.node.address.clone()),
        ),
        ("Datacenter", Value::from(datacenter)),
        ("KVMaxValueSize", json!(inner.bounds.value)),
        ("NodeID", Value::from(options.node.id.clone())),
        ("NodeName", Value::from(options.node.node.clone())),
        ("ServerMode", json!(options.server_port != 0)),
    ]);
    let stats = BTreeMap::from([
        (
            "agent",
            BTreeMap::from([
                ("checks", inner.local.checks().len().to_string()),
                ("services", inner.local.services().len().to_string()),
            ]),
        ),
        (
            "consul",
            BTreeMap::from([
                ("leader_addr", server_address(&inner.local)),
                ("server", (options.server_port != 0).to_string()),
            ]),
        ),
        (
            "registry",
            BTreeMap::from([
                ("revision", inner.registry.revision().0.to_string()),
                ("waiters", inner.registry.waiters().to_string()),
            ]),
        ),
    ]);
    let answer = AgentSelf {
        config,
        debug_config,
        coord: None,
        member: member(&inner.local, datacenter),
        stats,
        meta: options.node.meta.clone().unwrap_or_default(),
        xds: None,
    };
    reply::json(&answer, call.pretty())
}

pub(super) fn members(call: &Call) -> Result<Response, Failure> {
    let inner = &call.consul.inner;
    let members = [member(&inner.local, inner.registry.datacenter())];
    reply::json(&members, call.pretty())
}

pub(super) fn services(call: &Call) -> Result<Response, Failure> {
    let datacenter = call.consul.inner.registry.datacenter();
    let services = call.consul.inner.local.services();
    let services: BTreeMap<&str, AgentService<'_>> = services
        .iter()
        .map(|found| {
            (
                found.service.id.as_str(),
                AgentService::new(&found.service, datacenter),
            )
        })
        .collect();
    reply::json(&services, call.pretty())
}

pub(super) async fn service(call: &Call) -> Result<Response, Failure> {
    let id = call.subject("Missing service ID")?;
    let inner = &call.consul.inner;
    let known = call.params.get("hash").unwrap_or_default();
    let wait = call.params.blocking()?.wait;
    let until = Instant::now() + wait;
    // Registered before the service is read, so that a change in between is not missed.
    let node = stead_registry::Query::Node {
        node: inner.local.node().into(),
    };
    let mut index = inner.registry.ask_now(node.clone()).index;
    loop {
        let Some(found) = inner.local.service(id) else {
            return Err(Failure::not_found(format!("unknown service ID: {id}")));
        };
        let mut answer = AgentService::new(&found.service, inner.registry.datacenter());
        let hash = content_hash(&answer);
        let over = Instant::now() >= until || inner.shutdown.is_cancelled();
        if known.is_empty() || known != hash || over {
            answer.content_hash = Some(hash.clone());
            let mut response = reply::json(&answer, call.pretty())?;
            if let Ok(hash) = HeaderValue::from_str(&hash) {
                let name = HeaderName::from_static("x-consul-contenthash");
                response.headers_mut().insert(name, hash);
            }
            return Ok(response);
        }
        let Ok(_place) = inner.waiters.try_acquire() else {
            return Err(call.too_many_waiters());
        };
        tokio::select! {
            answer = inner.registry.ask(node.clone(), Some(index), until) => index = answer.index,
            () = inner.shutdown.cancelled() => {}
        }
    }
}

pub(super) async fn register_service(call: &Call, body: Body) -> Result<Response, Failure> {
    let input: ServiceDefinition = call.decode(body).await?;
    if input.name.is_empty() {
        return Err(Failure::bad_request("Missing service name"));
    }
    let replace_checks = call.params.flag("replace-existing-checks")?;
    let service = Service {
        id: input.id,
        service: input.name,
        tags: input.tags,
        address: input.address,
        tagged_addresses: input.taggedaddresses,
        meta: input.meta,
        port: input.port,
        weights: input.weights.unwrap_or_default(),
        enable_tag_override: input.enabletagoverride,
        ..Service::default()
    };
    let registration = ServiceRegistration {
        service,
        checks: input.check.into_iter().chain(input.checks).collect(),
        kept: false,
        replace_checks,
    };
    call.consul
        .inner
        .local
        .register_service(registration)
        .await?;
    Ok(reply::done())
}

pub(super) async fn deregister_service(call: &Call) -> Result<Response, Failure> {
    let id = call.subject("Missing service ID")?;
    if call.consul.inner.local.deregister_service(id).await? {
        return Ok(reply::done());
    }
    Err(Failure::not_found(format!(
        "Unknown service ID {id:?}. Ensure that the service ID is passed, not the service name."
    )))
}

pub(super) fn checks(call: &Call) -> Result<Response, Failure> {
    let checks = call.consul.inner.local.checks();
    let checks: BTreeMap<&str, _> = checks
        .iter()
        .map(|found| (found.check.check_id.as_str(), &*found.check))
        .collect();
    reply::json(&checks, call.pretty())
}

pub(super) async fn register_check(call: &Call, body: Body) -> Result<Response, Failure> {
    let definition: CheckDefinition = call.decode(body).await?;
    if definition.name.is_empty() {
        return Err(Failure::bad_request("Missing check name"));
    }
    call.consul.inner.local.register_check(definition).await?;
    Ok(reply::done())
}

pub(super) async fn deregister_check(call: &Call) -> Result<Response, Failure> {
    let id = call.subject("Missing check ID")?;
    if call.consul.inner.local.deregister_check(id).await? {
        return Ok(reply::done());
    }
    Err(Failure::not_found(format!("Unknown check ID {id:?}")))
}

pub(super) async fn beat(call: &Call, status: &str) -> Result<Response, Failure> {
    let output = call.params.get("note").unwrap_or_default();
    update(call, status, output.to_owned()).await
}

pub(super) async fn update_check(call: &Call, body: Body) -> Result<Response, Failure> {
    let input: AgentCheckUpdate = call.decode(body).await?;
    update(call, &input.status, input.output).await
}

async fn update(call: &Call, status: &str, output: String) -> Result<Response, Failure> {
    let id = call.subject("Missing check ID")?;
    let status: Status = status
        .parse()
        .map_err(|_| Failure::bad_request(format!("Invalid check status: '{status}'")))?;
    let local = &call.consul.inner.local;
    local.update_ttl(id, TtlUpdate { status, output }).await?;
    Ok(reply::done())
}

fn member(local: &Local, datacenter: &str) -> AgentMember {
    let options = local.options();
    let role = match options.server_port {
        0 => "node",
        _ => "consul",
    };
    let tags = [
        ("build", options.version.as_str()),
        ("dc", datacenter),
        ("id", &options.node.id),
        ("port", &options.server_port.to_string()),
        ("role", role),
    ];
    AgentMember {
        name: options.node.node.clone(),
        addr: options.node.address.clone(),
        port: options.server_port,
        tags: tags
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        status: 1,
        protocol_min: 1,
        protocol_max: 5,
        protocol_cur: 2,
        delegate_min: 2,
        delegate_max: 5,
        delegate_cur: 4,
    }
}

/// The address that answers for the registry.
fn server_address(local: &Local) -> String {
    let options = local.options();
    let address = &options.node.address;
    if address.contains(':') {
        format!("[{address}]:{}", options.server_port)
    } else {
        format!("{address}:{}", options.server_port)
    }
}

fn content_hash(service: &AgentService<'_>) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(service)
        .unwrap_or_default()
        .hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
