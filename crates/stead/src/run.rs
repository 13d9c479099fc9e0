//! From `main` to the exit status.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::environment::Environment;
use crate::notify::Notifier;
use crate::signals::{Signal, Signals};
use crate::{Context, Error, Service, heartbeat, panics, watchdog};

/// How long blocking calls (`spawn_blocking`, name resolution) may still run
/// once the service is done.
const BLOCKING_GRACE: Duration = Duration::from_secs(2);

/// As shells report a death by SIGINT.
const INTERRUPTED: u8 = 130;

/// As Rust programs end that panic.
const PANICKED: u8 = 101;

/// How a run ended, short of a panic.
enum Outcome {
    /// The service returned.
    Returned(Result<(), Error>),
    /// A second Ctrl+C came before it did.
    Interrupted { in_flight: usize },
}

/// Runs the service until it returns or fails; the last thing a `main` does.
///
/// The crate's documentation lists what it sets up around the service and what
/// the exit status says.
pub fn run<S: Service>(service: S) -> ExitCode {
    let environment = Environment::of_this_process();
    let name = environment
        .service
        .clone()
        .unwrap_or_else(|| S::NAME.to_owned());
    set_up_log(&environment, &name);

    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(service = name, %error, "cannot start a runtime");
            return ExitCode::FAILURE;
        }
    };
    // The service is not looked at again after a panic, so nothing half-done in
    // it can be seen.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(serve(service, name.clone(), environment))
    }));
    runtime.shutdown_timeout(BLOCKING_GRACE);
    match ended {
        Ok(Ok(outcome)) => outcome.report(&name),
        Ok(Err(error)) => {
            tracing::error!(service = name, %error, "cannot listen for signals");
            ExitCode::FAILURE
        }
        // The hook has logged it.
        Err(_) => ExitCode::from(PANICKED),
    }
}

fn set_up_log(environment: &Environment, name: &str) {
    let options = stead_telemetry::Options {
        format: environment.log_format,
        filter: None,
        service: Some(name.to_owned()),
    };
    // A program may have set up a log of its own before: then that is the one.
    let _ = stead_telemetry::init(&options);
    panics::log_panics();
    for complaint in &environment.complaints {
        tracing::warn!("ignored: {complaint}");
    }
}

/// Everything around the service's own future. Its error is that of setting up
/// the signals.
async fn serve<S: Service>(
    service: S,
    name: String,
    environment: Environment,
) -> io::Result<Outcome> {
    let notifier = Arc::new(Notifier::new(environment.notify_socket.as_deref()));
    let stopping = CancellationToken::new();
    let context = Context::new(
        name,
        environment.registry,
        Arc::clone(&notifier),
        stopping.clone(),
    );
    let signals = Signals::listen()?;

    let ended = CancellationToken::new();
    let background = TaskTracker::new();
    if let Some(patience) = environment.watchdog {
        let pings = watchdog::ping(Arc::clone(&notifier), patience);
        background.spawn(ended.clone().run_until_cancelled_owned(pings));
    }
    if let Some(heartbeat) = environment.heartbeat {
        let context = context.clone();
        let beats = async move {
            context.became_ready().await;
            heartbeat::beat(context.registry(), heartbeat).await;
        };
        // A service that is to stop wants no more work.
        background.spawn(stopping.clone().run_until_cancelled_owned(beats));
    }

    let outcome = tokio::select! {
        result = service.run(context.clone()) => Outcome::Returned(result),
        () = listen(signals, &notifier, &stopping) => Outcome::Interrupted {
            in_flight: context.in_flight(),
        },
    };
    if let Outcome::Returned(Err(error)) = &outcome {
        context.status(&format!("failed: {}", error.chain()));
    }
    stopping.cancel();
    ended.cancel();
    background.close();
    background.wait().await;
    Ok(outcome)
}

/// Turns signals into the stop; returns when somebody insists.
async fn listen(mut signals: Signals, notifier: &Notifier, stopping: &CancellationToken) {
    loop {
        let signal = signals.next().await;
        if !stopping.is_cancelled() {
            tracing::info!(?signal, "stopping");
            notifier.send("STOPPING=1");
            stopping.cancel();
        } else if signal == Signal::Interrupt {
            return;
        }
    }
}

impl Outcome {
    fn report(self, name: &str) -> ExitCode {
        match self {
            Self::Returned(Ok(())) => {
                tracing::info!("stopped");
                ExitCode::SUCCESS
            }
            Self::Returned(Err(error)) => {
                tracing::error!(
                    service = name,
                    status = error.status(),
                    error = error.chain(),
                    "failed"
                );
                ExitCode::from(error.status().get())
            }
            Self::Interrupted { in_flight } => {
                tracing::warn!(service = name, in_flight, "interrupted before all was done");
                ExitCode::from(INTERRUPTED)
            }
        }
    }
}
