//! The activator's process: settings, log, supervisor.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ebb_activator::run;
use ebb_activator::settings::Settings;
use ebb_process::log::{self, Chain, Level};
use ebb_process::{Stop, Supervisor, signal};
use ebb_runtime::client;

/// The tasks behind the requests have this long to end; they have nothing to wait for.
const END: Duration = Duration::from_secs(5);

/// Holds requests for revisions without pods and forwards them once there is one.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Path of a kubeconfig; without it KUBECONFIG or the pod's service account is used.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = log::init("activator", Level::Info);
    match run_until_stopped(arguments, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %Chain(&*error), "activator ends");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run_until_stopped(arguments: Arguments, log: log::Handle) -> anyhow::Result<()> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let supervisor = Supervisor::new();
    let leaving = Stop::new();
    signal::trigger_on_signal(&supervisor, leaving.clone())?;
    let client = client::connect(arguments.kubeconfig).await?;
    run::start(&supervisor, &settings, client, log, leaving).await?;
    Ok(supervisor.run(END).await?)
}
