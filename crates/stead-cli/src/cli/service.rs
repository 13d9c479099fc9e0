//! What `stead service` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stead service install orders              of ./stead.toml, started at boot from now on
  stead service install orders --dry-run    what that would do, and why
  stead service install web -- python3 -m http.server 8080
  stead service start orders
  stead service status orders
  stead service set orders restart.policy=always
  stead service uninstall orders

Services of the system are for root; --user-unit is for your own. A service is
run by the manager itself where that can do all that its definition asks
(direct), and by `stead run` under the manager where it cannot (hosted).")]
pub(crate) struct Service {
    /// Services of your own manager (systemd --user) instead of the system's
    #[arg(long, global = true)]
    pub(crate) user_unit: bool,
    /// How long the verbs that wait do so
    #[arg(long, global = true, default_value = "2m", value_name = "TIME", value_parser = time)]
    pub(crate) timeout: Duration,
    #[command(subcommand)]
    pub(crate) verb: ServiceVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceVerb {
    /// Install a service of a definition, or any command, with the system's manager
    Install(Install),
    /// Stop a service and take it out; what it wrote stays
    Uninstall(Name),
    /// Start a service; waits until it is ready
    Start(Name),
    /// Stop a service; waits until nothing of it is left
    Stop(Name),
    /// Stop a service and start it again; waits until it is ready
    Restart(Name),
    /// Have a service read its configuration again
    Reload(Name),
    /// Show how a service stands
    #[command(
        after_help = "Exit status: 0 when it runs, 3 when it does not or there is no such service."
    )]
    Status(Name),
    /// List the installed services
    List,
    /// Show what is installed, and how it differs from its definition
    Show(Name),
    /// Change keys of an installed definition; the rest stays
    #[command(after_help = "\
Examples:
  stead service set orders start=manual
  stead service set orders limits.memory=512MiB restart.policy=always
  stead service set orders 'success_exit=[0, 3]'
  stead service set orders description=     back to the default

What runs goes on as it is until the service is restarted.")]
    Set(Set),
    /// List the services that stop when this one is stopped
    Dependents(Name),
    /// Print what a service has written
    Logs(ServiceLogs),
    /// Print the definition that another tool's file comes to: WinSW, NSSM, a systemd unit
    Import(Import),
}

#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The service
    pub(crate) name: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stead service install orders
  stead service install orders --file shop/stead.toml --now
  stead service install web --start manual --user www-data -- /usr/bin/caddy run
  stead service install orders --dry-run --output json

Any key of the definition can be given: --set stop.grace=30s")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of its own on the command line"
)]
pub(crate) struct Install {
    /// The service's name
    pub(crate) name: String,
    /// The definition file [default: stead.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    pub(crate) file: Option<PathBuf>,
    /// The account it runs as [default: one of its own, with few rights]
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) user: Option<String>,
    /// When it is started: automatic, manual or disabled
    #[arg(long, value_name = "WHEN")]
    pub(crate) start: Option<String>,
    /// How far it is shut off: off, standard or strict
    #[arg(long, value_name = "PROFILE")]
    pub(crate) sandbox: Option<String>,
    /// What it does, in a sentence
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Any other key of the definition; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Have the manager itself run the program, or fail
    #[arg(long, conflicts_with = "hosted")]
    pub(crate) direct: bool,
    /// Have Stead run the program under the manager
    #[arg(long)]
    pub(crate) hosted: bool,
    /// Take the place of an installed service of this name that differs
    #[arg(long)]
    pub(crate) replace: bool,
    /// Start it as well
    #[arg(long)]
    pub(crate) now: bool,
    /// Show what would be done, and why, and do nothing
    #[arg(long, conflicts_with = "now")]
    pub(crate) dry_run: bool,
    /// A command and its arguments, instead of a definition
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The service
    pub(crate) name: String,
    /// A key below the service and its value as in the definition; nothing takes the key out
    #[arg(required = true, value_name = "KEY=VALUE")]
    pub(crate) assignments: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stead service import orders.xml > stead.toml
  stead service import /etc/systemd/system/orders.service
  stead service import orders.reg           of NSSM, as reg export writes it

What has no counterpart is named on top of the definition. Nothing is changed.")]
pub(crate) struct Import {
    /// The file
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceLogs {
    /// The service
    pub(crate) name: String,
    /// Go on with what it writes
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last lines
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<u64>,
}

/// A length of time as definitions write it.
fn time(text: &str) -> Result<Duration, String> {
    text.parse::<stead_model::definition::Period>()
        .map(stead_model::definition::Period::get)
        .map_err(|error| error.to_string())
}
