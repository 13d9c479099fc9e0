//! The signals that end a command in the foreground, or have it reload under a manager.

use tokio::sync::mpsc;

use crate::failure::{FAILED, Failure};

/// Wishes to end that are not yet looked at; more say nothing new.
const WISHES_MAX: usize = 4;

/// What somebody outside wishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// That this ends.
    End,
    /// That the service reads its configuration again.
    Reload,
}

/// Waits for the next wish that this ends.
pub(super) async fn until_end(wishes: &mut mpsc::Receiver<Wish>) {
    while wishes.recv().await == Some(Wish::Reload) {}
}

/// Every Ctrl+C, SIGTERM and SIGHUP (on Windows Ctrl+C, Ctrl+Break, close and shutdown) from now
/// on. All of them mean the end; but to a service of a manager, which has no terminal that could
/// hang up, SIGHUP means a reload.
pub(super) fn ending() -> Result<mpsc::Receiver<Wish>, Failure> {
    let (wish, wishes) = mpsc::channel(WISHES_MAX);
    let cannot = |error: std::io::Error| Failure::of(FAILED, "cannot listen to signals", &error);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = if std::env::var_os("NOTIFY_SOCKET").is_some() {
            Wish::Reload
        } else {
            Wish::End
        };
        for (kind, means) in [
            (SignalKind::interrupt(), Wish::End),
            (SignalKind::terminate(), Wish::End),
            (SignalKind::hangup(), hangup),
        ] {
            let mut signals = signal(kind).map_err(cannot)?;
            let wish = wish.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    // The last places are for the end; a full channel has said it already.
                    if means == Wish::End || wish.capacity() > WISHES_MAX / 2 {
                        let _ = wish.try_send(means);
                    }
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
                        let _ = wish.try_send(Wish::End);
                    }
                });
            })+};
        }
        on!(ctrl_c ctrl_break ctrl_close ctrl_shutdown);
    }
    Ok(wishes)
}
