use axum::response::Response;
use stead_registry::{HealthFilter, Query, tags};

use super::reply::{self, Failure};
use super::request::Call;

pub(super) async fn service(call: &Call) -> Result<Response, Failure> {
    let service = call.subject("Missing service name")?.into();
    let filter = if call.params.flag("passing")? {
        HealthFilter::Passing
    } else {
        HealthFilter::Any
    };
    let query = Query::Health {
        service,
        tags: tags(call.params.all("tag")),
        filter,
        meta: call.params.node_meta(),
    };
    call.answer(query).await
}

pub(super) async fn node(call: &Call) -> Result<Response, Failure> {
    let node = call.subject("Missing node name")?.into();
    call.answer(Query::NodeChecks { node }).await
}

pub(super) async fn checks(call: &Call) -> Result<Response, Failure> {
    let service = call.subject("Missing service name")?.into();
    let meta = call.params.node_meta();
    call.answer(Query::ServiceChecks { service, meta }).await
}

pub(super) async fn state(call: &Call) -> Result<Response, Failure> {
    let meta = call.params.node_meta();
    let word = call.subject("Missing check state")?;
    let status = if word == "any" {
        None
    } else if let Ok(status) = word.parse() {
        Some(status)
    } else {
        // No check is ever in such a state.
        let (mut answer, consistency) = call.ask(Query::Checks { status: None, meta }).await?;
        answer.bytes = Some(bytes::Bytes::from_static(b"[]"));
        return Ok(reply::answer(answer, consistency, call.pretty()));
    };
    call.answer(Query::Checks { status, meta }).await
}
