use axum::body::Body;
use axum::response::Response;
use stead_api::consul::{
    CatalogDeregistration, CatalogRegistration, Check, CheckInput, Node, Service, ServiceInput,
    Status,
};
use stead_registry::{Batch, Query, tags};

use super::reply::{self, Failure};
use super::request::Call;

pub(super) fn datacenters(call: &Call) -> Result<Response, Failure> {
    reply::json(&[call.consul.inner.registry.datacenter()], call.pretty())
}

pub(super) async fn services(call: &Call) -> Result<Response, Failure> {
    let meta = call.params.node_meta();
    call.answer(Query::Services { meta }).await
}

pub(super) async fn nodes(call: &Call) -> Result<Response, Failure> {
    let meta = call.params.node_meta();
    call.answer(Query::Nodes { meta }).await
}

pub(super) async fn instances(call: &Call) -> Result<Response, Failure> {
    let service = call.subject("Missing service name")?.into();
    let query = Query::Instances {
        service,
        tags: tags(call.params.all("tag")),
        meta: call.params.node_meta(),
    };
    call.answer(query).await
}

pub(super) async fn node(call: &Call) -> Result<Response, Failure> {
    let node = call.subject("Missing node name")?.into();
    call.answer(Query::Node { node }).await
}

pub(super) async fn node_services(call: &Call) -> Result<Response, Failure> {
    let node = call.subject("Missing node name")?.into();
    call.answer(Query::NodeServices { node }).await
}

pub(super) async fn register(call: &Call, body: Body) -> Result<Response, Failure> {
    let input: CatalogRegistration = call.decode(body).await?;
    call.check_datacenter(&input.datacenter)?;
    let node = Node {
        id: input.id,
        node: input.node.clone(),
        address: input.address,
        tagged_addresses: input.taggedaddresses,
        meta: input.nodemeta,
        ..Node::default()
    };
    let mut batch = Batch::new();
    if input.skipnodeupdate {
        batch.keep_node(node);
    } else {
        batch.node(node);
    }
    if let Some(service) = input.service {
        batch.service(&input.node, service_record(service));
    }
    for check in input.checks.into_iter().chain(input.check) {
        batch.check(check_record(&input.node, check)?);
    }
    call.consul.inner.registry.catalog(batch).await?;
    reply::json(&true, false)
}

pub(super) async fn deregister(call: &Call, body: Body) -> Result<Response, Failure> {
    let input: CatalogDeregistration = call.decode(body).await?;
    call.check_datacenter(&input.datacenter)?;
    let registry = &call.consul.inner.registry;
    let mut batch = Batch::new();
    if !input.checkid.is_empty() {
        batch.remove_check(&input.node, &input.checkid);
        registry.catalog(batch).await?;
    } else if !input.serviceid.is_empty() {
        batch.remove_service(&input.node, &input.serviceid);
        registry.catalog(batch).await?;
    } else {
        registry.remove_node(&input.node).await?;
    }
    reply::json(&true, false)
}

fn service_record(input: ServiceInput) -> Service {
    Service {
        id: input.id,
        service: input.service,
        tags: input.tags,
        address: input.address,
        tagged_addresses: input.taggedaddresses,
        meta: input.meta,
        port: input.port,
        weights: input.weights.unwrap_or_default(),
        enable_tag_override: input.enabletagoverride,
        ..Service::default()
    }
}

fn check_record(node: &str, input: CheckInput) -> Result<Check, Failure> {
    if !input.node.is_empty() && input.node != node {
        return Err(Failure::internal(format!(
            "check {:?} is of node {:?}, not of {node:?}",
            input.checkid, input.node
        )));
    }
    let status = match input.status.as_str() {
        "" => Status::Critical,
        word => word
            .parse()
            .map_err(|_| Failure::bad_request(format!("Invalid check status: '{word}'")))?,
    };
    Ok(Check {
        node: node.to_owned(),
        check_id: input.checkid,
        name: input.name,
        status,
        notes: input.notes,
        output: input.output,
        service_id: input.serviceid,
        kind: input.kind,
        definition: input.definition,
        ..Check::default()
    })
}
