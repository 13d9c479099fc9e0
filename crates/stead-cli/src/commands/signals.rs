//! The signals that end a command in the foreground.

use tokio::sync::mpsc;

use crate::failure::{FAILED, Failure};

/// Wishes to end that are not yet looked at; more say nothing new.
const WISHES_MAX: usize = 4;

/// Every Ctrl+C, SIGTERM and SIGHUP (on Windows Ctrl+C, Ctrl+Break, close and shutdown) from now on.
pub(super) fn ending() -> Result<mpsc::Receiver<()>, Failure> {
    let (wish, wishes) = mpsc::channel(WISHES_MAX);
    let cannot = |error: std::io::Error| Failure::of(FAILED, "cannot listen to signals", &error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            let mut signals = signal(kind).map_err(cannot)?;
            let wish = wish.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    // A full channel has said it already.
                    let _ = wish.try_send(());
                }
            });
        }
    }
    #[cfg(windows)]
    {
        use tokio::signal::windows;
        macro_rules! on {
            ($($event:ident)+) => {$({
                let mut signals = windows::$event().map_err(cannot)?;
                let wish = wish.clone();
                tokio::spawn(async move {
                    while signals.recv().await.is_some() {
                        let _ = wish.try_send(());
                    }
                });
            })+};
        }
        on!(ctrl_c ctrl_break ctrl_close ctrl_shutdown);
    }
    Ok(wishes)
}
