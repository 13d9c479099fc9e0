//! Checks by a program of the user's.

use std::io::PipeReader;
use std::sync::{Arc, Mutex, PoisonError};

use stead_model::definition::Argv;
use stead_os::process::{Exit, Launcher, Output as Sink, Stdin};

use super::output::Output;
use super::{Prepare, Tried, chain};

/// Both outputs as they come in.
type Shared = Arc<Mutex<Output>>;

/// Exit status 0 is success. What the program leaves running is ended with it, and all of it when
/// this future is dropped, as it is after the timeout.
pub(super) async fn run(launcher: &Launcher, prepare: &Prepare, argv: &Argv) -> Tried {
    let subject = format!("exec {}", argv.program());
    let mut command = match prepare(argv) {
        Ok(command) => command,
        Err(why) => return Tried::failed(format!("{subject}: {why}")),
    };
    (command.stdin, command.stdout, command.stderr) = (Stdin::Null, Sink::Pipe, Sink::Pipe);
    let mut process = match launcher.spawn(command).await {
        Ok(process) => process,
        Err(error) => return Tried::failed(format!("{subject}: {}", chain(&error))),
    };
    let output = Shared::default();
    let (stdout, stderr) = (process.take_stdout(), process.take_stderr());
    let ended = async {
        let exit = process.exit().await;
        process.kill_tree();
        process.empty().await;
        exit
    };
    // Read while it runs: a program that waits for its pipe would never end.
    let (exit, (), ()) = tokio::join!(ended, read(stdout, &output), read(stderr, &output));
    let output = std::mem::take(&mut *output.lock().unwrap_or_else(PoisonError::into_inner));
    let output = output.into_text();
    match exit {
        Exit::Code(0) => Tried::worked(output),
        Exit::Code(code) => Tried::failed(format!("exit status {code}: {output}")),
        Exit::Signal(signal) => Tried::failed(format!("ended by signal {signal}: {output}")),
    }
}

/// Reads to the end; what is past the bound is thrown away, so that the program does not wait.
#[cfg(unix)]
async fn read(pipe: Option<PipeReader>, output: &Shared) {
    use tokio::io::AsyncReadExt;

    let Some(pipe) = pipe else { return };
    let Ok(mut pipe) = tokio::net::unix::pipe::Receiver::from_owned_fd(pipe.into()) else {
        return;
    };
    let mut buffer = [0; 1024];
    while let Ok(bytes @ 1..) = pipe.read(&mut buffer).await {
        output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(&buffer[..bytes]);
    }
}

/// A pipe can only be read blocking there. The thread ends with the tree, which is killed.
#[cfg(not(unix))]
async fn read(pipe: Option<PipeReader>, output: &Shared) {
    use std::io::Read;

    let Some(mut pipe) = pipe else { return };
    let output = Arc::clone(output);
    let reading = tokio::task::spawn_blocking(move || {
        let mut buffer = [0; 1024];
        while let Ok(bytes @ 1..) = pipe.read(&mut buffer) {
            output
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(&buffer[..bytes]);
        }
    });
    // Its panic has been printed, and what was read so far is there.
    let _ = reading.await;
}
