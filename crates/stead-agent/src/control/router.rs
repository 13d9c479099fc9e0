//! Requests of the control socket, as `stead_api::control` lists them.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use stead_api::control::{Agent as Facts, Problem, ProblemKind, Service};
use stead_model::name::ServiceName;
use stead_supervisor::ControlError;
use tokio_util::sync::CancellationToken;

use super::{Caller, logs};
use crate::Agent;

/// What the agent says about itself.
pub type AgentFacts = Facts;

/// What the requests are answered from.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) agent: Arc<Agent>,
    facts: Arc<Facts>,
    /// Ends answers that would go on for ever.
    pub(super) ending: CancellationToken,
}

/// The control socket's requests; logs that are followed end with `ending`.
pub fn router(agent: Arc<Agent>, facts: Facts, ending: CancellationToken) -> Router {
    Router::new()
        .route("/stead/v1/agent", get(about))
        .route("/stead/v1/services", get(services))
        .route("/stead/v1/services/{name}", get(service))
        .route("/stead/v1/services/{name}/logs", get(logs::logs))
        .route("/stead/v1/services/{name}/{verb}", post(verb))
        .with_state(Desk {
            agent,
            facts: Arc::new(facts),
            ending,
        })
}

async fn about(State(desk): State<Desk>) -> Json<Facts> {
    Json((*desk.facts).clone())
}

async fn services(State(desk): State<Desk>) -> Json<Vec<Service>> {
    Json(desk.agent.all_shown())
}

async fn service(
    State(desk): State<Desk>,
    Path(name): Path<String>,
) -> Result<Json<Service>, Refusal> {
    let name = desk.name(&name)?;
    let mut shown = desk.shown(&name)?;
    shown.history = desk.agent.history(&name).await;
    Ok(Json(shown))
}

async fn verb(
    State(desk): State<Desk>,
    ConnectInfo(Caller(by)): ConnectInfo<Caller>,
    Path((name, verb)): Path<(String, String)>,
) -> Result<Json<Service>, Refusal> {
    let name = desk.name(&name)?;
    let supervisor = desk.agent.supervisor();
    let done = match verb.as_str() {
        "start" => supervisor.start(&name, &by).await,
        "stop" => supervisor.stop(&name, &by).await,
        "restart" => supervisor.restart(&name, &by).await,
        "reload" => supervisor.reload(&name, &by).await,
        _ => return Err(Refusal::new(ProblemKind::Usage, format!("no verb {verb}"))),
    };
    done.map_err(|error| refuse(&name, &verb, &error))?;
    desk.shown(&name).map(Json)
}

impl Desk {
    pub(super) fn name(&self, name: &str) -> Result<ServiceName, Refusal> {
        let known = ServiceName::new(name)
            .ok()
            .filter(|name| self.agent.supervisor().service(name.as_str()).is_some());
        known.ok_or_else(|| {
            let mut refusal = Refusal::new(ProblemKind::NotFound, format!("no service {name}"));
            refusal.0.hint = Some("`stead ps` lists the services".to_owned());
            refusal
        })
    }

    fn shown(&self, name: &ServiceName) -> Result<Service, Refusal> {
        self.agent
            .shown(name.as_str())
            .ok_or_else(|| Refusal::new(ProblemKind::NotFound, format!("no service {name}")))
    }
}

/// A request that is not done, and why.
pub(super) struct Refusal(pub(super) Problem);

impl Refusal {
    pub(super) fn new(kind: ProblemKind, error: String) -> Self {
        Self(Problem {
            error,
            causes: Vec::new(),
            hint: None,
            kind,
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0.kind {
            ProblemKind::Failed => StatusCode::CONFLICT,
            ProblemKind::Usage => StatusCode::BAD_REQUEST,
            ProblemKind::NotFound => StatusCode::NOT_FOUND,
            ProblemKind::Denied => StatusCode::FORBIDDEN,
        };
        (status, Json(self.0)).into_response()
    }
}

fn refuse(name: &ServiceName, verb: &str, error: &ControlError) -> Refusal {
    let (kind, hint) = match error {
        ControlError::NoService(_) => (ProblemKind::NotFound, None),
        ControlError::NotRunning => (
            ProblemKind::NotFound,
            Some(format!("`stead start {name}` starts it")),
        ),
        ControlError::NoReload => (
            ProblemKind::Usage,
            Some(format!(
                "add [services.{name}.reload], or `stead restart {name}`"
            )),
        ),
        ControlError::Disabled => (
            ProblemKind::Usage,
            Some("set start = \"manual\" to start it by hand".to_owned()),
        ),
        ControlError::Failed(_) => (
            ProblemKind::Failed,
            Some(format!("`stead logs {name}` shows what it wrote")),
        ),
        _ => (ProblemKind::Failed, None),
    };
    let mut refusal = Refusal::new(kind, format!("cannot {verb} {name}: {error}"));
    refusal.0.hint = hint;
    refusal
}
