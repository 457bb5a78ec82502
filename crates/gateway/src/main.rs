//! The gateway's process: settings, log, supervisor.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ebb_gateway::objects::Objects;
use ebb_gateway::run::{Listeners, start};
use ebb_gateway::settings::Settings;
use ebb_process::log::{self, Chain, Level};
use ebb_process::{Stop, Supervisor, signal};
use ebb_runtime::config::{self, ConfigMaps};
use ebb_runtime::events::Recorder;
use ebb_runtime::{client, logging};

/// The tasks behind the requests have this long to end; they have nothing to wait for.
const END: Duration = Duration::from_secs(5);

/// Takes requests from the world and the cluster and forwards them to pods, as Ingress objects say.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Path of a kubeconfig; without it KUBECONFIG or the pod's service account is used.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = log::init("gateway", Level::Info);
    let outcome = threads().and_then(|threads| threads.block_on(run_until_stopped(arguments, log)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = %Chain(&*error), "gateway ends");
            ExitCode::FAILURE
        }
    }
}

/// As many threads as the pod's CPU limit allows. A single one needs no work stealing.
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
    let listeners = Listeners::bind(&settings.ports).await?;
    let client = client::connect(arguments.kubeconfig).await?;
    let objects = Objects::start(&supervisor, &client);
    start(&supervisor, &client, objects, &settings, listeners, leaving);
    let stop = supervisor.stop();
    tokio::select! {
        followed = follow_log_level(&supervisor, client, &settings, log) => followed?,
        // The API server may be away for longer than we are wanted.
        () = stop.triggered() => {}
    }
    Ok(supervisor.run(END).await?)
}

async fn follow_log_level(
    supervisor: &Supervisor,
    client: kube::Client,
    settings: &Settings,
    log: log::Handle,
) -> Result<(), config::Error> {
    let events = Recorder::start(supervisor, client.clone(), "gateway");
    let (namespace, metrics) = (&settings.system_namespace, config::Metrics::default());
    let maps = ConfigMaps::start(supervisor, client, namespace, events, metrics).await;
    logging::follow(supervisor, &maps, &settings.config_logging, "gateway", log)
}
