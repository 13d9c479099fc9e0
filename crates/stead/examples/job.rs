//! A scheduled job: `job FOLDER [MILLISECONDS]` counts the files in a folder, at
//! every full minute or as often as said.
//!
//! Counting blocks, so it has a thread of its own and holds up no control. A run
//! that takes longer than the time between two leaves out those it has missed;
//! a stop lets it finish.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use stead::{Context, Error, Service};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

struct Job;

impl Service for Job {
    const NAME: &'static str = "job";

    async fn run(self, context: Context) -> Result<(), Error> {
        let mut arguments = context.arguments().iter();
        let folder = PathBuf::from(arguments.next().ok_or("give it a folder")?);
        let every = match arguments.next().and_then(|text| text.to_str()) {
            Some(text) => Duration::from_millis(text.parse()?),
            None => Duration::from_mins(1),
        };
        let mut ticks = interval_at(Instant::now() + to_the_next(every), every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        context.ready();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = context.stopping() => break,
            }
            let work = context.work();
            let (folder, status) = (folder.clone(), context.clone());
            let run = tokio::task::spawn_blocking(move || {
                let _work = work;
                match count(&folder) {
                    Ok(files) => status.status(&format!("{files} files")),
                    // The next run may have better luck.
                    Err(error) => tracing::warn!(%error, "nothing was counted"),
                }
            });
            tokio::select! {
                ran = run => ran?,
                () = context.stopping() => break,
            }
        }
        context.drain(Duration::from_secs(8)).await?;
        Ok(())
    }
}

fn count(folder: &Path) -> io::Result<usize> {
    Ok(fs::read_dir(folder)?.count())
}

/// How long it is until the clock is at a full multiple of `every`.
fn to_the_next(every: Duration) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let past = now.as_nanos() % every.as_nanos().max(1);
    every.saturating_sub(Duration::from_nanos(u64::try_from(past).unwrap_or(0)))
}

fn main() -> ExitCode {
    stead::run(Job)
}
