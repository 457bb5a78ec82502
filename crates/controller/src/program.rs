//! Puts the process together: connection, configuration, caches, one controller and one Lease a reconciler.

use std::time::Duration;

use ebb_core::config::{LeaderElection, Settings as _};
use ebb_process::log::Handle;
use ebb_process::metrics::{Exposition, Registry};
use ebb_process::supervisor::Failure;
use ebb_process::{Supervisor, signal};
use ebb_runtime::admin::{self, Readiness};
use ebb_runtime::config::{self, ConfigMaps, Metrics as ConfigMetrics};
use ebb_runtime::events::Recorder;
use ebb_runtime::lease::{BadTiming, Timing};
use ebb_runtime::reconcile::Metrics;
use ebb_runtime::{client, cluster, lease, logging};
use kube::Client;

use crate::caches::Caches;
use crate::live::Config;
use crate::settings::Settings;
use crate::wiring::Wiring;

/// Requests in flight when a stop comes get this long to end.
const DRAIN: Duration = Duration::from_secs(10);

/// Why the process cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error(transparent)]
    Config(#[from] ebb_runtime::config::Error),
    #[error("cannot serve the admin ports")]
    Port(#[source] std::io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    #[error(transparent)]
    Task(#[from] Failure),
    #[error("the times of leader election cannot work")]
    Timing(#[from] BadTiming),
}

/// Runs the controller until it is told to stop.
///
/// # Errors
/// When it cannot start, or when one of its tasks dies.
pub async fn run(settings: Settings, log: Handle) -> Result<(), Error> {
    let supervisor = Supervisor::new();
    signal::stop_on_signal(&supervisor).map_err(Error::Signals)?;
    let mut registry = Registry::default();
    let queue_metrics = Metrics::register(&mut registry);
    let config_metrics = ConfigMetrics::register(&mut registry);
    let readiness = Readiness::new(supervisor.stop());
    let caches_ready = readiness.waits_for("caches");
    for (name, port, router) in [
        (
            "metrics port",
            settings.metrics_port,
            admin::metrics(Exposition::new(registry)),
        ),
        (
            "health port",
            settings.health_port,
            admin::health(readiness),
        ),
        (
            "profiling port",
            settings.profiling_port,
            admin::profiling(),
        ),
    ] {
        let listener = admin::bind(Settings::address(port))
            .await
            .map_err(Error::Port)?;
        supervisor.spawn(name, admin::serve(listener, router, supervisor.stop()));
    }

    let client = client::connect(settings.kubeconfig.clone()).await?;
    let started = start(
        &supervisor,
        &client,
        &settings,
        log,
        config_metrics,
        queue_metrics,
    );
    let stop = supervisor.stop();
    tokio::select! {
        started = started => {
            started?;
            caches_ready.set(true);
            tracing::info!("controller started");
        }
        () = stop.triggered() => {}
    }
    Ok(supervisor.run(DRAIN).await?)
}

async fn start(
    supervisor: &Supervisor,
    client: &Client,
    settings: &Settings,
    log: Handle,
    config_metrics: ConfigMetrics,
    queue_metrics: Metrics,
) -> Result<(), Error> {
    client::wait_for_server(client, &settings.kubernetes_min_version).await?;
    let events = Recorder::start(supervisor, client.clone(), "controller");
    let namespace = settings.system_namespace.as_str();
    let maps = ConfigMaps::start_labelled(
        supervisor,
        client.clone(),
        namespace,
        settings.system_resource_label.as_deref(),
        events.clone(),
        config_metrics,
    )
    .await;
    logging::require(
        supervisor,
        &maps,
        &settings.config_logging_name,
        "controller",
        log,
    )?;
    let cluster_domain = cluster::detect(settings.cluster_domain.as_deref());
    let config = Config::follow(&maps, settings, &cluster_domain)?;
    let name = &settings.config_leader_election_name;
    let election = config::once(client, namespace, name, LeaderElection::parse).await?;
    let timing = Timing::try_from(&election)?;

    let caches = Caches::start(supervisor, client, namespace);
    caches.ready().await;
    let wiring = Wiring {
        supervisor,
        client,
        settings,
        election: &election,
        timing,
        identity: lease::identity(&settings.pod_name, settings.pod_uid.as_deref()),
        events,
        metrics: queue_metrics,
        caches,
        config,
    };
    wiring.start();
    Ok(())
}
