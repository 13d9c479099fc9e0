//! What a person sees of `stead up`: a live line for each service on a terminal, a plain line for
//! each change elsewhere.
//!
//! Every transition is shown, in the order in which they came about, whichever service's they are:
//! one task listens to all of them. What changes within a state (a process id, a health) is shown
//! by a task for each service, which leaves the states to that one.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use stead_agent::Agent;
use stead_api::control::Service;
use stead_supervisor::Change;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::commands::ps;

/// How often a live line that waits for something turns.
const TICK: Duration = Duration::from_millis(120);

pub(super) struct Progress {
    screen: Screen,
    followers: JoinSet<()>,
    transitions: JoinHandle<()>,
    over: CancellationToken,
}

/// What was last shown of each service.
type Board = Arc<Mutex<BTreeMap<String, Last>>>;

#[derive(Default)]
struct Last {
    state: String,
    words: String,
}

#[derive(Clone)]
enum Screen {
    Live(MultiProgress, Arc<BTreeMap<String, ProgressBar>>),
    Plain,
}

impl Progress {
    /// Shows what becomes of the agent's services from now on.
    pub(super) fn start(agent: &Arc<Agent>, http: SocketAddr) -> Self {
        let names: Vec<_> = agent
            .supervisor()
            .names()
            .map(ToString::to_string)
            .collect();
        let screen = if std::io::stderr().is_terminal() {
            live(&names)
        } else {
            Screen::Plain
        };
        let services = match names.len() {
            1 => "1 service".to_owned(),
            several => format!("{several} services"),
        };
        screen.say(&format!(
            "stead: {services}, HTTP API on {http}; Ctrl+C stops"
        ));
        let board = Board::default();
        let over = CancellationToken::new();
        let transitions = tokio::spawn(tell_transitions(
            Arc::clone(agent),
            agent.supervisor().changes(),
            screen.clone(),
            Arc::clone(&board),
            over.clone(),
        ));
        let mut followers = JoinSet::new();
        for name in names {
            let board = Arc::clone(&board);
            followers.spawn(follow(Arc::clone(agent), name, screen.clone(), board));
        }
        Self {
            screen,
            followers,
            transitions,
            over,
        }
    }

    /// Says that the end has been asked for.
    pub(super) fn stopping(&self) {
        self.screen
            .say("stead: stopping; Ctrl+C again does not wait");
    }

    /// Shows what is left to be shown of a supervisor that has ended.
    pub(super) async fn catch_up(&mut self) {
        while self.followers.join_next().await.is_some() {}
        self.over.cancel();
        let _ = (&mut self.transitions).await;
    }

    /// Shows nothing more.
    pub(super) async fn end(mut self) {
        self.followers.shutdown().await;
        self.transitions.abort();
        if let Screen::Live(_, bars) = &self.screen {
            for bar in bars.values() {
                bar.finish();
            }
        }
        self.screen.say("stead: stopped");
    }
}

fn live(names: &[String]) -> Screen {
    let multi = MultiProgress::new();
    let bars = names
        .iter()
        .map(|name| {
            let bar = multi.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:16} {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(name.clone());
            (name.clone(), bar)
        })
        .collect();
    Screen::Live(multi, Arc::new(bars))
}

impl Screen {
    fn say(&self, text: &str) {
        match self {
            Self::Live(multi, _) => {
                let _ = multi.println(text);
            }
            Self::Plain => {
                // A reader that went away is no reason to stop services.
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }

    fn show(&self, service: &Service) {
        match self {
            Self::Plain => self.say(&format!("{}: {}", service.name, words(service))),
            Self::Live(_, bars) => {
                let Some(bar) = bars.get(&service.name) else {
                    return;
                };
                bar.set_message(words(service));
                if matches!(service.phase.as_deref(), Some("starting" | "reloading"))
                    || service.state == "STOPPING"
                {
                    bar.enable_steady_tick(TICK);
                } else {
                    bar.disable_steady_tick();
                    bar.tick();
                }
            }
        }
    }
}

/// Shows every transition, also those that the service has left behind by now.
async fn tell_transitions(
    agent: Arc<Agent>,
    mut changes: broadcast::Receiver<Arc<Change>>,
    screen: Screen,
    board: Board,
    over: CancellationToken,
) {
    loop {
        let change = tokio::select! {
            // What has come about is told before the end is.
            biased;
            change = changes.recv() => change,
            () = over.cancelled() => return,
        };
        let missed = match change {
            Ok(change) => {
                let Some(mut service) = agent.shown(change.name.as_str()) else {
                    continue;
                };
                let to = change.record.to;
                let phase = to.phase().map(|phase| phase.word().to_owned());
                if service.state != to.word() || service.phase != phase {
                    to.word().clone_into(&mut service.state);
                    service.phase = phase;
                    (service.pid, service.health, service.detail) = (None, None, None);
                }
                show(&screen, &board, &service, Told::Transition);
                continue;
            }
            // The newest of each is told in place of those that were missed.
            Err(RecvError::Lagged(_)) => agent.all_shown(),
            Err(RecvError::Closed) => return,
        };
        for service in missed {
            show(&screen, &board, &service, Told::Transition);
        }
    }
}

/// Shows what changes within a service's states.
async fn follow(agent: Arc<Agent>, name: String, screen: Screen, board: Board) {
    let (Some(mut status), Some(mut health)) =
        (agent.supervisor().watch(&name), agent.health(&name))
    else {
        return;
    };
    loop {
        status.mark_unchanged();
        health.mark_unchanged();
        if let Some(service) = agent.shown(&name) {
            show(&screen, &board, &service, Told::Detail);
        }
        tokio::select! {
            changed = status.changed() => if changed.is_err() {
                return;
            },
            // A service that nobody checks has nobody who tells its health.
            Ok(()) = health.changed() => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The service has come to another state.
    Transition,
    /// Something else of it has changed, in the state it is shown in.
    Detail,
}

fn show(screen: &Screen, board: &Board, service: &Service, what: Told) {
    let (state, words) = (ps::state(service), words(service));
    // Held while it is shown: what is shown later is later.
    let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
    let last = board.entry(service.name.clone()).or_default();
    if last.words == words || (what == Told::Detail && last.state != state) {
        return;
    }
    screen.show(service);
    *last = Last { state, words };
}

/// `RUNNING/ready  Healthy  pid 812`, and what stands in the way.
fn words(service: &Service) -> String {
    let mut words = ps::state(service);
    if let Some(health) = &service.health
        && !service.checks.is_empty()
    {
        words.push_str("  ");
        words.push_str(health);
    }
    if let Some(pid) = service.pid {
        words.extend(["  pid ", &pid.to_string()]);
    }
    if let Some(detail) = &service.detail {
        words.extend(["  (", detail, ")"]);
    }
    words
}
