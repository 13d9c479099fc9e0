//! What a person sees while a service is waited for.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use stead_native::systemd::{Progress, words};

/// Before that, nothing is said: most things are done by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Tells each new state on stderr, once it takes longer than a second.
pub(super) fn reporter() -> Progress {
    let begun = Instant::now();
    let told = Mutex::new(String::new());
    Box::new(move |status| {
        let text = match &status.status_text {
            Some(text) => format!("{}: {} ({text})", status.id, words(status)),
            None => format!("{}: {}", status.id, words(status)),
        };
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.elapsed() >= PATIENCE && *told != text {
            let _ = writeln!(anstream::stderr(), "{text}");
            *told = text;
        }
    })
}
