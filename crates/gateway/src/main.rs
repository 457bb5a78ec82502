//! The gateway as a process.

use std::time::Duration;

use anyhow::Context as _;
use ebb_gateway::objects::Objects;
use ebb_gateway::settings::Settings;
use ebb_gateway::{Listeners, start};
use ebb_process::log::{self, Level};
use ebb_process::{Supervisor, signal};

/// What requests in flight get to end after a stop; the pod's own grace period is a little longer.
const DRAIN: Duration = Duration::from_secs(590);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    log::init("gateway", Level::Info);
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let supervisor = Supervisor::new();
    signal::stop_on_signal(&supervisor).context("cannot listen for signals")?;
    let listeners = Listeners::bind(&settings.ports).await?;
    let client = ebb_runtime::client::connect(None).await?;
    let objects = Objects::start(&supervisor, &client);
    start(&supervisor, &client, objects, &settings, listeners);
    supervisor.run(DRAIN).await?;
    Ok(())
}
