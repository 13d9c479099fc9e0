use axum::response::Response;
use stead_registry::{HealthFilter, Query, tags};

use super::reply::{self, Failure};
use super::request::Call;

pub(super) async fn service(call: &Call) -> Result<Response, Failure> {
    let service = call.subject("Missing service name")?.into();
    let filter = match call.params.flag("passing")? {
        true => HealthFilter::Passing,
        false => HealthFilter::Any,
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
    let status = match call.subject("Missing check state")? {
        "any" => None,
        word => match word.parse() {
            Ok(status) => Some(status),
            // No check is ever in such a state.
            Err(_) => {
                let (mut answer, consistency) =
                    call.ask(Query::Checks { status: None, meta }).await?;
                answer.bytes = Some(bytes::Bytes::from_static(b"[]"));
                return Ok(reply::answer(answer, consistency, call.pretty()));
            }
        },
    };
    call.answer(Query::Checks { status, meta }).await
}
