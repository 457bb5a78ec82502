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
//!
//! There are two ends. `leaving` is the wish to go: the replica gives up its leases and is not ready
//! any more, but answers whoever still calls, by settings and with a certificate that it goes on
//! following. When nobody has called for a while everything stops.

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

/// How long everything may take to end once the server has ended, or a task has failed.
const END: Duration = Duration::from_secs(60);

/// Runs the webhook until it is told to stop.
///
/// # Errors
/// What keeps it from starting, or which task ended it.
pub async fn run(settings: Settings, log: log::Handle) -> anyhow::Result<()> {
    let tls = tls::Parameters::of(&settings)?;
    let supervisor = Supervisor::new();
    let leaving = supervisor.stop().child();
    signal::trigger_on_signal(&supervisor, leaving.clone()).context("cannot listen for signals")?;
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
    keep::start(&supervisor, &client, &settings, &shown, &leaving).await?;

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
        leaving,
    );
    supervisor.spawn("webhook", async move {
        let served = server.run(webhook_port).await;
        stop.trigger();
        served
    });
    supervisor.run(END).await?;
    Ok(())
}

async fn bind(port: u16) -> std::io::Result<tokio::net::TcpListener> {
    admin::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).await
}
