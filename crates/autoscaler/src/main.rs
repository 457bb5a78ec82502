//! The autoscaler's process: settings, log, client, parts, drain.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use ebb_autoscaler::settings::{Args, Settings};
use ebb_process::{Supervisor, log, signal};
use ebb_runtime::client;

/// Closing the stats connections takes up to 5 s, giving up the Leases 3 s.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let log = log::init("autoscaler", log::Level::Info);
    match run(args, log).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "autoscaler failed");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args, log: log::Handle) -> anyhow::Result<()> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let supervisor = Supervisor::new();
    signal::stop_on_signal(&supervisor).context("cannot listen to signals")?;
    let client = client::connect(args.kubeconfig).await?;
    client::wait_for_server(&client, &settings.kubernetes_min_version).await?;
    ebb_autoscaler::start(&supervisor, client, &settings, log).await?;
    tracing::info!(identity = %settings.identity(), "autoscaler is up");
    supervisor.run(DRAIN).await?;
    Ok(())
}
