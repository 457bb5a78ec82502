//! Puts the activator together and runs it.

use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ebb_core::config::{Network, Observability, Settings as _};
use ebb_core::names::{labels, ports};
use ebb_net::drain::Drainer;
use ebb_net::server::{Limits, Server};
use ebb_process::metrics::{Exposition, Registry};
use ebb_process::{Stop, Supervisor, log};
use ebb_runtime::admin::{self, Readiness};
use ebb_runtime::cache::{Cache, Options};
use ebb_runtime::config::{self, ConfigMaps};
use ebb_runtime::events::Recorder;
use ebb_runtime::{cluster, logging};
use kube::{Api, Client};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::director::{self, Caches, Director};
use crate::handler::Activator;
use crate::link::Link;
use crate::metrics::Metrics;
use crate::prober::Pace;
use crate::report::Reporter;
use crate::settings::Settings;

/// How long requests are accepted after a stop was asked for: gateways need time to see that we are leaving.
const LINGER: Duration = Duration::from_secs(45);
/// When no request came for this long they have seen it.
const QUIET: Duration = Duration::from_secs(10);
/// Open requests may end within this time; the pod's grace period is 600 s.
const DRAIN: Duration = Duration::from_secs(540);

/// Starts everything; the caller then runs the supervisor. Once `leaving` is triggered the process drains: only when
/// the last request is over are the tasks that serve requests stopped, too.
///
/// # Errors
/// When the API server cannot be used, a ConfigMap is bad or a port is taken.
pub async fn start(
    supervisor: &Supervisor,
    settings: &Settings,
    client: Client,
    log: log::Handle,
    leaving: Stop,
) -> anyhow::Result<()> {
    let stop = supervisor.stop();
    let listeners = [bind(ports::HTTP).await?, bind(ports::H2C).await?];
    let (metrics_port, profiling_port) = (
        bind(settings.metrics_port).await?,
        bind(settings.profiling_port).await?,
    );

    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let config_metrics = config::Metrics::register(&mut registry);
    let exposition = Exposition::new(registry);
    let readiness = Readiness::new(leaving.clone());
    let ready = readiness.waits_for("revisions and pods");
    supervisor.spawn(
        "metrics port",
        admin::serve(metrics_port, admin::metrics(exposition), stop.child()),
    );
    supervisor.spawn(
        "profiling port",
        admin::serve(profiling_port, admin::profiling(), stop.child()),
    );

    let (reporter, frames) = Reporter::new(&settings.pod_name);
    let drainer = Arc::new(Drainer::new(QUIET));
    let caches = caches(supervisor, &client);
    let options = director::Options {
        own_ip: settings.pod_ip,
        idle_connections: settings.idle_connections,
        pace: Pace {
            patience: settings.probe_timeout * 100,
            late: settings.probe_frequency,
        },
    };
    let director = Director::new(caches.clone(), options, metrics.clone());
    let domain = cluster::detect(settings.cluster_domain.as_deref());
    let (synced, mut known) = watch::channel(false);
    let handler = Activator {
        revisions: director.revisions(),
        synced: known.clone(),
        reporter: Arc::clone(&reporter),
        readiness,
        drainer: Arc::clone(&drainer),
        cluster_domain: domain.clone(),
    };
    serve(supervisor, listeners, handler, drainer, leaving);
    supervisor.spawn("director", director.run(stop.child(), synced));

    ebb_runtime::client::wait_for_server(&client, &settings.kubernetes_min_version).await?;
    let namespace = settings.system_namespace.as_str();
    let services = Api::namespaced(client.clone(), namespace);
    let autoscaler = Options {
        fields: Some("metadata.name=autoscaler"),
        ..Options::default()
    };
    let services = Cache::start(supervisor, services, autoscaler);
    let link = Link::new(services, namespace, &domain, frames, metrics.link());
    let told = Arc::clone(&reporter);
    supervisor.spawn(
        "autoscaler link",
        link.run(stop.child(), move || told.tell_waiting()),
    );
    supervisor.spawn("reporter", reporter.run(stop.child()));

    let events = Recorder::start(supervisor, client.clone(), "activator");
    let maps = ConfigMaps::start(supervisor, client, namespace, events, config_metrics).await;
    logging::require(
        supervisor,
        &maps,
        &settings.config_logging,
        "activator",
        log,
    )?;
    // What the process does not act upon yet must still be there and good, as upstream asks.
    maps.require(Network::NAME, Network::parse)?;
    maps.require(&settings.config_observability, Observability::parse)?;

    // The sender lives as long as its task, and that as long as the process.
    let _ = known.wait_for(|synced| *synced).await;
    ready.set(true);
    tracing::info!(
        revisions = caches.revisions.len(),
        pods = caches.pods.len(),
        "ready"
    );
    Ok(())
}

fn caches(supervisor: &Supervisor, client: &Client) -> Caches {
    let of_revisions = Options {
        labels: Some(labels::REVISION),
        ..Options::default()
    };
    let of_services = Options {
        labels: Some(labels::SERVICE_TYPE),
        ..Options::default()
    };
    Caches {
        revisions: Cache::start(supervisor, Api::all(client.clone()), Options::default()),
        pods: Cache::start(supervisor, Api::all(client.clone()), of_revisions),
        slices: Cache::start(supervisor, Api::all(client.clone()), of_services),
    }
}

/// Serves requests until `leaving`, then for as long as gateways may still send some, then lets the open ones end, then
/// stops everything else.
fn serve(
    supervisor: &Supervisor,
    [http, h2c]: [TcpListener; 2],
    handler: Activator,
    drainer: Arc<Drainer>,
    leaving: Stop,
) {
    let handler = Arc::new(handler);
    let server = || Server::new(Arc::clone(&handler), &Limits::default());
    let (http_server, h2c_server) = (server(), server());
    let stop = supervisor.stop();
    let closing = Stop::new();
    let closed = || {
        let closing = closing.clone();
        async move { closing.triggered().await }
    };
    let served = futures::future::try_join(
        http_server.run(http, closed()),
        h2c_server.run(h2c, closed()),
    );
    supervisor.spawn("requests", async move {
        let drain = async {
            tokio::select! {
                () = leaving.triggered() => {
                    let quiet = tokio::time::timeout(LINGER, drainer.drain()).await.is_ok();
                    tracing::info!(quiet, "accepting no more requests");
                }
                // Something else broke: there is no time to be polite.
                () = stop.triggered() => {}
            }
            closing.trigger();
            tokio::time::sleep(DRAIN).await;
            tracing::warn!("giving up on open requests");
        };
        let outcome = tokio::select! {
            outcome = served => outcome.map(|_| ()),
            () = drain => Ok(()),
        };
        stop.trigger();
        outcome
    });
}

async fn bind(port: u16) -> std::io::Result<TcpListener> {
    admin::bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))).await
}
