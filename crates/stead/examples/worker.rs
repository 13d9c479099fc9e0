//! A blocking service that works off a folder: `worker FOLDER` turns each
//! `NAME.todo` in it into `NAME.done`, in capitals.
//!
//! It looks every ten seconds, and at once when it is told the control 128.
//! Two may not work in the same folder, so at its start it waits for as long as
//! there is a `lock`, and says that it does. Paused, it leaves the folder alone.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use stead::blocking::{Context, Service, run};
use stead::{Accepted, Control, CustomCode, Error};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(10);

/// The control that makes it look at once.
const LOOK: CustomCode = CustomCode::new(128);

struct Worker;

impl Service for Worker {
    const NAME: &'static str = "worker";
    const ACCEPTS: Accepted = Accepted::ENDING
        .and(Accepted::PRESHUTDOWN)
        .and(Accepted::PAUSE)
        .and(Accepted::CUSTOM);

    fn run(self, context: Context) -> Result<(), Error> {
        let folder = context.arguments().first().map(PathBuf::from);
        let folder = folder.ok_or("give it a folder")?;
        let Some(_lock) = Lock::wait(&folder, &context)? else {
            return Ok(());
        };
        context.ready();
        let mut paused = false;
        let mut done = 0;
        while !context.is_stopping() {
            if !paused {
                done += work_off(&folder, &context)?;
                context.status(&format!("{done} done"));
            }
            match context.control_within(EVERY) {
                Some(Control::Pause) => {
                    paused = true;
                    context.paused();
                }
                Some(Control::Continue) => {
                    paused = false;
                    context.resumed();
                }
                Some(Control::Custom(LOOK)) | None => {}
                Some(other) => tracing::debug!(?other, "nothing to look for"),
            }
        }
        Ok(())
    }
}

/// Does what there is to do, one by one: a stop waits for the one at hand.
fn work_off(folder: &Path, context: &Context) -> io::Result<usize> {
    let mut done = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "todo") {
            continue;
        }
        if context.is_stopping() {
            break;
        }
        let text = fs::read_to_string(&path)?;
        fs::write(path.with_extension("done"), text.to_uppercase())?;
        fs::remove_file(&path)?;
        context.alive();
        done += 1;
    }
    Ok(done)
}

/// The folder is ours, until this is dropped.
struct Lock(PathBuf);

impl Lock {
    /// Waits until nobody else has it; `None` if the service is to stop before.
    fn wait(folder: &Path, context: &Context) -> io::Result<Option<Self>> {
        let path = folder.join("lock");
        loop {
            match File::create_new(&path) {
                Ok(_) => return Ok(Some(Self(path))),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            // It still starts, and says more within five seconds.
            context.progress(Duration::from_secs(5));
            if context
                .control_within(Duration::from_millis(100))
                .is_some_and(Control::ends)
            {
                return Ok(None);
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn main() -> ExitCode {
    run(Worker)
}
