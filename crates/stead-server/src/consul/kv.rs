use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::Method;
use stead_registry::{Cas, Query};

use super::reply::{self, Failure};
use super::request::Call;

pub(super) async fn dispatch(call: &Call, body: Body) -> Result<Response, Failure> {
    match call.method {
        Method::PUT => put(call, body).await,
        Method::DELETE => delete(call).await,
        _ => get(call).await,
    }
}

async fn get(call: &Call) -> Result<Response, Failure> {
    let key = Bytes::copy_from_slice(call.rest.as_bytes());
    if call.params.has("keys") {
        let separator = call.params.get("separator").unwrap_or_default().to_owned();
        let prefix = key;
        return call.answer(Query::Keys { prefix, separator }).await;
    }
    if call.params.has("recurse") {
        return call.answer(Query::Tree { prefix: key }).await;
    }
    call.subject("Missing key name")?;
    if call.params.has("raw") {
        let (answer, consistency) = call.ask(Query::Raw { key }).await?;
        return Ok(reply::raw(answer, consistency));
    }
    call.answer(Query::Key { key }).await
}

async fn put(call: &Call, body: Body) -> Result<Response, Failure> {
    call.check_datacenter(call.params.get("dc").unwrap_or_default())?;
    call.subject("Missing key name")?;
    refuse_both(call, &["acquire", "cas", "release"])?;
    if let Some(lock) = ["acquire", "release"]
        .into_iter()
        .find(|lock| call.params.has(lock))
    {
        return Err(Failure::bad_request(format!(
            "?{lock} needs sessions, which this server does not have"
        )));
    }
    let flags = call.params.number("flags")?.unwrap_or(0);
    let cas = call
        .params
        .number("cas")?
        .map_or(Cas::Always, Cas::from_index);
    let limit = call.consul.inner.bounds.value;
    let value = call.read_body(body, "value", limit).await?;
    let registry = &call.consul.inner.registry;
    let done = registry.kv_put(&call.rest, value, flags, cas).await?;
    reply::json(&done, false)
}

async fn delete(call: &Call) -> Result<Response, Failure> {
    call.check_datacenter(call.params.get("dc").unwrap_or_default())?;
    refuse_both(call, &["cas", "recurse"])?;
    let registry = &call.consul.inner.registry;
    if call.params.has("recurse") {
        registry.kv_delete_tree(&call.rest).await?;
        return reply::json(&true, false);
    }
    let key = call.subject("Missing key name")?;
    let cas = call
        .params
        .number("cas")?
        .map_or(Cas::Always, Cas::from_index);
    let done = registry.kv_delete(key, cas).await?;
    reply::json(&done, false)
}

fn refuse_both(call: &Call, exclusive: &[&str]) -> Result<(), Failure> {
    let given: Vec<String> = exclusive
        .iter()
        .filter_map(|name| Some(format!("{name}={}", call.params.get(name)?)))
        .collect();
    if given.len() > 1 {
        return Err(Failure::bad_request(format!(
            "Conflicting flags: {}",
            given.join("&")
        )));
    }
    Ok(())
}
