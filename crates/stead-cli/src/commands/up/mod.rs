//! `stead up`: server, agent and the services of one folder, in the foreground.

mod progress;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use stead_agent::control::{self, AgentFacts, ControlListener};
use stead_agent::folder::{DataFolder, FolderError};
use stead_agent::{Agent, AgentOptions};
use stead_api::consul::Node;
use stead_os::process::{Launcher, Stdin};
use stead_registry::{Local, LocalOptions, Registry};
use stead_server::{Bounds, HostNames, consul, serve};
use stead_store::{Embedded, StoreError};
use tokio_util::sync::CancellationToken;

use super::definition::{self, Loaded};
use super::{platform, services, signals};
use crate::cli::Up;
use crate::failure::{DENIED, FAILED, Failure};

pub(crate) fn run(up: &Up) -> Result<ExitCode, Failure> {
    services::log_to_stderr("warn");
    let loaded = definition::load(&up.folder.join("stead.toml"))?;
    let data = up
        .data
        .clone()
        .unwrap_or_else(|| loaded.base.join(".stead"));
    let folder = hold(&data)?;
    none_alone(&loaded)?;
    let listener = listen(up.http)?;
    // The guardian is forked here, before the first thread.
    let launcher = services::launcher(&folder.path().join("runs"))?;
    sweep(&launcher);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| Failure::of(FAILED, "cannot start the asynchronous runtime", &error))?;
    runtime.block_on(serve_until_asked(up, &loaded, &folder, listener, launcher))
}

/// Ends what a killed run has left, and says so when that takes its time.
fn sweep(launcher: &Launcher) {
    let (done, waiting) = std::sync::mpsc::sync_channel::<()>(1);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let text = "stead: waiting for what an earlier run has left to end";
                // Without a reader there is nobody to be told.
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        });
        for swept in launcher.sweep() {
            tracing::warn!(
                pid = swept.pid,
                name = swept.name,
                "ended what an earlier run had left"
            );
        }
        drop(done);
    });
}

/// After this long, a person is told what is being waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Threads for the registry and its clients; supervision needs next to nothing.
const WORKERS: usize = 2;

fn hold(path: &Path) -> Result<DataFolder, Failure> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    DataFolder::hold(&absolute).map_err(|error| match &error {
        FolderError::InUse { .. } => Failure::from_error(FAILED, &error)
            .during("cannot start here")
            .hint("stop that one first, or give this one a folder of its own with --data and a port with --http"),
        FolderError::Unusable { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Failure::from_error(DENIED, &error).hint("--data names another folder")
        }
        _ => Failure::from_error(FAILED, &error).hint("--data names another folder"),
    })
}

/// A service that `stead run NAME` runs must not be run a second time.
fn none_alone(loaded: &Loaded) -> Result<(), Failure> {
    let alone = super::run::alone(&loaded.base.join(".stead"));
    for name in loaded.definition.services.keys() {
        if let Some(pid) = DataFolder::holder(&alone.join(name.as_str())) {
            let by = format!("stead run {name} (pid {pid}) runs it already");
            return Err(Failure::new(FAILED, by)
                .during(format!("cannot start {name}"))
                .hint("stop that one first"));
        }
    }
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let cannot = format!("cannot listen on {address} for the HTTP API");
    stead_server::listen(address).map_err(|error| {
        match (
            error.kind(),
            stead_os::listener::listener_on(address.port()),
        ) {
            (std::io::ErrorKind::AddrInUse, Some(taken)) => {
                let by = format!(
                    "port {} is taken by {} (pid {})",
                    address.port(),
                    taken.name,
                    taken.pid
                );
                Failure::new(FAILED, by)
                    .during(cannot)
                    .hint("--http takes another address; port 0 takes one that is free")
            }
            (std::io::ErrorKind::AddrInUse, None) => Failure::of(FAILED, cannot, &error)
                .hint("--http takes another address; port 0 takes one that is free"),
            (std::io::ErrorKind::PermissionDenied, _) => Failure::of(DENIED, cannot, &error),
            _ => Failure::of(FAILED, cannot, &error),
        }
    })
}

async fn serve_until_asked(
    up: &Up,
    loaded: &Loaded,
    folder: &DataFolder,
    listener: TcpListener,
    launcher: Launcher,
) -> Result<ExitCode, Failure> {
    let mut wishes = signals::ending()?;
    let cannot =
        |error: std::io::Error| Failure::of(FAILED, "cannot listen for the HTTP API", &error);
    let listener = tokio::net::TcpListener::from_std(listener).map_err(cannot)?;
    let http = listener.local_addr().map_err(cannot)?;
    let registry = open_registry(folder).await?;
    let local = join(&registry, http).await?;

    let options = services::Place {
        loaded,
        launcher: &launcher,
        runtime: folder.path().join("run"),
        registry: Some(reachable(http)),
        stdin: Stdin::Null,
    };
    let output = services::to_files(&folder.path().join("logs"), false)?;
    let supervisor = services::supervisor(&options, output)?;
    let agent = Agent::start(
        &loaded.definition,
        AgentOptions {
            supervisor,
            launcher,
            registry: Some(local.clone()),
        },
    )
    .await
    .map_err(|error| Failure::of(FAILED, "cannot keep the registry in step", &error))?;
    let agent = Arc::new(agent);

    let shutdown = CancellationToken::new();
    let bounds = Bounds::default();
    let router = consul::router(
        consul::Consul::new(local, bounds.clone(), shutdown.clone()),
        HostNames::new(&up.http_name),
    );
    let control = ControlListener::bind(&folder.path().join("agent.sock"))
        .map_err(|error| Failure::from_error(FAILED, &error))?;
    let facts = facts(loaded, folder, http);
    folder
        .write(
            "agent.json",
            &serde_json::to_vec_pretty(&facts).unwrap_or_default(),
        )
        .map_err(|error| Failure::of(FAILED, "cannot write agent.json", &error))?;
    let serving = tokio::spawn({
        let shutdown = shutdown.clone();
        async move { serve(listener, router, &bounds, shutdown).await }
    });
    let controlling = tokio::spawn({
        let shutdown = shutdown.clone();
        let router = control::router(Arc::clone(&agent), facts, shutdown.clone());
        control::serve(control, router, shutdown)
    });

    let mut progress = progress::Progress::start(&agent, http);
    agent.start_automatic(&services::caller()).await;
    platform::ready();
    signals::until_end(&mut wishes).await;
    platform::stopping();
    progress.stopping();
    let by = services::caller();
    tokio::select! {
        () = agent.stop(&by) => progress.catch_up().await,
        () = signals::until_end(&mut wishes) => tracing::warn!("asked twice: the services are killed"),
    }
    progress.end().await;
    shutdown.cancel();
    if let Err(error) = controlling.await {
        tracing::warn!(%error, "the control socket ended badly");
    }
    if let Ok(Err(error)) = serving.await {
        tracing::warn!(%error, "the HTTP API ended with connections open");
    }
    registry.close().await;
    folder.remove("agent.json");
    Ok(ExitCode::SUCCESS)
}

async fn open_registry(folder: &DataFolder) -> Result<Registry, Failure> {
    let path = folder.path().join("store");
    let store = Embedded::open(&path, stead_store::Options::default()).map_err(|error| {
        let failure = Failure::from_error(FAILED, &error);
        match &error {
            StoreError::Corrupt { .. } => failure
                .hint("the damaged file is kept; starting again begins with an empty registry"),
            _ => failure,
        }
    })?;
    Registry::open(Arc::new(store), stead_registry::Options::default())
        .await
        .map_err(|error| Failure::of(FAILED, "cannot open the registry", &error))
}

async fn join(registry: &Registry, http: SocketAddr) -> Result<Local, Failure> {
    let address = if http.ip().is_unspecified() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        http.ip()
    };
    let node = Node {
        node: stead_os::host::name(),
        address: address.to_string(),
        ..Node::default()
    };
    let options = LocalOptions {
        node,
        server_port: http.port(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Local::open(registry, options).await.map_err(|error| {
        Failure::of(
            FAILED,
            "cannot enter this machine into the registry",
            &error,
        )
    })
}

/// The HTTP API's address as programs on this machine reach it.
fn reachable(http: SocketAddr) -> String {
    let ip = match http.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, http.port()))
}

fn facts(loaded: &Loaded, folder: &DataFolder, http: SocketAddr) -> AgentFacts {
    AgentFacts {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        http: Some(http.to_string()),
        data: folder.path().display().to_string(),
        definition: Some(loaded.file.display().to_string()),
    }
}
