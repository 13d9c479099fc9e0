//! What a person sees while a service is waited for.

use std::io::Write as _;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stead_native::systemd::{Progress, words};

/// Before that, nothing is said: most things are done by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells on stderr, once it takes longer than a second, how things stand, and each change of that.
pub(super) fn reporter() -> Progress {
    let told = Arc::new(Mutex::new(Told::default()));
    Box::new(move |status| {
        let text = match &status.status_text {
            Some(text) => format!("{}: {} ({text})", status.id, words(status)),
            None => format!("{}: {}", status.id, words(status)),
        };
        let mut state = told.lock().unwrap_or_else(PoisonError::into_inner);
        if state.text != text {
            state.text = text;
            if state.long {
                state.tell();
            }
        }
        if state.waiting.is_none() {
            state.waiting = Some(tell_later(&told));
        }
    })
}

#[derive(Default)]
struct Told {
    text: String,
    /// The second is over.
    long: bool,
    /// Dropped with the reporter, which ends the wait.
    waiting: Option<SyncSender<()>>,
}

impl Told {
    fn tell(&self) {
        // Nobody may be there to read it.
        let _ = writeln!(anstream::stderr(), "{}", self.text);
    }
}

fn tell_later(told: &Arc<Mutex<Told>>) -> SyncSender<()> {
    let (waiting, over) = sync_channel(0);
    let told = Arc::downgrade(told);
    std::thread::spawn(move || {
        if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout)
            && let Some(told) = told.upgrade()
        {
            let mut state = told.lock().unwrap_or_else(PoisonError::into_inner);
            state.long = true;
            state.tell();
        }
    });
    waiting
}
