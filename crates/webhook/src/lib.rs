//! The admission webhook: fills in and judges our objects and ConfigMaps on their way into the
//! API server.
//!
//! ```text
//! API server ──TLS──► server ──► reviews ──► admit ──► core's defaults and rules
//!                       ▲
//! Secret webhook-certs ─┘◄── keep: makes and rotates the certificate, completes the
//!                                  webhook configurations (leader only)
//! ```
//!
//! The rules themselves are in `ebb_core`. Every replica answers; only leaders write. Nothing is
//! created here: the Secret and the configurations come with the installation.

mod admit;
mod certificate;
mod keep;
mod metrics;
mod reviews;
mod rotation;
mod server;
pub mod settings;
mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ebb_core::config::{Autoscaler, Defaults, Features, Settings as _};
use ebb_process::metrics::{Exposition, Registry};
use ebb_process::{Supervisor, log, signal};
use ebb_runtime::config::ConfigMaps;
use ebb_runtime::events::Recorder;
use ebb_runtime::{admin, client, config, logging};

pub use reviews::{Reply, Reviews};
use settings::Settings;

/// Between the signal and the end of the process: the API server may keep calling for a while.
const DRAIN: Duration = Duration::from_secs(240);

/// Runs the webhook until it is told to stop.
///
/// # Errors
/// What keeps it from starting, or which task ended it.
pub async fn run(settings: Settings, log: log::Handle) -> anyhow::Result<()> {
    let tls = tls::Parameters::of(&settings)?;
    let supervisor = Supervisor::new();
    signal::stop_on_signal(&supervisor).context("cannot listen for signals")?;
    let metrics_port = bind(settings.metrics_port).await?;
    let profiling_port = bind(settings.profiling_port).await?;
    let webhook_port = bind(settings.port).await?;

    let client = client::connect(None).await?;
    client::wait_for_server(&client, &settings.kubernetes_min_version).await?;

    let mut registry = Registry::default();
    let metrics = metrics::Metrics::register(&mut registry);
    let events = Recorder::start(&supervisor, client.clone(), "webhook");
    let maps = ConfigMaps::start_labelled(
        &supervisor,
        client.clone(),
        &settings.system_namespace,
        settings.system_resource_label.as_deref(),
        events,
        config::Metrics::register(&mut registry),
    )
    .await;
    logging::follow(
        &supervisor,
        &maps,
        &settings.config_logging_name,
        "webhook",
        log,
    )?;
    let admitter = admit::Admitter {
        autoscaler: maps.require(Autoscaler::NAME, Autoscaler::parse)?,
        defaults: maps.require(Defaults::NAME, Defaults::parse)?,
        features: maps.require(Features::NAME, Features::parse)?,
        cluster_domain: settings.cluster_domain(),
        renamed: settings.renamed_config_maps(),
        pods: Some(client.clone()),
    };

    let shown = Arc::new(tls::Shown::default());
    keep::start(&supervisor, &client, &settings, &shown).await?;

    let exposition = Exposition::new(registry);
    let stop = supervisor.stop();
    supervisor.spawn(
        "metrics",
        admin::serve(metrics_port, admin::metrics(exposition), stop.clone()),
    );
    supervisor.spawn(
        "profiling",
        admin::serve(profiling_port, admin::profiling(), stop.clone()),
    );
    let server = server::Server::new(
        Reviews::new(admitter, metrics),
        tls.server_config(shown)?,
        stop,
    );
    supervisor.spawn("webhook", server.run(webhook_port));
    supervisor.run(DRAIN).await?;
    Ok(())
}

async fn bind(port: u16) -> std::io::Result<tokio::net::TcpListener> {
    admin::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
}
