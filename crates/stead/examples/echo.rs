//! A service that says back what it is told, line by line, and lets its callers
//! finish when it is to stop.
//!
//! `cargo run -p stead --example echo -- [GREETING [PORT]]` listens on a port of
//! loopback, by default a free one, and logs which. With the path of a file its
//! first line greets each caller; a reload reads it anew. Paused, it takes no new
//! callers. The control 128 makes it say in its status how many there are.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use stead::{Accepted, Context, Control, CustomCode, Error, Service};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The control that asks for the number of callers.
const COUNT: CustomCode = CustomCode::new(128);

struct Echo;

impl Service for Echo {
    const NAME: &'static str = "echo";
    const ACCEPTS: Accepted = Accepted::ENDING
        .and(Accepted::PAUSE)
        .and(Accepted::RELOAD)
        .and(Accepted::CUSTOM);

    async fn run(self, context: Context) -> Result<(), Error> {
        let mut arguments = context.arguments().iter();
        let file = arguments.next().map(PathBuf::from);
        let port = match arguments.next().and_then(|text| text.to_str()) {
            Some(text) => text.parse()?,
            None => 0,
        };
        let mut greeting = greeting(file.as_ref()).await?;
        let mut listener = Some(TcpListener::bind(("127.0.0.1", port)).await?);
        let address = match &listener {
            Some(listener) => listener.local_addr()?,
            None => return Ok(()),
        };
        context.status(&format!("listening on {address}"));
        tracing::info!(%address, "listening");
        context.ready();
        loop {
            let control = tokio::select! {
                caller = accept(listener.as_ref()) => {
                    serve(&context, caller?, greeting.clone());
                    continue;
                }
                control = context.control() => control,
            };
            match control {
                Some(Control::Pause) => {
                    // Closed, so that new callers go elsewhere.
                    listener = None;
                    context.paused();
                }
                Some(Control::Continue) => {
                    listener = Some(listen_again(address).await?);
                    context.resumed();
                }
                Some(Control::Reload) => {
                    match self::greeting(file.as_ref()).await {
                        Ok(new) => greeting = new,
                        Err(error) => tracing::warn!(%error, "the old greeting stays"),
                    }
                    context.reloaded();
                }
                Some(Control::Custom(COUNT)) => {
                    context.status(&format!("{} callers", context.in_flight()));
                }
                Some(control) if control.ends() => break,
                Some(other) => tracing::debug!(?other, "nothing to do"),
                None => break,
            }
        }
        drop(listener);
        context.drain(Duration::from_secs(8)).await?;
        Ok(())
    }
}

async fn greeting(file: Option<&PathBuf>) -> io::Result<Arc<str>> {
    let Some(file) = file.cloned() else {
        return Ok("".into());
    };
    // Files block, and the runtime has one thread.
    let text = tokio::task::spawn_blocking(|| std::fs::read_to_string(file)).await??;
    Ok(text.lines().next().unwrap_or_default().into())
}

/// The port may need a moment to be free again.
async fn listen_again(address: SocketAddr) -> io::Result<TcpListener> {
    let listening = async {
        loop {
            match TcpListener::bind(address).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                bound => return bound,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), listening).await?
}

/// The next caller; while there is nowhere to call, never.
async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(caller, _)| caller),
        None => std::future::pending().await,
    }
}

fn serve(context: &Context, caller: TcpStream, greeting: Arc<str>) {
    let work = context.work();
    tokio::spawn(async move {
        if let Err(error) = echo(caller, &greeting).await {
            tracing::warn!(%error, "a caller was lost");
        }
        drop(work);
    });
}

async fn echo(mut caller: TcpStream, greeting: &str) -> io::Result<()> {
    let (reading, mut writing) = caller.split();
    if !greeting.is_empty() {
        writing
            .write_all(format!("{greeting}\n").as_bytes())
            .await?;
    }
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        writing.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}

fn main() -> ExitCode {
    stead::run(Echo)
}
