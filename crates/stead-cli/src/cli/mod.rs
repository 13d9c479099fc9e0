//! What the command line takes.
#![allow(
    clippy::doc_markdown,
    reason = "these texts are what `--help` prints, as they are"
)]

#[cfg(target_os = "linux")]
mod service;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
#[cfg(target_os = "linux")]
pub(crate) use service::{Install, Service, ServiceLogs, ServiceVerb, Set};

/// Makes any program a proper service.
#[derive(Debug, Parser)]
#[command(
    name = "stead",
    version,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  stead up                          run the services of ./stead.toml until Ctrl+C
  stead ps                          what runs, from another terminal
  stead run --restart always -- redis-server --port 7777
  stead logs -f orders              follow what a service writes
  stead catalog instances orders    where it can be reached

Exit status: 0 done, 1 failed, 2 usage or a bad definition, 3 not found or not
running, 4 permission denied, 5 agent or server unreachable."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table, value_name = "FORM")]
    pub(crate) output: Output,
    /// The agent's control socket or pipe [default: found from here, the user's, the system's]
    #[arg(
        long,
        global = true,
        env = "STEAD_AGENT",
        value_name = "PATH",
        hide_env_values = true
    )]
    pub(crate) agent: Option<String>,
    /// The registry's HTTP address [env: STEAD_ADDR or CONSUL_HTTP_ADDR] [default: the agent's here, else http://127.0.0.1:8500]
    #[arg(long, global = true, value_name = "ADDR")]
    pub(crate) server: Option<String>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For scripts: documented and stable
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the services of a folder's stead.toml, with registry and agent, until Ctrl+C
    Up(Up),
    /// Supervise one service of the definition, or any command, in the foreground
    Run(Run),
    /// List the agent's services
    Ps,
    /// Show the agent, or one service with its checks and history
    Status(Status),
    /// Start services, and what they depend on; waits until they are ready
    Start(Names),
    /// Stop services, after what depends on them; waits until nothing of them is left
    Stop(Names),
    /// Stop services and start them again; waits until they are ready
    Restart(Names),
    /// Have services read their configuration again
    Reload(Names),
    /// Print what a service wrote to stdout and stderr
    Logs(Logs),
    /// Install services with the system's manager, and control them there
    #[cfg(target_os = "linux")]
    Service(Service),
    /// Read and write the key-value store
    Kv(Kv),
    /// Look services and nodes up in the registry
    Catalog(Catalog),
    /// Check this machine, and a definition, for what would go wrong
    Doctor(Doctor),
    /// Print the completion script of a shell
    #[command(after_help = "Example:\n  stead completions bash > /etc/bash_completion.d/stead")]
    Completions(Completions),
    /// Print the manual page, or write all of them into a folder
    #[command(after_help = "Example:\n  stead man --dir /usr/local/share/man/man1")]
    Man(Man),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stead up                                  the services of ./stead.toml
  stead up examples/shop                    of another folder
  stead up --http 127.0.0.1:0               the HTTP API on a port that is free

Ctrl+C stops the services in order, dependents first; a second Ctrl+C does not
wait for them.")]
pub(crate) struct Up {
    /// The folder that holds stead.toml
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Where the HTTP API listens; port 0 takes one that is free
    #[arg(long, default_value = "127.0.0.1:8500", value_name = "ADDR")]
    pub(crate) http: SocketAddr,
    /// Names by which the HTTP API may be addressed, besides addresses and localhost
    #[arg(long, value_name = "NAME")]
    pub(crate) http_name: Vec<String>,
    /// Where state, logs and the control socket are [default: .stead beside stead.toml]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stead run orders                          the service `orders` of ./stead.toml
  stead run -- python3 -m http.server       any command; its status is the exit status
  stead run --restart always -- ./worker    started again whenever it ends

The program's output passes through. Ctrl+C stops it by its definition: the
signal, the grace, then its whole process tree.")]
pub(crate) struct Run {
    /// A service of the definition
    #[arg(required_unless_present = "command", conflicts_with = "command")]
    pub(crate) name: Option<String>,
    /// The definition file
    #[arg(
        long,
        default_value = "stead.toml",
        value_name = "FILE",
        conflicts_with = "command"
    )]
    pub(crate) file: PathBuf,
    /// Where its state is [default: .stead beside the definition]
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) data: Option<PathBuf>,
    /// Where its log files are [default: logs in the state's folder]
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) logs: Option<PathBuf>,
    /// When the command is started again
    #[arg(long, value_enum, default_value_t = RestartWhen::Never, value_name = "POLICY", conflicts_with = "name")]
    pub(crate) restart: RestartWhen,
    /// The command and its arguments
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// When a command is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RestartWhen {
    /// Whenever it ends
    Always,
    /// When it fails
    OnFailure,
    /// Never
    Never,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 when it runs, 3 when it does not or there is no such service."
)]
pub(crate) struct Status {
    /// The service; without one the agent itself is shown
    pub(crate) name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Names {
    /// The services
    #[arg(required = true, value_name = "NAME")]
    pub(crate) names: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stead logs orders                         everything that is kept
  stead logs -f --lines 20 orders           the end, and what comes
  stead logs --timestamps orders            with time and stream

Without --timestamps the bytes are as the program wrote them.")]
pub(crate) struct Logs {
    /// The service
    pub(crate) name: String,
    /// Go on with what it writes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<u64>,
    /// Put time and stream before each line
    #[arg(short, long)]
    pub(crate) timestamps: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stead kv put app/limit 10
  stead kv put app/limit - < file           the value from standard input
  stead kv get app/limit
  stead kv list app/
  stead kv watch app/limit                  print the value whenever it changes
  stead kv delete --recurse app/")]
pub(crate) struct Kv {
    #[command(subcommand)]
    pub(crate) verb: KvVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KvVerb {
    /// Print the value of a key
    Get {
        /// The key
        key: String,
    },
    /// Set a key
    Put {
        /// The key
        key: String,
        /// The value; `-` reads it from standard input
        value: String,
        /// Only if the key's ModifyIndex is this; 0: only if there is no such key
        #[arg(long, value_name = "INDEX")]
        cas: Option<u64>,
    },
    /// Delete a key, or with --recurse all that start with it
    Delete {
        /// The key, or the prefix
        key: String,
        /// Everything that starts with KEY
        #[arg(long, conflicts_with = "cas")]
        recurse: bool,
        /// Only if the key's ModifyIndex is this
        #[arg(long, value_name = "INDEX")]
        cas: Option<u64>,
    },
    /// List keys and values
    List {
        /// The prefix
        #[arg(default_value = "")]
        prefix: String,
        /// Keys only
        #[arg(long)]
        keys: bool,
    },
    /// Print a key's value now and whenever it changes, until Ctrl+C
    Watch {
        /// The key
        key: String,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stead catalog services
  stead catalog nodes
  stead catalog instances orders
  stead catalog instances --passing --tag v1 orders")]
pub(crate) struct Catalog {
    #[command(subcommand)]
    pub(crate) verb: CatalogVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogVerb {
    /// List the nodes
    Nodes,
    /// List the services with their tags
    Services,
    /// List the instances of a service with their health
    Instances {
        /// The service
        service: String,
        /// Only those whose checks pass
        #[arg(long)]
        passing: bool,
        /// Only those with this tag; may be repeated
        #[arg(long, value_name = "TAG")]
        tag: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The definition to look at
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write stead.1 and a page for each command there
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
