//! What a person sees of `stead up`: a live line for each service on a terminal, a plain line for
//! each change elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use stead_agent::Agent;
use stead_api::control::Service;
use tokio::task::JoinSet;

use crate::commands::ps;

/// How often a live line that waits for something turns.
const TICK: Duration = Duration::from_millis(120);

pub(super) struct Progress {
    screen: Screen,
    followers: JoinSet<()>,
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
        let mut followers = JoinSet::new();
        for name in names {
            followers.spawn(follow(Arc::clone(agent), name, screen.clone()));
        }
        Self { screen, followers }
    }

    /// Says that the end has been asked for.
    pub(super) fn stopping(&self) {
        self.screen
            .say("stead: stopping; Ctrl+C again does not wait");
    }

    /// Shows what is left to be shown of a supervisor that has ended.
    pub(super) async fn catch_up(&mut self) {
        while self.followers.join_next().await.is_some() {}
    }

    /// Shows nothing more.
    pub(super) async fn end(mut self) {
        self.followers.shutdown().await;
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

async fn follow(agent: Arc<Agent>, name: String, screen: Screen) {
    let (Some(mut status), Some(mut health)) =
        (agent.supervisor().watch(&name), agent.health(&name))
    else {
        return;
    };
    let mut shown = String::new();
    loop {
        status.mark_unchanged();
        health.mark_unchanged();
        if let Some(service) = agent.shown(&name) {
            let now = words(&service);
            if now != shown && service.state != "INIT" {
                screen.show(&service);
                shown = now;
            }
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
