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
    let outcome = threads().and_then(|threads| threads.block_on(run_until_stopped(arguments, log)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %Chain(&*error), "activator ends");
            ExitCode::FAILURE
        }
    }
}

/// As many threads as the pod's CPU limit allows. A single one needs no work stealing, which costs a tenth.
fn threads() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = match std::thread::available_parallelism()?.get() {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    Ok(builder.enable_all().build()?)
}

async fn run_until_stopped(arguments: Arguments, log: log::Handle) -> anyhow::Result<()> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let supervisor = Supervisor::new();
    let leaving = Stop::new();
    signal::trigger_on_signal(&supervisor, leaving.clone())?;
    let client = client::connect(arguments.kubeconfig).await?;
    run::start(&supervisor, &settings, client, log, leaving).await?;
    Ok(supervisor.run(END).await?)
}
