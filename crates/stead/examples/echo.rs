//! A service that says back what it is told, line by line, and lets its callers
//! finish when it is to stop.
//!
//! `cargo run -p stead --example echo` listens on a free port and logs which.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use stead::{Context, Error, Service};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

struct Echo;

impl Service for Echo {
    const NAME: &'static str = "echo";

    async fn run(self, context: Context) -> Result<(), Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        context.status(&format!("listening on {address}"));
        tracing::info!(%address, "listening");
        context.ready();
        loop {
            let (caller, _) = tokio::select! {
                accepted = listener.accept() => accepted?,
                () = context.stopping() => break,
            };
            let work = context.work();
            tokio::spawn(async move {
                if let Err(error) = echo(caller).await {
                    tracing::warn!(%error, "a caller was lost");
                }
                drop(work);
            });
        }
        // Closed, so that new callers go elsewhere; those here may finish.
        drop(listener);
        context.drain(Duration::from_secs(8)).await?;
        Ok(())
    }
}

async fn echo(mut caller: TcpStream) -> io::Result<()> {
    let (reading, mut writing) = caller.split();
    let mut lines = BufReader::new(reading).lines();
    while let Some(line) = lines.next_line().await? {
        writing.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}

fn main() -> ExitCode {
    stead::run(Echo)
}
