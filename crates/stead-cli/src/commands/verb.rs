//! `stead start`, `stop`, `restart` and `reload`.

use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use stead_client::Verb;

use super::{client, ps};
use crate::cli::{Common, Names, Output};
use crate::failure::Failure;
use crate::output;

/// After this long, a person is told what is being waited for.
const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) fn run(common: &Common, names: &Names, verb: Verb) -> Result<ExitCode, Failure> {
    let reached = client::block_on(async {
        let agent = client::agent(common).await?;
        let mut reached = Vec::with_capacity(names.names.len());
        for name in &names.names {
            let progress = Progress::new(format!("{} {name}", doing(verb)));
            let asked = agent.verb(name, verb);
            tokio::pin!(asked);
            let answer = tokio::select! {
                answer = &mut asked => answer,
                () = tokio::time::sleep(PATIENCE) => {
                    progress.show();
                    asked.await
                }
            };
            progress.finish();
            reached.push(answer.map_err(Failure::from)?);
        }
        Ok(reached)
    })?;
    match common.output {
        Output::Json if reached.len() == 1 => output::json(&reached[0])?,
        Output::Json => output::json(&reached)?,
        Output::Table => {
            for service in &reached {
                output::line(&format!("{}: {}", service.name, ps::state(service)))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn doing(verb: Verb) -> &'static str {
    match verb {
        Verb::Start => "starting",
        Verb::Stop => "stopping",
        Verb::Restart => "restarting",
        Verb::Reload => "reloading",
    }
}

/// A spinner on a terminal, nothing elsewhere.
struct Progress(ProgressBar, String);

impl Progress {
    fn new(what: String) -> Self {
        Self(ProgressBar::hidden(), what)
    }

    fn show(&self) {
        self.0
            .set_draw_target(indicatif::ProgressDrawTarget::stderr());
        self.0.set_style(ProgressStyle::default_spinner());
        self.0.set_message(self.1.clone());
        self.0.enable_steady_tick(Duration::from_millis(100));
    }

    fn finish(&self) {
        self.0.finish_and_clear();
    }
}
