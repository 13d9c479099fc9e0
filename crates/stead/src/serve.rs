//! The runtime around an asynchronous service.

use std::future::poll_fn;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use stead_os::control::Watcher;
use tokio::runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::run::Surroundings;
use crate::{Context, Error, Service, watchdog};

/// How long blocking calls (`spawn_blocking`, name resolution) may still run
/// once the service is done.
const BLOCKING_GRACE: Duration = Duration::from_secs(2);

/// Runs the service until it returns or fails; the last thing a `main` does.
///
/// The crate's documentation lists what it sets up around the service and what
/// the exit status says.
pub fn run<S: Service>(service: S) -> ExitCode {
    let body = move |surroundings| block_on(service, surroundings);
    crate::run::run(S::NAME, S::ACCEPTS, Box::new(body))
}

fn block_on<S: Service>(service: S, surroundings: Surroundings) -> Result<(), Error> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    let result = runtime.block_on(serve(service, surroundings));
    runtime.shutdown_timeout(BLOCKING_GRACE);
    result
}

/// Everything around the service's own future.
async fn serve<S: Service>(service: S, surroundings: Surroundings) -> Result<(), Error> {
    let patience = surroundings.environment.watchdog;
    let reports = Arc::clone(&surroundings.reports);
    #[cfg(feature = "registry")]
    let heartbeat = surroundings.environment.heartbeat.clone();
    let stopping = CancellationToken::new();
    let context = Context::new(surroundings, stopping.clone());

    let ended = CancellationToken::new();
    let background = TaskTracker::new();
    let asked = {
        let (context, stopping) = (context.clone(), stopping.clone());
        async move {
            poll_fn(|waker| context.ending().poll_asked(waker, Watcher::Service)).await;
            stopping.cancel();
        }
    };
    background.spawn(ended.clone().run_until_cancelled_owned(asked));
    if let Some(patience) = patience {
        let pings = watchdog::ping(reports, patience);
        background.spawn(ended.clone().run_until_cancelled_owned(pings));
    }
    #[cfg(feature = "registry")]
    if let Some(heartbeat) = heartbeat {
        let context = context.clone();
        let beats = async move {
            context.became_ready().await;
            crate::heartbeat::beat(context.registry(), heartbeat).await;
        };
        // A service that is to stop wants no more work.
        background.spawn(stopping.clone().run_until_cancelled_owned(beats));
    }

    let result = service.run(context).await;
    stopping.cancel();
    ended.cancel();
    background.close();
    background.wait().await;
    result
}
